"""The producers of a fault run's events; they note the records that the broker acknowledged."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from faults.evidence import Evidence, Sent
from faults.feed import Record

STEP_SECONDS = 0.1
TAKEN_BACK = 20  # records at most in an aborted transaction
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")

Place = Callable[[bytes], int]  # a key's partition


class Style(msgspec.Struct, frozen=True):
    """How one producer sends. `taken_back_share`: of its transactions, those that follow an aborted one."""

    codec: str = "none"
    is_transactional: bool = False
    taken_back_share: float = 0.2


class Sender:
    """Sends to one topic. `place`: the partition of a key; None: the producer's choice. `released` answers which share
    of the records may be sent by now."""

    def __init__(
        self, bootstrap_servers: str, topic: str, evidence: Evidence, rnd: random.Random, place: Place | None = None,
        released: Callable[[], float] = lambda: 1.0,
    ) -> None:  # fmt: skip
        self._bootstrap_servers = bootstrap_servers
        self._topic = topic
        self._evidence = evidence
        self._rnd = rnd
        self._place = place
        self._released = released

    async def run(self, records: list[Record], seconds: float, styles: Sequence[Style], name: str) -> None:
        """Send all records evenly over `seconds`, each project's by the same producer. Raises KafkaError."""
        shares: list[list[Record]] = [[] for _ in styles]
        for record in records:
            shares[sum(record.key or b"") % len(styles)].append(record)
        await asyncio.gather(
            *(
                self._produce(share, seconds, style, f"{name}-{number}")
                for number, (style, share) in enumerate(zip(styles, shares, strict=True))
            )
        )

    async def _produce(self, records: list[Record], seconds: float, style: Style, name: str) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap_servers, acks="all", linger_ms=5, enable_idempotence=True,
            compression_type=None if style.codec == "none" else style.codec,
            transactional_id=name if style.is_transactional else None,
        )  # fmt: skip
        await producer.start()
        steps = max(1, int(seconds / STEP_SECONDS))
        try:
            for step in range(steps):
                piece = records[len(records) * step // steps : len(records) * (step + 1) // steps]
                while step >= steps * self._released():  # noqa: ASYNC110 - a share is no event
                    await asyncio.sleep(0.02)
                began = time.monotonic()
                if style.is_transactional:
                    self._evidence.acknowledged += await self._send_in_transaction(producer, piece, style)
                else:
                    self._evidence.acknowledged += await self._send(producer, piece)
                await asyncio.sleep(max(0.0, STEP_SECONDS - (time.monotonic() - began)))
        finally:
            await producer.stop()

    async def _send_in_transaction(self, producer: AIOKafkaProducer, piece: list[Record], style: Style) -> list[Sent]:
        if self._rnd.random() < style.taken_back_share:
            await producer.begin_transaction()
            taken_back = self._rnd.sample(piece, min(len(piece), TAKEN_BACK))
            await self._send(producer, [_renamed(record) for record in taken_back])
            await producer.abort_transaction()
        await producer.begin_transaction()
        sent = await self._send(producer, piece)
        await producer.commit_transaction()
        return sent

    async def _send(self, producer: AIOKafkaProducer, piece: list[Record]) -> list[Sent]:
        useful = [record for record in piece if record.key is not None or record.value is not None]
        futures = [
            await producer.send(self._topic, record.value, record.key, partition=self._partition(record.key))
            for record in useful
        ]
        sent: list[Sent] = []
        for record, answer in zip(useful, await asyncio.gather(*futures, return_exceptions=True), strict=True):
            if isinstance(answer, KafkaError):  # the broker died: the record may be there or not
                self._evidence.unsure.add(record.value or b"")
            elif isinstance(answer, BaseException):
                raise answer
            else:
                sent.append(Sent(answer.partition, answer.offset, record.key, record.value))
        return sent

    def _partition(self, key: bytes | None) -> int | None:
        return None if self._place is None else self._place(key or b"")


def _renamed(record: Record) -> Record:
    """With an id of its own: an aborted record must leave no trace."""
    value = record.value
    return record if value is None else Record(record.key, value.replace(b'"ev-', b'"aborted-', 1))
