"""Reads the whole fleet topic in every worker and keeps the newest record of each partition.

A record of a higher generation wins, because a frozen worker may still write. Any record replaces a stale one, because
generations start again at 1 when a group was empty for long.
"""

import asyncio
from collections.abc import Callable, Mapping

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.fetching.reading import consumer_of, started
from agents.fleet_topic.record import Body, FleetRecord, Unreadable, decode_record, unpack_body
from agents.kafka.access import Kafka
from agents.kafka.refusals import words_of
from agents.retrying import Pauses, retry
from streams.alerting.core import Core
from streams.rates.totals import PartitionTotals

log = structlog.get_logger(__name__)

STALE_MS = 10_000
READ_BACK_RECORDS = 300  # before the end, or more where there are many partitions
READ_BACK_SECONDS = 10  # of records at one a second and partition: all that live speak several times in it
MAX_PARTITIONS = 100_000  # more than Kafka has in a topic; a bad record must not fill the memory
POLL_MS = 500
REQUEST_TIMEOUT_MS = 10_000


class Known:
    """The newest record of one partition. Its lists are decompressed on first use."""

    def __init__(self, record: FleetRecord, offset: int, heard_ms: int) -> None:
        self.record = record
        self.offset = offset
        self.heard_ms = heard_ms  # when it was true, by this worker's wall clock
        self._body: Body | None = None
        self._totals: PartitionTotals | None = None

    def body(self) -> Body:
        """Lists and encoded totals. Raises Unreadable."""
        if self._body is None:
            self._body = unpack_body(self.record.body)
        return self._body

    def totals(self, core: Core) -> PartitionTotals:
        """The totals, decoded once. Raises Unreadable."""
        if self._totals is None:
            encoded = self.body().totals
            try:
                self._totals = PartitionTotals.decode(core.calendar, core.detail_seconds, encoded)
            except Exception as error:  # any bytes may lie in the topic
                raise Unreadable(f"the totals cannot be read: {error}") from error
        return self._totals


class FleetReader:
    """Follows the topic with a consumer of its own, without a group.

    `partition_count` is of the events topic, 0 while unknown; `now_ms` is the wall clock.
    """

    def __init__(self, topic: str, kafka: Kafka, partition_count: Callable[[], int], now_ms: Callable[[], int]) -> None:
        self.status = "not read yet"  # "ok", or what is wrong in a few words
        self.unreadable = 0
        self.caught_up = asyncio.Event()  # the topic was read to its end once
        self._topic = topic
        self._kafka = kafka
        self._partition_count = partition_count
        self._now_ms = now_ms
        self._known: dict[int, Known] = {}
        self._is_live = False  # what comes now was written just now

    @property
    def known(self) -> Mapping[int, Known]:
        """Partition -> its newest record."""
        return self._known

    def is_stale(self, known: Known) -> bool:
        """Whether its owner has been silent for too long."""
        return self._now_ms() - known.heard_ms > STALE_MS

    def addresses(self) -> dict[str, str]:
        """Of the workers that own a partition, by their names."""
        alive = (known.record for known in self._known.values() if not self.is_stale(known))
        return {record.worker_id: record.url for record in alive}

    def take(self, value: bytes | None, offset: int) -> None:
        """Apply one record of the topic; an unreadable one is counted and skipped."""
        if value is None:
            return
        try:
            record = decode_record(value)
            if record.partition >= MAX_PARTITIONS:
                raise Unreadable(f"there is no partition {record.partition}")
        except Unreadable as error:
            self.unreadable += 1
            if self.unreadable == 1:
                log.warning("a record of the fleet topic cannot be read", offset=offset, error=str(error))
            return
        known = self._known.get(record.partition)
        if known is None or _supersedes(record, known.record):
            heard_ms = self._now_ms() if self._is_live else min(record.published_at_ms, self._now_ms())
            self._known[record.partition] = Known(record, offset, heard_ms)

    # --- following the topic

    async def run(self) -> None:
        """Follow for ever; failures are retried."""
        pauses = Pauses()

        def failed(error: BaseException) -> None:
            reason = words_of(error, self._kafka)
            if pauses.failures == 1:
                log.warning("the fleet topic cannot be read; retrying", error=reason)
            self.status = f"the fleet topic cannot be read: {reason.rstrip('.')}"

        await retry(lambda: self._follow(pauses), failed, pauses)

    async def _follow(self, pauses: Pauses) -> None:
        consumer = consumer_of(self._kafka, request_timeout_ms=REQUEST_TIMEOUT_MS, fetch_max_wait_ms=POLL_MS)
        self._is_live = False
        async with started(consumer):
            tp = TopicPartition(self._topic, 0)
            consumer.assign([tp])
            end = (await consumer.end_offsets([tp]))[tp]
            start = (await consumer.beginning_offsets([tp]))[tp]
            back = max(READ_BACK_RECORDS, READ_BACK_SECONDS * self._partition_count())
            consumer.seek(tp, max(start, end - back))
            self.status = "ok"
            pauses.reset()
            while True:
                await self._poll(consumer, tp, end)

    async def _poll(self, consumer: AIOKafkaConsumer, tp: TopicPartition, end: int) -> None:
        """`end` is the topic's end when reading began; a broker may return one that is too low."""
        for record in (await consumer.getmany(tp, timeout_ms=POLL_MS)).get(tp, ()):
            self.take(record.value, record.offset)
        if not self._is_live and await consumer.position(tp) >= max(end, consumer.highwater(tp) or 0):
            self._is_live = True
            self.caught_up.set()


def _supersedes(record: FleetRecord, known: FleetRecord) -> bool:
    if record.worker_id == known.worker_id or record.published_at_ms - known.published_at_ms > STALE_MS:
        return True
    return (record.generation, record.published_at_ms) >= (known.generation, known.published_at_ms)
