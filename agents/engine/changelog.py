"""The changelog topic: where partitions are stored, waited for, and read back from.

A write is over when the broker has all of it. A read ends at a marker that the reader wrote itself, so that it never
depends on what a broker believes its last offset to be.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.engine.producer import Producer
from streams import keys
from streams.partition import Cursor
from streams.state_codec import read_head

MARKER = b"m"
READ_TIMEOUT_MS = 500
MARKER_AGAIN_SECONDS = 20.0

Progress = Callable[[int], None]


class Changelog:
    """Reads and writes partitions of one topic. The producer must be idempotent and wait for all replicas."""

    def __init__(self, topic: str, bootstrap_servers: str, producer: Producer) -> None:
        self.topic = topic
        self.bytes_written = 0
        self.records_written = 0
        self._bootstrap_servers = bootstrap_servers
        self._producer = producer

    async def write(self, partition: int, records: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Append in this order and wait until the broker has everything; a value of None removes. Raises KafkaError."""
        acknowledgements: list[Awaitable[object]] = []
        batch = self._producer.create_batch()
        for key, value in records:
            self.records_written += 1
            self.bytes_written += len(key) + len(value or b"")
            if batch.append(key=key, value=value, timestamp=None) is None:
                acknowledgements.append(await self._producer.send_batch(batch, self.topic, partition))
                batch = self._producer.create_batch()
                batch.append(key=key, value=value, timestamp=None)  # a first record is taken whatever its size
        if batch.record_count():
            acknowledgements.append(await self._producer.send_batch(batch, self.topic, partition))
        await asyncio.gather(*acknowledgements)

    async def read(self, partition: int, source: TopicPartition, progress: Progress) -> tuple[dict[bytes, bytes], int]:
        """The latest value of every key, and the first offset that `source`, the events' partition, still has.

        `progress` is told how many records were read.
        """
        values: dict[bytes, bytes] = {}
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_bytes=16 * 1024 * 1024,
            max_partition_fetch_bytes=8 * 1024 * 1024,
        )
        await consumer.start()
        try:
            tp = TopicPartition(self.topic, partition)
            consumer.assign([tp])
            await consumer.seek_to_beginning(tp)
            await self._read_to_marker(consumer, tp, values, progress)
            return values, (await consumer.beginning_offsets([source]))[source]
        finally:
            await consumer.stop()

    async def _read_to_marker(
        self, consumer: AIOKafkaConsumer, tp: TopicPartition, values: dict[bytes, bytes], progress: Progress
    ) -> None:
        marker, read, marked_at = uuid.uuid4().bytes, 0, 0.0
        while True:
            if not marked_at or time.monotonic() - marked_at > MARKER_AGAIN_SECONDS:
                await self.write(tp.partition, [(MARKER, marker)])
                marked_at = time.monotonic()
            for records in (await consumer.getmany(tp, timeout_ms=READ_TIMEOUT_MS)).values():
                for record in records:
                    read += 1
                    if record.key == MARKER:
                        if record.value == marker:
                            progress(read)
                            return
                    elif record.key is not None:
                        _keep_newest(values, record.key, record.value)
                progress(read)
            await asyncio.sleep(0)


def _keep_newest(values: dict[bytes, bytes], key: bytes, value: bytes | None) -> None:
    """Later wins, except that a frozen worker may have written an older state after its successor's newer one."""
    if value is None:
        values.pop(key, None)
        return
    known = values.get(key)
    if known is not None:
        kind = key[:1]
        if kind == keys.HEAD and read_head(value).applied < read_head(known).applied:
            return
        if kind == keys.CURSOR and _cursor(value).next_offset < _cursor(known).next_offset:
            return
        if kind == keys.TOTALS and _applied(value) < _applied(known):
            return
    values[key] = value


def _cursor(value: bytes) -> Cursor:
    return msgspec.msgpack.decode(value, type=Cursor)


class _Applied(msgspec.Struct, array_like=True):
    applied: int


def _applied(value: bytes) -> int:
    return msgspec.msgpack.decode(value, type=_Applied).applied
