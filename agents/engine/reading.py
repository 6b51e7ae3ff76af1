"""A consumer without a group, for looking at topics: the changelog at recovery, and what lies around it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

READ_TIMEOUT_MS = 500
READ_RECORDS = 2_000  # at once: some 10 ms of work

Record: TypeAlias = "ConsumerRecord[bytes, bytes]"


@asynccontextmanager
async def reader(bootstrap_servers: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A started consumer; where an offset is not in the log it reads from the beginning. Raises KafkaError."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
        fetch_max_bytes=16 * 1024 * 1024,
        max_partition_fetch_bytes=8 * 1024 * 1024,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


async def some_records(consumer: AIOKafkaConsumer, tp: TopicPartition) -> list[Record]:
    """What comes next, or nothing where nothing comes for a while."""
    polled = await consumer.getmany(tp, timeout_ms=READ_TIMEOUT_MS, max_records=READ_RECORDS)
    records: list[Record] = polled.get(tp, [])
    return records
