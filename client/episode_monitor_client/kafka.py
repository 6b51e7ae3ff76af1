"""A producer that keeps order: a batch lands whole or not at all, and the next one waits until it has landed.

After any failure the same records may be sent again by a new producer; none of a project overtakes another.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer, codec
from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    UnknownError,
    UnsupportedCodecError,
    UnsupportedVersionError,
)
from aiokafka.partitioner import DefaultPartitioner

from .encoding import Record
from .settings import ClientSettings

log = logging.getLogger(__name__)

BATCH_MAX_BYTES = 512 * 1024  # brokers accept a megabyte by default
REQUEST_TIMEOUT_MS = 10_000  # after it the records go to a new producer, which looks for the topic again
STOP_SECONDS = 2.0
PROJECTS_REMEMBERED = 4096  # whose partition is; to compute it costs as much as all else of a record
SLOW_SECONDS = 5.0  # a broker that has not answered for so long is worth a line in the log

_CANNOT = (UnknownError, UnsupportedVersionError)  # what a broker without producer ids answers


class Producer(Protocol):
    """A connection to Kafka, as senders need it."""

    async def send(self, records: Sequence[Record]) -> None:
        """Returns when all have landed, in order; raises when that is not known."""

    async def stop(self) -> None:
        """Ends in bounded time."""


async def send_or_refuse(producer: Producer, records: Sequence[Record]) -> dict[int, str]:
    """Sends all in order. A record that Kafka finds too large is named by its place, and the others go without it."""
    try:
        await producer.send(records)
    except MessageSizeTooLargeError:
        refused: dict[int, str] = {}
        for place, record in enumerate(records):  # again and one by one; a record stored twice has the same id
            try:
                await producer.send([record])
            except MessageSizeTooLargeError as error:
                refused[place] = f"too large for Kafka: {error!r}"[:500]
        return refused
    return {}


class OrderedProducer:
    """To be made by `connect`. Everything may raise KafkaError, OSError or TimeoutError."""

    def __init__(self, client: AIOKafkaProducer, topic: str) -> None:
        self._client = client
        self._topic = topic
        self._partition_of = lru_cache(maxsize=PROJECTS_REMEMBERED)(_partition_of)

    @classmethod
    async def connect(cls, settings: ClientSettings) -> "OrderedProducer":
        """A started producer, idempotent as the settings say."""
        if settings.idempotence != "off":
            try:
                return cls(await _started(settings, idempotent=True), settings.topic)
            except _CANNOT:
                if settings.idempotence == "required":
                    raise
                log.warning(
                    "the broker does not support producer ids; a retried send may be stored twice, same event_id"
                )
        return cls(await _started(settings, idempotent=False), settings.topic)

    async def send(self, records: Sequence[Record]) -> None:
        """Returns when the broker has all of them; they are in their order, partition by partition."""
        partitions = tuple(sorted(await self._client.partitions_for(self._topic)))
        at = 0
        while at < len(records):
            batches: dict[int, Any] = {}
            while at < len(records):
                record = records[at]
                partition = self._partition_of(record.key, partitions)
                if partition not in batches:
                    batches[partition] = self._client.create_batch()
                taken = batches[partition].append(
                    timestamp=None, key=record.key, value=record.value, headers=record.headers
                )
                if taken is None:  # full: what follows waits until this much has landed
                    break
                at += 1
            await self._land(batches)

    async def _land(self, batches: dict[int, Any]) -> None:
        sent = [
            await self._client.send_batch(batch, self._topic, partition=partition)
            for partition, batch in batches.items()
        ]
        landed = asyncio.gather(*sent, return_exceptions=True)  # all must be known before a retry
        while not (await asyncio.wait({landed}, timeout=SLOW_SECONDS))[0]:
            log.warning("Kafka does not accept events")
        for result in landed.result():
            if isinstance(result, BaseException):
                raise result

    async def stop(self) -> None:
        """Ends within seconds: an idempotent producer would wait for a lost broker for ever."""
        await _stop(self._client)


def _partition_of(key: bytes, partitions: tuple[int, ...]) -> int:
    partition: int = DefaultPartitioner()(key, partitions, partitions)
    return partition


def _check_codec(name: object) -> None:
    """Raises UnsupportedCodecError where this process cannot compress so."""
    has = {"snappy": codec.has_snappy, "lz4": codec.has_lz4, "zstd": codec.has_zstd}.get(str(name))
    if has is not None and not has():
        raise UnsupportedCodecError(
            f"compression_type {name} needs the package cramjam; install episode-monitor-client[compression]"
        )


async def _started(settings: ClientSettings, *, idempotent: bool) -> AIOKafkaProducer:
    _check_codec(settings.producer_options.get("compression_type"))
    client = AIOKafkaProducer(
        **{
            "bootstrap_servers": settings.bootstrap_servers,
            "client_id": settings.source,
            "acks": "all",
            "enable_idempotence": idempotent,
            "max_batch_size": BATCH_MAX_BYTES,
            "request_timeout_ms": REQUEST_TIMEOUT_MS,
            **settings.producer_options,
        }
    )
    try:
        await client.start()
    except BaseException:
        await _stop(client)
        raise
    return client


async def _stop(client: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await client.stop()
    except (TimeoutError, KafkaError, OSError):
        log.debug("the producer raised an error while stopping")
        task = getattr(client._sender, "sender_task", None)
        if task is not None:
            task.cancel()
        with suppress(TimeoutError, KafkaError, OSError):
            async with asyncio.timeout(STOP_SECONDS):
                await client.client.close()
