"""The changelog topic: where partitions are stored, waited for, and read back from.

A write is over when the broker has all of it. A read ends at a marker that the reader wrote itself: so it never depends
on what a broker believes its last offset to be, and where the broker can, nothing of a former owner comes after it.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaTimeoutError
from aiokafka.producer.message_accumulator import BatchBuilder

from agents.engine.producer import Producer
from agents.engine.stored_values import StoredValues
from agents.fetching.reading import Record, some_records
from agents.fetching.record_parsing import UnreadableBatch
from streams.base import changelog_keys
from streams.base.checkpoint_types import Cursor
from streams.project.state_codec import is_older

MARKER = b"m"
PATIENCE_SECONDS = 30.0

Progress = Callable[[int], None]


class StateIsUnreadable(Exception):
    """Part of a log cannot be read, and with it states whose loss would go unnoticed; a sentence says what to do."""


class Changelog:
    """One topic of all partitions' logs. The producer must wait for all replicas."""

    def __init__(self, topic: str, producer: Producer) -> None:
        self.topic = topic
        self.bytes_written = 0
        self.records_written = 0
        self._producer = producer

    async def claim(self, partition: int) -> "PartitionLog":
        """This partition's log, for its new owner alone. Raises KafkaError."""
        return PartitionLog(self, partition, await self._producer.claim(f"{self.topic}-{partition}"))

    def is_shared(self, producer: Producer) -> bool:
        """Whether it is the producer that all partitions share."""
        return producer is self._producer


class PartitionLog:
    """One partition's log in the hands of its owner."""

    def __init__(self, changelog: Changelog, partition: int, producer: Producer) -> None:
        self._changelog = changelog
        self._tp = TopicPartition(changelog.topic, partition)
        self._producer = producer

    @property
    def producer(self) -> Producer:
        """The producer that claimed it."""
        return self._producer

    async def write(self, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Append in this order and wait until the broker has everything; a value of None removes.

        Raises KafkaError, ProducerFenced among them: another worker owns this partition.
        """
        log, acknowledgements = self._changelog, []
        batch = self._producer.create_batch()
        for key, value in records:
            log.records_written += 1
            log.bytes_written += len(key) + len(value or b"")
            if batch.append(key=key, value=value, timestamp=None) is None:
                acknowledgements.append(await self._send(batch))
                batch = self._producer.create_batch()
                batch.append(key=key, value=value, timestamp=None)  # a first record is taken whatever its size
        if batch.record_count():
            acknowledgements.append(await self._send(batch))
        await asyncio.gather(*acknowledgements)

    async def _send(self, batch: BatchBuilder) -> Awaitable[object]:
        return await self._producer.send_batch(batch, self._tp.topic, self._tp.partition)

    async def read(
        self, consumer: AIOKafkaConsumer, values: StoredValues, progress: Progress = lambda records: None
    ) -> None:
        """Put the latest value of every key into `values`. `progress` is called with the number of records read.

        Raises KafkaError, StateIsUnreadable.
        """
        async with aclosing(self.up_to_now(consumer, MARKER, progress)) as pieces:
            async for records in pieces:
                keep_newest_of(values, records)
        values.remove(MARKER)

    async def up_to_now(
        self, consumer: AIOKafkaConsumer, marker_key: bytes, progress: Progress = lambda records: None
    ) -> AsyncGenerator[Sequence[Record], None]:
        """All records, in pieces, up to a marker of this key that is written now. Raises KafkaError, StateIsUnreadable.

        To be closed if it is left early.
        """
        consumer.assign([self._tp])
        consumer.seek(self._tp, 0)  # or the first there is
        marker = uuid.uuid4().bytes
        marking = asyncio.create_task(self._mark(marker_key, marker))  # reading goes on meanwhile
        read, moved_at = 0, time.monotonic()
        try:
            while True:
                if marking.done():
                    marking.result()
                records = await some_records(consumer, self._tp)
                if records.has_unreadable:
                    raise self._unreadable(records)
                ends_at = _place_of(marker, records)
                if ends_at is not None:
                    await marking
                    progress(read + ends_at + 1)
                    yield records[:ends_at]
                    return
                if records:
                    read, moved_at = read + len(records), time.monotonic()
                    yield records
                progress(read)
                if time.monotonic() - moved_at > PATIENCE_SECONDS:
                    position = await consumer.position(self._tp)
                    raise KafkaTimeoutError(
                        f"{self._tp.topic} does not give back what was written to it from offset {position} on; look "
                        f"at the broker's log and disk"
                    )
        finally:
            marking.cancel()

    def _unreadable(self, records: Iterable[object]) -> StateIsUnreadable:
        first = next(record for record in records if isinstance(record, UnreadableBatch))
        topic, partition = self._tp
        return StateIsUnreadable(
            f"Partition {partition} of {topic} is damaged: {first.detail} Restore that partition from another replica "
            f"or a backup; or start with a new MONITOR_ID, or delete {topic}, to process all events again."
        )

    async def _mark(self, key: bytes, marker: bytes) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self.write([(key, marker)])
        except TimeoutError:
            raise KafkaTimeoutError(f"{self._tp.topic} does not accept records") from None

    async def close(self) -> None:
        """Give up what only this partition needs."""
        if not self._changelog.is_shared(self._producer):
            await self._producer.stop()


def _place_of(marker: bytes, records: Sequence[Record]) -> int | None:
    return next((place for place, record in enumerate(records) if record.value == marker), None)


def keep_newest_of(values: StoredValues, records: Iterable[Record]) -> None:
    """See `keep_newest`, of many records."""
    put_newest_head, head = values.put_newest_head, changelog_keys.HEAD
    for record in records:
        key, value = record.key, record.value
        if key is None:
            continue
        if value is None:
            values.remove(key)
        elif key[:1] == head:
            put_newest_head(key, value)
        elif key[:1] == changelog_keys.CHUNK:
            values.put(key, value)
        else:
            keep_newest(values.few, key, value)


def keep_newest(values: dict[bytes, bytes], key: bytes, value: bytes | None) -> None:
    """Later wins, except that a frozen worker may have written an older state after its successor's newer one."""
    if value is None:
        values.pop(key, None)
        return
    known = values.get(key)
    if known is not None:
        kind = key[:1]
        if kind == changelog_keys.HEAD and is_older(value, known):
            return
        if kind == changelog_keys.CURSOR and _cursor(value).next_offset < _cursor(known).next_offset:
            return
        if kind in (changelog_keys.TOTALS, changelog_keys.DRIFT, changelog_keys.FLEET) and _applied(value) < _applied(
            known
        ):
            return
        if key == changelog_keys.AUDIT and _applied(value) < _applied(known):
            return
    values[key] = value


def _cursor(value: bytes) -> Cursor:
    return msgspec.msgpack.decode(value, type=Cursor)


class _Applied(msgspec.Struct, array_like=True):
    """What such values begin with; it rises with every change."""

    applied: int


def _applied(value: bytes) -> int:
    return msgspec.msgpack.decode(value, type=_Applied).applied
