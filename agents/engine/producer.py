"""Sends records: each is acknowledged by all replicas, and the producer is idempotent if the broker supports it.

A broker that cannot (the embedded one) may see a record twice after a lost answer. State and alerts allow it: they are
keyed and their ids are computed.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaTimeoutError,
    TransactionalIdAuthorizationFailed,
    UnknownError,
    UnsupportedVersionError,
)
from aiokafka.producer.message_accumulator import BatchBuilder

from agents.engine.client_start import to_its_end
from agents.kafka.access import Kafka, client_options

log = structlog.get_logger(__name__)

MAX_BATCH_BYTES = 512 * 1024  # of a changelog batch; the default limit of brokers is a megabyte
MAX_RECORD_BYTES = 16 * 1024 * 1024
STOP_SECONDS = 5.0
CLAIM_PATIENCE_SECONDS = 20.0  # a broker makes its topic of transactional ids when the first one is asked for

Headers = Sequence[tuple[str, bytes | None]]
_CANNOT = (UnknownError, UnsupportedVersionError)


class Producer:
    """To be started before anything is sent. `check` is called before every request and may raise."""

    def __init__(self, kafka: Kafka, check: Callable[[], None] = lambda: None) -> None:
        self.is_idempotent = True
        self.can_claim = True
        self._kafka = kafka
        self._check = check
        self._client: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect. Raises KafkaError if the broker is unavailable."""
        try:
            self._client = await self._started(enable_idempotence=True)
        except _CANNOT as error:
            log.warning(
                "the broker does not support idempotent producers; continuing without", error=type(error).__name__
            )
            self.is_idempotent = self.can_claim = False
            self._client = await self._started(enable_idempotence=False)

    async def claim(self, name: str) -> "Producer":
        """A started producer that fences all that claimed this name before, on any host.

        From its first record to a partition on, the broker refuses theirs there (ProducerFenced). This is what a
        transactional id does; transactions themselves are not used. If the broker cannot fence, it returns this same
        producer. Raises KafkaError.
        """
        if not self.can_claim:
            return self
        try:
            async with asyncio.timeout(CLAIM_PATIENCE_SECONDS):
                client = await self._started(transactional_id=name)
        except TimeoutError:  # slow today is no reason to do without for ever
            raise KafkaTimeoutError(f"no transactional id was granted within {CLAIM_PATIENCE_SECONDS:.0f} s") from None
        except (TransactionalIdAuthorizationFailed, *_CANNOT) as error:
            self.can_claim = False
            log.warning(
                "the broker does not support transactional ids; a worker that was frozen is fenced by its own clock "
                "only", transactional_id=name, error=type(error).__name__,
            )  # fmt: skip
            return self
        client._txn_manager.transactional_id = None  # keeps the id's number and epoch; its records are plain ones
        claimed = Producer(self._kafka, self._check)
        claimed._client = client
        return claimed

    async def _started(self, **options: Any) -> AIOKafkaProducer:
        client = AIOKafkaProducer(
            **client_options(self._kafka),
            acks="all",
            linger_ms=0,
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=MAX_RECORD_BYTES,
            **options,
        )
        send = client.client.send

        async def checked_send(*args: Any, **kwargs: Any) -> Any:
            self._check()
            return await send(*args, **kwargs)

        client.client.send = checked_send
        try:
            await to_its_end(client.start())
        except BaseException:
            await client.stop()
            raise
        return client

    @property
    def is_started(self) -> bool:
        """Whether records can be sent."""
        return self._client is not None

    @property
    def client(self) -> AIOKafkaProducer:
        """The started client."""
        if self._client is None:
            raise RuntimeError("the producer was not started")
        return self._client

    async def knows(self, topic: str, partitions: int) -> bool:
        """Ask how many partitions a topic has; returns whether this producer then knows that many."""
        await self.client.client.add_topic(topic)
        await self.client.client.force_metadata_update()
        return len(self.client.client.cluster.partitions_for_topic(topic) or ()) >= partitions

    def create_batch(self) -> BatchBuilder:
        """An empty batch of records for one partition."""
        return self.client.create_batch()

    async def send_batch(self, batch: BatchBuilder, topic: str, partition: int) -> asyncio.Future[object]:
        """Queue a batch; the future is done when the broker has it."""
        sent: asyncio.Future[object] = await self.client.send_batch(batch, topic, partition=partition)
        return sent

    async def send(
        self, topic: str, value: bytes | None, key: bytes | None, headers: Headers = (), partition: int | None = None
    ) -> asyncio.Future[object]:
        """Queue a record, its partition chosen by its key if not given; the future is done when the broker has it."""
        sent: asyncio.Future[object] = await self.client.send(topic, value, key, partition, headers=list(headers))
        return sent

    async def stop(self) -> None:
        """Send what is queued, if a broker takes it soon, and disconnect."""
        client, self._client = self._client, None
        if client is None:
            return
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await client.stop()
        except TimeoutError:  # an idempotent producer tries for ever
            client._sender.sender_task.cancel()
            await client.client.close()
