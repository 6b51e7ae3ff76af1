"""Stores every alert transition in the history, in order, at the history's speed.

What a core emits because the dispatcher has taken an act is passed over: the dispatcher appends the act itself.

It reads with its own consumer from the last offset that the history has: while the history is unavailable nothing is
kept in memory, and afterwards nothing is missing. Deliveries do not depend on it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from agents.alerts.alert_headers import Ours, read_mark
from agents.fetching.reading import NEWS_MAX_WAIT_MS, Record, reader
from agents.kafka.access import Kafka
from agents.kafka.refusals import words_of
from agents.retrying import Pauses, retry
from models.alert import Alert
from models.alert_codec import decode_alert
from streams.dispatch.outputs import Change

log = structlog.get_logger(__name__)

BATCH_RECORDS = 500
POLL_MS = 500
LOOK_SECONDS = 0.2  # how soon a new assignment is noticed
REST_SECONDS = 0.2  # at the end of the topic: several transitions at once cost little more than one


async def _passed_over(change: Change) -> bool:
    return True


@dataclass(frozen=True)
class HistoryStore:
    """Stores transitions. Both functions may raise or report that they cannot now; they are then called again later.

    `append(alert, partition, offset)` returns True if stored; a repetition is already stored. Several run at once, in
    the order of their offsets. `last_offsets()` returns, by partition, the offset up to which nothing is missing.
    `newest_only`: an int: each worker keeps its own copy with this many transitions and loses it at exit. None: the
    store is shared, and the owner of a partition appends its transitions. `append_change`: the same for a change that
    the dispatcher made, by its alert, reason and time.
    """

    append: Callable[[Alert, int, int], Awaitable[bool]]
    last_offsets: Callable[[], Awaitable[Mapping[int, int]]]
    newest_only: int | None = None
    append_change: Callable[[Change], Awaitable[bool]] = _passed_over


class _NotTaken(Exception):
    """The history cannot store now; the transitions are read again later."""


class HistoryFollower:
    """`owned` returns this worker's partitions of the alerts topic, `count` how many the topic has."""

    def __init__(
        self,
        topic: str,
        kafka: Kafka,
        history: HistoryStore,
        owned: Callable[[], frozenset[int]],
        count: Callable[[], int],
        ours: Ours,
    ) -> None:
        self.status = "ok"  # or one sentence of what is missing
        self._topic = topic
        self._kafka = kafka
        self._history = history
        self._owned = owned
        self._count = count
        self._ours = ours

    async def run(self) -> None:
        """Follow for ever; after a failure it goes on from the offsets that the history then has."""
        pauses = Pauses()
        await retry(
            lambda: self._follow_all(pauses), self._failed, pauses,
            is_retried=lambda error: isinstance(error, Exception),
        )  # fmt: skip

    async def _follow_all(self, pauses: Pauses) -> None:
        async with reader(self._kafka, committed_only=True, fetch_max_wait_ms=NEWS_MAX_WAIT_MS) as consumer:
            while True:
                partitions = self._wanted()
                await self._begin(consumer, partitions)
                self.status = "ok"
                pauses.reset()
                await self._follow(consumer, partitions)

    def _failed(self, error: BaseException) -> None:
        reason = words_of(error, self._kafka) if isinstance(error, KafkaError) else str(error) or type(error).__name__
        if self.status == "ok":
            known = isinstance(error, _NotTaken | KafkaError | OSError)
            log.warning("the alert history cannot be written; it catches up later", error=reason, exc_info=not known)
        self.status = f"The alert history cannot be written and catches up from the topic later: {reason.rstrip('.')}."

    def _wanted(self) -> frozenset[int]:
        return self._owned() if self._history.newest_only is None else frozenset(range(self._count()))

    async def _begin(self, consumer: AIOKafkaConsumer, partitions: frozenset[int]) -> None:
        """Read each partition from the first transition that the history lacks."""
        tps = [TopicPartition(self._topic, number) for number in sorted(partitions)]
        if not tps:
            consumer.assign(())
            return
        try:
            known = await self._history.last_offsets()
        except Exception as error:
            raise _NotTaken(str(error) or type(error).__name__) from error
        beginnings, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
        consumer.assign(
            tps
        )  # nothing is awaited before the seek: without a position, stopping aiokafka cancels its caller
        for tp in tps:
            start = first_missing(known.get(tp.partition), beginnings[tp], ends[tp], self._history.newest_only)
            consumer.seek(tp, start)

    async def _follow(self, consumer: AIOKafkaConsumer, partitions: frozenset[int]) -> None:
        """Until the partitions are others."""
        while self._wanted() == partitions:
            if not partitions:
                await asyncio.sleep(LOOK_SECONDS)
                continue
            polled = await consumer.getmany(timeout_ms=POLL_MS, max_records=BATCH_RECORDS)
            for tp, records in polled.items():
                if self._wanted() != partitions:
                    return  # their owner now reads them
                await self._append(tp.partition, records)
            if polled and await _is_at_end(consumer):
                await asyncio.sleep(REST_SECONDS)

    async def _append(self, partition: int, records: Sequence[Record]) -> None:
        """All at once, so that they may be stored in one go; each call begins in the order of the records."""
        marked = [(record, read_mark(record.headers)) for record in records]
        own = [one for one, mark in marked if self._ours.has(mark, one.timestamp) and not mark.follows_act]
        alerts = [(decode_alert(record.value) if record.value else None, record.offset) for record in own]
        answers = await asyncio.gather(
            *(self._history.append(alert, partition, offset) for alert, offset in alerts if alert is not None),
            return_exceptions=True,
        )
        for answer in answers:
            if isinstance(answer, BaseException):
                raise _NotTaken(str(answer) or type(answer).__name__) from answer
            if not answer:
                raise _NotTaken("it accepts no rows now")


async def _is_at_end(consumer: AIOKafkaConsumer) -> bool:
    """Whether it has read all that the brokers had when they last answered."""
    for tp in consumer.assignment():
        end = consumer.last_stable_offset(tp)
        if end is not None and await consumer.position(tp) < end:
            return False
    return True


def first_missing(last: int | None, beginning: int, end: int, newest_only: int | None) -> int:
    """Where to read a partition from, given up to where it is known; `last` at or past the end is of another topic.

    >>> first_missing(None, 3, 9, None), first_missing(6, 3, 9, None), first_missing(8, 3, 9, None)
    (3, 7, 9)
    >>> first_missing(700, 0, 9, None), first_missing(1, 3, 9, None), first_missing(None, 0, 900, 100)
    (0, 3, 800)
    """
    start = beginning if last is None or last >= end else max(beginning, last + 1)
    return start if newest_only is None else max(start, end - newest_only)
