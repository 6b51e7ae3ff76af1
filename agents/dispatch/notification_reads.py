"""Reads this worker's partitions of the notifications topic with a consumer of its own.

Through the group's consumer, which brings the events, notifications would wait behind them: one fetch at a time is
under way to a broker, and its thread gets the interpreter seldom while events are applied. The group still deals the
partitions out, and positions are committed through it.
"""

import time
from asyncio import Event
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError
from faust.types import TP

from agents.dispatch.notification_consumer import NotificationConsumer
from agents.fetching.consumer_thread import Fetched, Reading, progress, stable_end, state_of
from agents.fetching.reading import NEWS_MAX_WAIT_MS, Record, consumer_of, started
from agents.fetching.refused_fetches import RefusedFetches
from agents.fetching.taken_records import Taken
from agents.kafka.access import Kafka
from agents.kafka.refusals import words_of
from agents.retrying import Pauses, retry

log = structlog.get_logger(__name__)

POLL_MS = 500
POLL_RECORDS = 500


class GroupPositions(Protocol):
    """The part of the group's consumer that is used; see `agents.dispatch.read_positions.NotificationReader`."""

    async def committed(self, tps: Iterable[TP]) -> dict[TP, tuple[int, str]]: ...

    async def commit_with_notes(self, positions: Mapping[TP, tuple[int, str]]) -> None: ...

    async def earliest_offsets(self, *tps: TP) -> Mapping[TP, int]: ...


class _Reading(Reading):
    __slots__ = ("is_wanted",)

    def __init__(self, number: int, offset: int) -> None:
        super().__init__(number, offset)
        self.is_wanted = True


class NotificationReads:
    """A `NotificationReader`, and what reads: `notifications` gets what has come, partition after partition.

    To be set before partitions come: `group`, and `out_of_range`, which is told that a partition has no record at its
    position. Lives in one event loop.
    """

    out_of_range: Callable[[Fetched], None]

    def __init__(self, topic: str, kafka: Kafka, notifications: NotificationConsumer) -> None:
        self.notifications = notifications
        self.group: GroupPositions | None = None
        self._topic = topic
        self._kafka = kafka
        self._readings: dict[TP, _Reading] = {}
        self._begun = 0
        self._has_begun = Event()
        self._refused = RefusedFetches()
        self._consumer: AIOKafkaConsumer | None = None

    # --- what is read

    async def begin(self, tp: TP, offset: int) -> int:
        """See `NotificationReader`."""
        self._begun += 1
        self._readings[tp] = _Reading(self._begun, offset)
        self._read_on()
        return self._begun

    def forget(self) -> None:
        """Read nothing more: the partitions go to other workers."""
        self._readings.clear()
        self._has_begun.clear()
        if self._consumer is not None:
            self._consumer.pause(*self._consumer.assignment())

    def want(self, tp: TP) -> None:
        """See `NotificationReader`."""
        if tp in self._readings:
            self._readings[tp].is_wanted = True
            if self._consumer is not None:
                self._consumer.resume(TopicPartition(*tp))

    def do_not_want(self, tp: TP) -> None:
        """See `NotificationReader`."""
        if tp in self._readings:
            self._readings[tp].is_wanted = False
            if self._consumer is not None:
                self._consumer.pause(TopicPartition(*tp))

    def end(self, tp: TP) -> int | None:
        """See `NotificationReader`."""
        return None if self._consumer is None else stable_end(state_of(self._consumer, tp))

    def refused(self) -> dict[TP, str]:
        """Partitions that brokers have refused for some time, and their error."""
        return {TP(*tp): word for tp, word in self._refused.lasting(time.monotonic())}

    # --- what the group knows

    @property
    def _group(self) -> GroupPositions:
        if self.group is None:
            raise RuntimeError("the group's consumer was not started")
        return self.group

    async def committed(self, tps: Iterable[TP]) -> dict[TP, tuple[int, str]]:
        """See `NotificationReader`."""
        return await self._group.committed(tps)

    async def commit_with_notes(self, positions: Mapping[TP, tuple[int, str]]) -> None:
        """See `NotificationReader`."""
        await self._group.commit_with_notes(positions)

    async def earliest_offsets(self, *tps: TP) -> Mapping[TP, int]:
        """See `NotificationReader`."""
        return await self._group.earliest_offsets(*tps)

    # --- reading

    async def run(self) -> None:
        """Read for ever. What Kafka refuses is tried again from where it was."""
        pauses = Pauses()

        def failed(error: BaseException) -> None:
            if pauses.failures == 1:
                log.warning("notifications cannot be read; retrying", reason=words_of(error, self._kafka))

        await retry(lambda: self._read(pauses), failed, pauses)

    async def _read(self, pauses: Pauses) -> None:
        consumer = consumer_of(
            self._kafka, isolation_level="read_committed", auto_offset_reset="none", retry_backoff_ms=20,
            fetch_max_wait_ms=NEWS_MAX_WAIT_MS,
        )  # fmt: skip
        async with started(consumer):
            await consumer._client.set_topics({self._topic})
            self._refused.watch(consumer._client)
            self._consumer = consumer
            try:
                self._read_on()
                while True:
                    await self._has_begun.wait()
                    await self._poll(consumer)
                    pauses.reset()
            finally:
                self._consumer = None

    def _read_on(self) -> None:
        """Read each from where it was: aiokafka drops all positions where the partitions are others."""
        if not self._readings:
            return
        self._has_begun.set()
        consumer = self._consumer
        if consumer is None:
            return
        self._refused.forget()
        consumer.assign([TopicPartition(*tp) for tp in self._readings])
        for tp, reading in self._readings.items():
            consumer.seek(TopicPartition(*tp), reading.offset)
            if not reading.is_wanted:
                consumer.pause(TopicPartition(*tp))

    async def _poll(self, consumer: AIOKafkaConsumer) -> None:
        records: Mapping[TopicPartition, Taken[Record]] = {}
        lost: Collection[TopicPartition] = ()
        try:
            records = await consumer.getmany(timeout_ms=POLL_MS, max_records=POLL_RECORDS)
        except OffsetOutOfRangeError as error:
            lost = error.args[0]
        for fetched in list(progress(consumer, self._readings, records, lost)):
            if fetched.is_out_of_range:
                self.out_of_range(fetched)
            else:
                await self.notifications.accept(fetched)
