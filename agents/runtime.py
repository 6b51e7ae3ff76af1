"""Everything of one worker that speaks to Kafka, started and stopped as one. It waits for no database and no sink."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

import structlog
from aiokafka.errors import KafkaError
from faust.contrib.asgi import bind_to_running_loop
from faust.types import TP

from agents.alerts.alert_consumer import AlertConsumer, Token
from agents.alerts.history_follower import HistoryFollower, HistoryStore
from agents.alerts.marks import MONITOR_ID, Ours
from agents.app import MonitorApp, create_app
from agents.config import AgentsConfig
from agents.engine.changelog import Changelog
from agents.engine.dead_letter_backoff import DeadLetterBackoff
from agents.engine.engine import Engine, Failpoint
from agents.engine.gc_tuning import spare_the_state
from agents.engine.idle import IdleClocks, steady_ms
from agents.engine.ownership import Owned, PartitionPhase
from agents.engine.producer import Producer
from agents.engine.recovery import Recovery
from agents.engine.stall_guard import StallGuard
from agents.engine.waits import Wait, Waits
from agents.engine.watchdog import Watchdog
from agents.engine.writer import Writer
from agents.kafka.reach import named, unreachable
from agents.kafka.refusals import reason_of, why
from agents.kafka.rights import check_rights, needs_of_worker
from agents.kafka.topic_check import check_topics
from agents.kafka.topics import TopicMismatch, ensure_topics, grow_changelog, has_read
from agents.retrying import Pauses, retry
from agents.supervised import vital
from alert_sinks.environment import Environment
from alert_sinks.fanout import Fanout
from alert_sinks.held_past import HeldPast
from alert_sinks.key_queues import Limits
from alert_sinks.ledger import Ledger
from alert_sinks.sink import Destinations
from models.alert import Alert
from models.alert_codec import encode_alert
from streams.alerting.core import Core

log = structlog.get_logger(__name__)

IDLE_MS = 2_000  # an idle partition's clock follows the wall clock at this distance
LONGEST_FLUSH_PAUSE_SECONDS = 3.0  # so much is done again after a crash at the worst
IDLE_LOOK_SECONDS = 0.5
PAST_LOOK_SECONDS = 0.2
COMMIT_SECONDS = 0.5
STOP_SECONDS = 10.0
LOOK_FOR_GROWTH_SECONDS = 0.5
LOOK_AT_WAITS_SECONDS = 1.0
HANDOVER_SHARE = 0.3  # of the rebalance time-out, twice: to store what was taken, and to wait for what is under way


class Runtime:
    """One worker's Kafka side."""

    def __init__(
        self,
        config: AgentsConfig,
        core: Core,
        destinations: Destinations,
        ledger: Ledger,
        history: HistoryStore,
        events_partitions: int,
        replication_factor: int | None,
        stop: Callable[[str], None],
        now_ms: Callable[[], int],
        failpoint: Failpoint = lambda name: None,
        backoff: Callable[[], DeadLetterBackoff] = DeadLetterBackoff,
        limits: Limits | None = None,
        steady: Callable[[], int] = steady_ms,
    ) -> None:
        """`stop` ends the process at once, `now_ms` is the wall clock, `steady` one that nobody sets."""
        self.config = config
        self.partitions = 0  # of the events topic; 0 until it is known
        self.stall_guard = StallGuard(config.session_timeout_seconds, stop)
        self.producer = Producer(config.kafka, self.stall_guard.check)
        self.ours = Ours(config.monitor_id, now_ms())
        self.writer = Writer(self.producer, config.topics.alerts, config.topics.dead_letters, config.monitor_id)
        self.changelog = Changelog(config.topics.changelog, self.producer)
        self.recovery = Recovery(config.kafka, self.changelog, self.writer, config.topics.dead_letters)
        self.engine = Engine(
            config.topics.events, core, self.changelog, self.recovery, self.writer, self.stall_guard, stop, now_ms,
            handover_seconds=HANDOVER_SHARE * config.rebalance_timeout_seconds,
            cached_projects=config.cached_projects, backoff=backoff, on_all_live=spare_the_state, failpoint=failpoint,
        )  # fmt: skip
        limits = limits or Limits()
        self.fanout: Fanout[Token] = Fanout(
            destinations, ledger, on_done=self._done, on_dead_letter=self._write_dead_letter, limits=limits,
            environment=Environment(check=self.stall_guard.check),
        )  # fmt: skip
        self.far_caught_up_at_ms: Callable[[int], int | None] = lambda partition: None  # of other workers' partitions
        self.alert_consumer = AlertConsumer(
            config.topics.alerts, self.ours, self.fanout, HeldPast(core.escalate_after_ms), limits.queue_limit, now_ms,
            self._caught_up_at_ms,
        )  # fmt: skip
        self.history = HistoryFollower(
            config.topics.alerts, config.kafka, history, lambda: self.alert_consumer.partitions,
            lambda: self._alerts_partitions, self.ours,
        )  # fmt: skip
        self.watchdog = Watchdog(
            self.engine, self._backlogs, config.stalled_seconds, self._unreachable, stop,
            lambda tp: unreachable(config.kafka, tp.topic, [tp.partition]),
        )  # fmt: skip
        self.waits = Waits(self.engine)
        self.app: MonitorApp | None = None
        self._waits_for = f"waiting for Kafka at {config.kafka}"
        self._events_partitions = events_partitions
        self._alerts_partitions = 0  # 0 until it is known
        self._replication_factor = replication_factor
        self._idle_clocks = IdleClocks(self.engine, now_ms, IDLE_MS, steady)
        self._now_ms = now_ms
        self._stop = stop
        self._starting: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def status(self) -> str:
        """ "ok", or one sentence of what it waits for or what is wrong."""
        if self._waits_for:
            return self._waits_for
        if self.new_partitions:
            return f"Nobody reads {named(self.config.topics.events, self.new_partitions)} yet: new, and made room for."
        heard = self.watchdog.status(time.monotonic(), time.time())
        if heard != "ok":
            return heard
        return next((owned.problem for owned in self.engine.owned.values() if _is_stuck(owned)), "ok")

    @property
    def problems(self) -> list[str]:
        """One sentence for each partition that is not read although it should be."""
        return [owned.problem for owned in self.engine.owned.values() if owned.problem]

    async def start(self) -> None:
        """Wait for Kafka, make the topics, start the producer and the agents. Raises TopicMismatch, MayNot."""
        self._starting = asyncio.create_task(self._start())
        await self._starting

    async def _start(self) -> None:
        await self._retry_until_kafka_answers(self._prepare)
        for work in (self.stall_guard.run(), self._flush_regularly(), self._advance_idle_clocks(),
                     self._release_past_alerts(),
                     self._commit_alert_positions(), self.watchdog.run(), self.history.run(), self._follow_growth(),
                     self._look_at_waits()):  # fmt: skip
            self._tasks.append(self._supervised(work))
        await self._retry_until_kafka_answers(self._start_app)
        self._waits_for = ""

    async def _start_app(self) -> None:
        app = create_app(self.config, self.engine, self.alert_consumer, self._stop)
        bind_to_running_loop(app)
        app.finalize()
        try:
            await app.start()
        except BaseException:
            await self._leave(app)
            raise
        self.app = app
        self._tasks.append(self._supervised(self._watch_app(app)))

    async def _prepare(self) -> None:
        needs = needs_of_worker(self.config.topics, self.config.monitor_id)
        await check_rights(self.config.kafka, needs)
        counts = await ensure_topics(
            self.config.kafka, self.config.topics, self._events_partitions, self._replication_factor
        )
        await check_rights(self.config.kafka, needs)  # of those that were just made, too
        self.partitions = self.engine.partitions = counts[self.config.topics.events]
        await self._warn_of_topics()
        alerts = self.config.topics.alerts
        self._alerts_partitions = counts[alerts]
        self.ours.takes_unmarked = await has_read(self.config.kafka, self.config.monitor_id, alerts, counts[alerts])
        self.recovery.letters_partitions = counts[self.config.topics.dead_letters]
        await self.producer.start()

    async def _warn_of_topics(self) -> None:
        """Settings that the operations guide forbids go unnoticed until data is gone."""
        try:
            session_ms = round(self.config.session_timeout_seconds * 1000)
            _, misfits = await check_topics(self.config.kafka, self.config.topics, session_ms)
        except KafkaError as error:
            log.warning("how the topics are set could not be looked at", reason=str(error))
            return
        for sentence in misfits:
            log.warning("a topic or time-out does not fit", what=sentence)

    async def _retry_until_kafka_answers(self, work: Callable[[], Awaitable[None]]) -> None:
        pauses = Pauses()

        async def failed(error: BaseException) -> None:
            reason = await why(error, self.config.kafka)
            self._waits_for = f"waiting for Kafka at {self.config.kafka}: {reason}"
            if pauses.failures == 1:
                event = "Kafka is away" if reason.startswith("Kafka does not answer") else "Kafka cannot be used"
                log.warning(f"{event}; waiting for it", kafka=str(self.config.kafka), reason=reason)

        await retry(work, failed, pauses)
        if pauses.failures:
            log.info("Kafka answers again")

    @property
    def new_partitions(self) -> list[int]:
        """Partitions that were added to the events while this worker runs, and that nobody can read yet."""
        consumer = self.engine.consumer
        seen = 0 if consumer is None else consumer.partitions_of(self.config.topics.events)
        return list(range(self.partitions, max([seen, *(number + 1 for number in self.engine.owned)])))

    async def _follow_growth(self) -> None:
        """Make room in the changelog for partitions that were added to the events, and let them be read then."""
        told = ""
        while True:
            await asyncio.sleep(LOOK_FOR_GROWTH_SECONDS)
            if not self.partitions or not self.new_partitions:
                continue
            try:
                count = await grow_changelog(self.config.kafka, self.config.topics)
            except TopicMismatch as error:
                self._stop(str(error))
                return
            except (KafkaError, OSError) as error:
                reason = await why(error, self.config.kafka)
                if reason != told:
                    log.error("added partitions cannot be read yet", partitions=self.new_partitions, reason=reason)
                    told = reason
                continue
            if count > self.partitions and await self.producer.knows(self.config.topics.changelog, count):
                log.warning(
                    "the events have more partitions; projects whose keys belong to those are in two partitions now",
                    topic=self.config.topics.events, before=self.partitions, now=count,
                )  # fmt: skip
                self.partitions, told = count, ""
                self.engine.grow(count)

    async def _look_at_waits(self) -> None:
        while True:
            self.waits.look(time.monotonic())
            await asyncio.sleep(LOOK_AT_WAITS_SECONDS)

    def waits_now(self) -> list[Wait]:
        """What waits, for what, and for how long."""
        return self.waits.now(time.monotonic())

    def _backlogs(self) -> Iterator[tuple[TP, int, int]]:
        yield from self.engine.backlogs()
        yield from self.alert_consumer.backlogs()

    async def _unreachable(self, numbers: Sequence[int]) -> str:
        kafka, topics = self.config.kafka, self.config.topics
        is_storing = self.engine.flush_moved_at is not None
        return await unreachable(kafka, topics.events, numbers) or await unreachable(
            kafka, topics.changelog, numbers, to_write=is_storing
        )

    def _supervised(self, work: Awaitable[None]) -> asyncio.Task[None]:
        return asyncio.create_task(vital(work, self._stop))

    async def _flush_regularly(self) -> None:
        interval, rest = self.config.flush_interval_seconds, 0.0
        while True:
            rested_from = time.monotonic()
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(interval):
                        await self.engine.store_now.wait()
                if self.engine.store_now.is_set() or not self.engine.is_behind:
                    break
                if time.monotonic() - rested_from >= rest:
                    break
            self.engine.store_now.clear()
            began = time.monotonic()
            await self.engine.flush()
            # Where events wait, storing must not take the time that taking them needs: a tenth of it at the most.
            rest = min(9 * (time.monotonic() - began), LONGEST_FLUSH_PAUSE_SECONDS)

    async def _advance_idle_clocks(self) -> None:
        while True:
            await asyncio.sleep(IDLE_LOOK_SECONDS)
            await self._idle_clocks.run()

    async def _release_past_alerts(self) -> None:
        while True:
            await asyncio.sleep(PAST_LOOK_SECONDS)
            await self.engine.note_caught_up()
            await self.alert_consumer.look()

    async def _commit_alert_positions(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            if self.alert_consumer.reader is not None:
                await self.alert_consumer.commit()

    def _caught_up_at_ms(self, partition: int) -> int | None:
        """When a partition of events was last known to have caught up; None: it has not."""
        owned = self.engine.owned.get(partition)
        if owned is None:
            return self.far_caught_up_at_ms(partition)
        return None if owned.is_behind or owned.phase is not PartitionPhase.LIVE else self._now_ms()

    async def _watch_app(self, app: MonitorApp) -> None:
        await app.wait_until_stopped()
        if app.crash_reason is not None:
            self._stop(f"Faust has stopped: {reason_of(app.crash_reason, self.config.kafka)}")

    # --- what others do through it

    async def emit(self, alerts: Iterable[Alert]) -> None:
        """Send transitions that a person caused. To be called in the turn in which the state was changed."""
        await self.writer.emit(alerts)

    def _done(self, token: Token) -> None:
        self.alert_consumer.done(token)

    async def _write_dead_letter(self, alert: Alert, sink: str, reason: str) -> None:
        headers = [
            ("dl_sink", sink.encode()), ("dl_reason", reason.encode()), (MONITOR_ID, self.config.monitor_id.encode()),
        ]  # fmt: skip
        topic = self.config.topics.alert_dead_letters
        await (await self.producer.send(topic, encode_alert(alert), alert.alert_key.encode(), headers))

    # --- the end

    async def close(self) -> None:
        """Let deliveries under way end while events are still taken; then store, commit and leave the group."""
        self._waits_for = "stopping"
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.wait([self._starting])
        self.alert_consumer.stop_taking()
        await self.fanout.aclose()
        if self.app is not None:
            await self._leave(self.app)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.producer.stop()

    async def _leave(self, app: MonitorApp) -> None:
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await app.leave_partitions(at_the_end=True)
                await app.stop()
        except TimeoutError:
            log.warning("Faust did not stop in time", seconds=STOP_SECONDS)
        except Exception:
            log.exception("Faust did not stop well")


def _is_stuck(owned: Owned) -> bool:
    """Whether it has no state to answer from, and is not just being read back."""
    return bool(owned.problem) and owned.phase is PartitionPhase.RECOVERING
