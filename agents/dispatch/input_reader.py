"""Reads what moves the dispatcher: all partitions of the alerts topic and the acts topic, from the stored positions.

It is no member of the group. Records of all sources come in the order of their timestamps, as far as they are there.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.alerts.alert_headers import Mark, Ours, read_mark
from agents.alerts.catching_up import LIVE_MS, CatchingUp
from agents.dispatch.codecs import decode_act
from agents.dispatch.dispatch_counts import DispatchCounts
from agents.dispatch.timed import Timed, in_order, of_act, of_alert, origin_of, partition_of, passed_over
from agents.fetching.reading import Record
from agents.fetching.record_parsing import UnreadableBatch
from agents.kafka.topics import TopicNames
from models.alert_codec import decode_alert
from streams.dispatch.inputs import CaughtUp, Position

log = structlog.get_logger(__name__)

BATCH_RECORDS = 500  # decided and stored together
POLL_MS = 200
SILENT_MS = 30_000  # brokers answer every tenth of a second; alerts of the past wait no longer for one that does not
TOGETHER_MS = 30_000  # a partition that has caught up waits this long for others, to share one message


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where inputs come from. `alerts_partitions` of the alerts topic; `caught_up_at_ms` returns when a partition of
    events was last said to have caught up, None if it has not; `now_ms` is the wall clock."""

    topics: TopicNames
    alerts_partitions: int
    ours: Ours
    now_ms: Callable[[], int]
    caught_up_at_ms: Callable[[int], int | None]


class InputReader:
    """One reading, with a started consumer of its own."""

    def __init__(self, sources: Sources, consumer: AIOKafkaConsumer, counts: DispatchCounts | None = None) -> None:
        self._counts = counts or DispatchCounts()
        self.is_at_end = False  # nothing waited at the last look
        self._sources = sources
        self._consumer = consumer
        self._ends: dict[TopicPartition, int] = {}
        self._known_to: Mapping[int, int] = {}
        self._behind: dict[str, int] = {}  # origin -> when its last alert was taken
        self._begun_ms = 0
        self._ready_since_ms: int | None = None  # one of them has caught up
        self._catching_up = CatchingUp(sources.caught_up_at_ms, self._read_up_at_ms)

    async def begin(self, positions: Mapping[str, int], known_to: Mapping[int, int], behind: set[str]) -> None:
        """Read on behind these positions. `known_to`: by partition of the alerts topic, the offset before which all was
        notified before; `behind`: origins for which stored alerts wait. Raises KafkaError."""
        topics, consumer = self._sources.topics, self._consumer
        tps = [TopicPartition(topics.alerts, number) for number in range(self._sources.alerts_partitions)]
        tps.append(TopicPartition(topics.acts, 0))
        await consumer._client.set_topics({topics.alerts, topics.acts})
        beginnings, self._ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
        consumer.assign(tps)
        for tp in tps:
            consumer.seek(tp, max(beginnings[tp], positions.get(_source(tp), -1) + 1))
        self._known_to, self._begun_ms = known_to, self._sources.now_ms()
        for origin in behind:
            self._wait_for(origin)

    async def next(self, wait_ms: int) -> list[Timed]:
        """What has come, after at most `wait_ms`; empty if nothing has. Raises KafkaError."""
        polled: Mapping[TopicPartition, list[Record]] = await self._consumer.getmany(
            timeout_ms=max(0, min(wait_ms, POLL_MS)), max_records=BATCH_RECORDS
        )
        found = in_order({tp: self._of(tp, records) for tp, records in polled.items()}, self._sources.topics.acts)
        self.is_at_end = await self._look_at_ends()
        return found + self._caught_up()

    async def _look_at_ends(self) -> bool:
        """An end that a broker names may be too low; those of fetches are right."""
        for tp in self._consumer.assignment():
            if await self._consumer.position(tp) < max(self._ends[tp], self._consumer.highwater(tp) or 0):
                return False
        return True

    def _read_up_at_ms(self) -> int:
        if not self.is_at_end:
            return 0
        alerts = [tp for tp in self._consumer.assignment() if tp.topic == self._sources.topics.alerts]
        answered = [self._consumer.last_poll_timestamp(tp) or 0 for tp in alerts]
        silent_ms = self._sources.now_ms() - SILENT_MS
        return min((at_ms for at_ms in answered if max(at_ms, self._begun_ms) >= silent_ms), default=0)

    # --- records

    def _of(self, tp: TopicPartition, records: list[Record]) -> list[tuple[int, Timed]]:
        """The inputs of one partition, in order, each with the time to sort by: it never goes back."""
        found, latest_ms, now_ms = [], 0, self._sources.now_ms()
        for record in records:
            latest_ms = max(latest_ms, record.timestamp or 0)
            at_ms = min(latest_ms, now_ms)  # another worker's clock may be ahead
            position = Position(_source(tp), record.offset)
            is_alert = tp.topic == self._sources.topics.alerts
            timed = self._of_alert(tp, record, position, at_ms) if is_alert else self._of_act(record, position, at_ms)
            found += [(latest_ms, each) for each in timed]
        return found

    def _of_alert(self, tp: TopicPartition, record: Record, position: Position, at_ms: int) -> list[Timed]:
        ours, is_known = self._sources.ours, record.offset < self._known_to.get(tp.partition, 0)
        mark = Mark() if isinstance(record, UnreadableBatch) else read_mark(record.headers)
        if not isinstance(record, UnreadableBatch) and not ours.has(mark, record.timestamp):
            ours.pass_over(mark)
            return [passed_over(position, at_ms)]
        alert = None if isinstance(record, UnreadableBatch) else decode_alert(record.value or b"")
        if alert is None:
            return self._unreadable(position, at_ms)
        is_past = mark.is_behind or self._sources.now_ms() - record.timestamp > LIVE_MS
        behind = origin_of(self._sources.topics.events, mark) if is_past and not is_known else ""
        if behind:
            self._wait_for(behind)
        return of_alert(alert, position, at_ms, behind=behind, is_known=is_known)

    def _of_act(self, record: Record, position: Position, at_ms: int) -> list[Timed]:
        stamped = None if isinstance(record, UnreadableBatch) else decode_act(record.value)
        if stamped is None:
            return self._unreadable(position, at_ms)
        return [of_act(stamped, msgspec.structs.replace(stamped.act, position=position), at_ms)]

    def _unreadable(self, position: Position, at_ms: int) -> list[Timed]:
        self._counts.undecodable += 1
        log.error("a record is no input of the dispatcher", source=position.source, offset=position.offset)
        return [passed_over(position, at_ms)]

    # --- partitions of events that were behind

    def _wait_for(self, origin: str) -> None:
        self._behind[origin] = self._sources.now_ms()
        self._catching_up.watch(Mark(events_partition=partition_of(origin)))

    def _caught_up(self) -> list[Timed]:
        if not self._behind:
            return []
        now_ms = self._sources.now_ms()
        self._catching_up.look(now_ms)
        over = [each for each, at_ms in self._behind.items() if self._catching_up.has(partition_of(each), at_ms)]
        self._ready_since_ms = (self._ready_since_ms or now_ms) if over else None
        if self._ready_since_ms is None or (
            len(over) < len(self._behind) and now_ms < self._ready_since_ms + TOGETHER_MS
        ):
            return []
        self._ready_since_ms = None
        for origin in over:
            del self._behind[origin]
        return [Timed(CaughtUp(origins=tuple(sorted(over))), now_ms)]


def _source(tp: TopicPartition) -> str:
    return f"{tp.topic}/{tp.partition}"


async def until_stopped(reader: InputReader, wait_ms: int, stopping: asyncio.Event) -> list[Timed]:
    """`reader.next`, ended early when the dispatcher is to stop."""
    reading, stop = asyncio.ensure_future(reader.next(wait_ms)), asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait({reading, stop}, return_when=asyncio.FIRST_COMPLETED)
        return [] if stopping.is_set() else reading.result()
    finally:
        stop.cancel()
        if not reading.done():
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
