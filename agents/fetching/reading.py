"""A consumer without a group, to read topics from given offsets: the changelog at recovery, replays, topic checks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from agents.engine.client_start import to_its_end
from agents.fetching.fetch_results import install
from agents.fetching.patience import be_patient
from agents.fetching.taken_records import Taken
from agents.kafka.access import Kafka, client_options
from agents.kafka.ending import in_turn

READ_TIMEOUT_MS = 500
FETCH_MAX_WAIT_MS = 20  # whatever is asked next waits behind a fetch that waits for news
NEWS_MAX_WAIT_MS = 500  # of a consumer that only follows: a broker answers at once where records are there or come
PARTITION_FETCH_BYTES = 8 * 1024 * 1024
READ_RECORDS = 2_000  # at once: some 10 ms of work

Record: TypeAlias = "ConsumerRecord[bytes, bytes]"


install()


def consumer_of(kafka: Kafka, **options: Any) -> AIOKafkaConsumer:
    """Made, not started: without a group, from the beginning where an offset is not in the log, unless the options of
    aiokafka say otherwise."""
    usual = {
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "max_partition_fetch_bytes": PARTITION_FETCH_BYTES,
    }
    return AIOKafkaConsumer(**client_options(kafka), **usual | options)


@asynccontextmanager
async def started(consumer: AIOKafkaConsumer) -> AsyncIterator[AIOKafkaConsumer]:
    """The consumer, stopped at the end. Raises KafkaError."""
    try:
        await to_its_end(consumer.start())
        be_patient(consumer)
        yield consumer
    finally:
        await stop(consumer)


@asynccontextmanager
async def reader(
    kafka: Kafka, *, committed_only: bool = False, is_strict: bool = False, fetch_max_wait_ms: int = FETCH_MAX_WAIT_MS
) -> AsyncIterator[AIOKafkaConsumer]:
    """A started consumer; it reads from the beginning where an offset is not in the log. Raises KafkaError; if
    `is_strict`, OffsetOutOfRangeError for such an offset.

    `committed_only`: skip open and aborted transactions, as the worker does for events.
    """
    consumer = consumer_of(
        kafka,
        auto_offset_reset="none" if is_strict else "earliest",
        isolation_level="read_committed" if committed_only else "read_uncommitted",
        fetch_max_wait_ms=fetch_max_wait_ms,
        retry_backoff_ms=20,  # every first question about a topic waits once for this
        fetch_max_bytes=16 * 1024 * 1024,
    )
    async with started(consumer):
        yield consumer


async def stop(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer, in bounded time. aiokafka's own `stop` may end half-way, with the cancellation of a task of its
    own that had hardly begun."""
    consumer._closed = True
    parts = (consumer._coordinator, consumer._fetcher, consumer._client)
    await in_turn(part.close() for part in parts if part is not None)


async def some_records(consumer: AIOKafkaConsumer, tp: TopicPartition) -> Taken[Record]:
    """The next records; empty after a timeout."""
    polled = await consumer.getmany(tp, timeout_ms=READ_TIMEOUT_MS, max_records=READ_RECORDS)
    records: Taken[Record] = polled.get(tp) or Taken()
    return records
