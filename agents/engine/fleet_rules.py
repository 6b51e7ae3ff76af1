"""Rules on all projects: each worker sends what its partitions have closed, and the owner of one partition judges it.

Only what is stored is sent, so that a repetition after a crash is the same. What is judged is emitted before it is
stored, as everything that a partition emits.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from agents.engine.emitter import Failpoint
from agents.engine.engine import Engine
from agents.engine.ownership import Change, Owned
from agents.engine.producer import Producer
from agents.fetching.reading import NEWS_MAX_WAIT_MS, reader
from agents.fetching.record_parsing import UnreadableBatch
from agents.kafka.access import Kafka
from agents.kafka.refusals import reason_for_log, words_of
from models.times import rfc3339
from streams.alerting.core import FINAL_GRACES
from streams.partition.drift_alerts import KEEPER
from streams.partition.fleet_judge import FleetJudge, FleetRecord

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.2
PAUSE_SECONDS = 5.0  # after a refusal
READ_RECORDS = 1_000
PRESENT_SECONDS = 60  # so much older than two graces is of the past
STALE_SECONDS = 300  # so much older than two graces, and somebody should look
PACE_SECONDS = 5.0
CATCHING_UP = 3.0  # seconds of events a second: partitions are still reading the past

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(FleetRecord).decode


class Pace:
    """Whether the end of what is final moves faster than time: then it is of a past that is being read, and alerts that
    are over by the present need no notification."""

    def __init__(self) -> None:
        self._looked_at: float | None = None
        self._final = 0
        self._is_fast = True

    def is_catching_up(self, final: int, age_seconds: float, now: float) -> bool:
        """`age_seconds`: how far the end lies behind the newest second that could be final; `now` is monotonic."""
        if self._looked_at is None:
            self._looked_at, self._final = now, final
        elif now - self._looked_at >= PACE_SECONDS:
            self._is_fast = final - self._final > CATCHING_UP * (now - self._looked_at)
            self._looked_at, self._final = now, final
        return age_seconds > PRESENT_SECONDS and self._is_fast


class FleetRules:
    """One worker's part."""

    def __init__(
        self, engine: Engine, producer: Producer, kafka: Kafka, topic: str, now_ms: Callable[[], int],
        failpoint: Failpoint = lambda name: None,
    ) -> None:  # fmt: skip
        """`now_ms` is the wall clock, `failpoint` is where faults are injected."""
        self._waits_for = self._stalled = ""
        self._engine, self._producer, self._kafka, self._topic = engine, producer, kafka, topic
        self._now_ms, self._failpoint = now_ms, failpoint

    @property
    def problem(self) -> str:
        """One sentence of what keeps them from being judged; "" where nothing does, or there are none."""
        return (self._waits_for or self._stalled) if self._engine.core.rules.fleet else ""

    async def run(self) -> None:
        """Send and judge for ever."""
        await asyncio.gather(self._repeat(self._send), self._repeat(self._judge_while_keeper))

    async def _repeat(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not self._engine.core.rules.fleet:
                continue
            try:
                await work()
            except (KafkaError, OSError) as error:
                reason = words_of(error, self._kafka).rstrip(".")
                sentence = f"Rules on all projects wait for {self._topic}: {reason}."
                if sentence != self._waits_for:
                    log.warning("rules on all projects wait for Kafka", topic=self._topic, reason=reason)
                    self._waits_for = sentence
                await asyncio.sleep(PAUSE_SECONDS)

    # --- what partitions have closed

    async def _send(self) -> None:
        partitions = self._engine.assignment.partitions
        for owned in list(self._engine.assignment.live):
            fleet = owned.partition.totals.fleet
            found = [] if fleet is None else fleet.to_send()
            if fleet is None or not found or not partitions:
                continue
            self._failpoint("fleet seconds stored")
            sending = []
            for closed in found:
                value = _encode(FleetRecord(owned.number, partitions, closed, owned.committed))
                sending.append(await self._producer.send(self._topic, value, None, partition=0))
            await asyncio.gather(*sending)
            self._failpoint("fleet seconds sent")
            fleet.sent(found[-1].until)
        self._waits_for = ""

    # --- judging

    def _keeper(self) -> tuple[Owned, FleetJudge] | None:
        owned = self._engine.owned.get(KEEPER)
        if owned is None or not owned.is_live or owned.fleet_judge is None:
            return None
        return owned, owned.fleet_judge

    async def _judge_while_keeper(self) -> None:
        found, self._stalled = self._keeper(), ""
        if found is None:
            return
        owned, judge = found
        tp, pace = TopicPartition(self._topic, 0), Pace()
        async with reader(self._kafka, committed_only=True, fetch_max_wait_ms=NEWS_MAX_WAIT_MS) as consumer:
            await consumer._client.set_topics({tp.topic})
            consumer.assign([tp])
            beginnings = await consumer.beginning_offsets([tp])
            consumer.seek(tp, max(beginnings[tp], judge.position))
            while self._keeper() == (owned, judge):
                await self._judge(owned, judge, await self._polled(consumer, tp), pace)

    async def _polled(self, consumer: AIOKafkaConsumer, tp: TopicPartition) -> list[tuple[int, FleetRecord]]:
        timeout_ms = round(LOOK_SECONDS * 1000)
        polled = await consumer.getmany(tp, timeout_ms=timeout_ms, max_records=READ_RECORDS)
        found = []
        for record in polled.get(tp, []):
            try:
                if not isinstance(record, UnreadableBatch):
                    found.append((record.offset, _decode(record.value)))
                    continue
            except (msgspec.MsgspecError, TypeError):
                pass
            log.error("a record holds no seconds of a partition", topic=tp.topic, offset=record.offset)
        return found

    async def _judge(
        self, owned: Owned, judge: FleetJudge, records: Sequence[tuple[int, FleetRecord]], pace: Pace
    ) -> None:
        async with owned.locked() as change:
            if change is None or owned.fleet_judge is not judge:
                return
            for offset, record in records:
                judge.take(record, offset)
        self._note_age(judge)
        while judge.has_work and not self._is_catching_up(judge, pace):
            async with owned.locked() as change:
                if change is None or owned.fleet_judge is not judge:
                    return
                await self._emit(change, judge)
            await asyncio.sleep(0)

    def _note_age(self, judge: FleetJudge) -> None:
        final, self._stalled = judge.final_until, ""
        if final is None or self._age_seconds(final) <= STALE_SECONDS:
            return
        slowest = judge.slowest
        if slowest is not None:
            self._stalled = (
                f"Rules on all projects are judged up to {rfc3339(final * 1000)}: partition {slowest} has closed no "
                f"second since then. Look at its events and at the worker that has it."
            )

    async def _emit(self, change: Change, judge: FleetJudge) -> None:
        try:
            alerts = judge.judge()
            if alerts:
                self._failpoint("fleet judged")
                is_past = self._age_seconds(min(alert.updated_at_ms for alert in alerts) // 1000) > PRESENT_SECONDS
                await self._engine.emitter.emit_of_fleet(change, alerts, is_behind=is_past)
        except Exception as error:
            self._engine.halt(f"rules on all projects: {reason_for_log(error)}")
            raise

    def _is_catching_up(self, judge: FleetJudge, pace: Pace) -> bool:
        final = judge.final_until or 0
        return pace.is_catching_up(final, self._age_seconds(final), time.monotonic())

    def _age_seconds(self, second: int) -> float:
        """How far it lies behind the newest second that could be final now."""
        return (self._now_ms() - FINAL_GRACES * self._engine.core.grace_ms) / 1000 - second
