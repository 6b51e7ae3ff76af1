"""The Kafka side of one worker, started and stopped as one. It waits for no database and no sink."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

import structlog
from faust.contrib.asgi import bind_to_running_loop
from faust.types import TP

from agents.alerts.alert_headers import MONITOR_ID, Ours
from agents.alerts.history_follower import HistoryFollower
from agents.app import MonitorApp, create_app
from agents.auditing import auditor_of, prepare_audit
from agents.config import AgentsConfig, Hooks, Outlets
from agents.dispatch.notification_consumer import NotificationConsumer, Token
from agents.dispatch.notification_reads import NotificationReads
from agents.dispatching import Dispatching
from agents.engine.changelog import Changelog
from agents.engine.engine import Engine, EngineOptions, EngineParts
from agents.engine.fleet_rules import FleetRules
from agents.engine.gc_tuning import spare_the_state
from agents.engine.idle import IdleClocks
from agents.engine.ownership import Change, Owned, PartitionPhase
from agents.engine.producer import Producer
from agents.engine.recovery import Recovery
from agents.engine.stall_guard import StallGuard
from agents.engine.waits import Wait, Waits
from agents.engine.watchdog import Watchdog
from agents.engine.writer import Writer
from agents.growth import Growth
from agents.kafka.reach import named, unreachable
from agents.kafka.refusals import reason_of
from agents.kafka.rights import check_rights, needs_of_worker
from agents.kafka.topic_check import warn_of_topics
from agents.kafka.topics import ensure_topics
from agents.kafka_wait import KafkaWait
from agents.supervised import every, vital
from alert_sinks.environment import Environment
from alert_sinks.fanout import Fanout
from models.alert import Alert
from models.alert_codec import encode_alert
from streams.alerting.core import Core

log = structlog.get_logger(__name__)

IDLE_MS = 2_000  # an idle partition's clock follows the wall clock at this distance
IDLE_LOOK_SECONDS = 0.5
ARRIVALS_LOOK_SECONDS = 0.2
COMMIT_SECONDS = 0.5
STOP_SECONDS = 10.0
LOOK_AT_WAITS_SECONDS = 1.0
HANDOVER_SHARE = 0.3  # of the rebalance time-out, twice: to store what was taken, and to wait for what is under way


class Runtime:
    """One worker's Kafka side. `stop` ends the process at once, `now_ms` is the wall clock."""

    def __init__(
        self, config: AgentsConfig, core: Core, outlets: Outlets, stop: Callable[[str], None],
        now_ms: Callable[[], int], hooks: Hooks | None = None,
    ) -> None:  # fmt: skip
        hooks, topics = hooks or Hooks(), config.topics
        self.config = config
        self.stall_guard = StallGuard(config.session_timeout_seconds, stop, hooks.running_seconds)
        self.producer = Producer(config.kafka, self.stall_guard.check)
        self.ours = Ours(config.monitor_id, now_ms())
        self.writer = Writer(self.producer, topics.alerts, topics.dead_letters, config.monitor_id, outlets.traces)
        self.engine = self._engine_of(core, stop, now_ms, hooks, outlets)
        self.fleet_rules = FleetRules(
            self.engine, self.producer, config.kafka, topics.fleet_seconds, now_ms, hooks.failpoint
        )
        self.growth = Growth(config, self.engine, self.producer, stop)
        self.fanout: Fanout[Token] = Fanout(
            outlets.destinations, outlets.ledger, on_done=lambda token: self.notifications.done(token),
            on_dead_letter=self._write_dead_letter, limits=outlets.limits,
            environment=Environment(check=self.stall_guard.check, on_ended=outlets.traces.ended), texts=outlets.texts,
        )  # fmt: skip
        self.far_caught_up_at_ms: Callable[[int], int | None] = lambda partition: None  # of other workers' partitions
        self.notifications = NotificationConsumer(topics.notifications, self.fanout, outlets.limits.queue_limit)
        self.notification_reads = NotificationReads(topics.notifications, config.kafka, self.notifications)
        self.dispatching = Dispatching(
            config, self.producer, self.ours, now_ms, self._caught_up_at_ms, stop,
            HANDOVER_SHARE * config.rebalance_timeout_seconds, hooks, outlets.history,
        )  # fmt: skip
        self.dispatching.owner.counts.on_sent = outlets.traces.notified
        self.history = HistoryFollower(
            topics.alerts, config.kafka, outlets.history,
            lambda: frozenset() if self.app is None else self.app.alerts_partitions,
            lambda: self._alerts_partitions, self.ours,
        )  # fmt: skip
        self.watchdog = Watchdog(
            self.engine, self._backlogs, config.stalled_seconds, self._unreachable, stop,
            lambda tp: unreachable(config.kafka, tp.topic, [tp.partition]), self.notification_reads.refused,
        )  # fmt: skip
        self.waits = Waits(self.engine)
        self.app: MonitorApp | None = None
        self._kafka_wait = KafkaWait(config.kafka)
        self._alerts_partitions = 0  # 0 until it is known
        self._idle_clocks = IdleClocks(self.engine, now_ms, IDLE_MS, hooks.steady_ms)
        self._hooks = hooks
        self._now_ms = now_ms
        self._stop = stop
        self._starting: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def _engine_of(
        self, core: Core, stop: Callable[[str], None], now_ms: Callable[[], int], hooks: Hooks, outlets: Outlets
    ) -> Engine:
        config = self.config
        changelog = Changelog(config.topics.changelog, self.producer)
        self.recovery = Recovery(config.kafka, changelog, self.writer, config.topics.dead_letters)
        parts = EngineParts(
            core=core, changelog=changelog, recovery=self.recovery, writer=self.writer, stall_guard=self.stall_guard,
            stop=stop, now_ms=now_ms, auditor=auditor_of(config, outlets, self.producer, now_ms, hooks.failpoint),
        )  # fmt: skip
        options = EngineOptions(
            handover_seconds=HANDOVER_SHARE * config.rebalance_timeout_seconds, cached_projects=config.cached_projects,
            backoff=hooks.backoff, on_all_live=spare_the_state, failpoint=hooks.failpoint, folder=config.state_dir,
            state_memory_bytes=config.state_memory_bytes,
        )  # fmt: skip
        return Engine(config.topics.events, parts, options)

    @property
    def partitions(self) -> int:
        """The number of partitions of the events topic; 0 until it is known."""
        return self.growth.partitions

    @property
    def status(self) -> str:
        """ "ok", or one sentence with the cause of waiting or the fault."""
        if self._kafka_wait.sentence:
            return self._kafka_wait.sentence
        if new := self.growth.new_partitions:
            return f"No worker reads {named(self.config.topics.events, new)} yet: new; the changelog is being extended."
        answered = self.watchdog.status(time.monotonic(), time.time())
        if answered != "ok":
            return answered
        return next((owned.problem for owned in self.engine.owned.values() if _is_stuck(owned)), "ok")

    @property
    def kafka_trouble(self) -> str:
        """While the start waits: why no broker can be used, in one sentence; else ""."""
        return self._kafka_wait.trouble

    @property
    def problems(self) -> list[str]:
        """One sentence for each partition that is not read although it should be."""
        return [owned.problem for owned in self.engine.owned.values() if owned.problem]

    async def start(self) -> None:
        """Wait for Kafka, create the topics, start the producer and the agents. Raises TopicMismatch, MayNot."""
        self._starting = asyncio.create_task(self._start())
        await self._starting

    async def _start(self) -> None:
        await self._kafka_wait.until_it_answers(self._prepare)
        works = [
            self.stall_guard.run(),
            self.engine.flusher.run(self.config.flush_interval_seconds),
            every(ARRIVALS_LOOK_SECONDS, self.engine.arrivals.look),
            every(COMMIT_SECONDS, self._commit_notifications),
            every(LOOK_AT_WAITS_SECONDS, self._look_at_waits),
            self.watchdog.run(),
            self.history.run(),
            self.growth.run(),
            self.fleet_rules.run(),
            self.notification_reads.run(),
            *self.dispatching.works(),
        ]
        if self.engine.auditor is not None:
            works.append(self.engine.auditor.run())
        if self._hooks.idle_follows_wall:
            works.append(every(IDLE_LOOK_SECONDS, self._idle_clocks.run))
        self._tasks.extend(self._supervised(work) for work in works)
        await self._kafka_wait.until_it_answers(self._start_app)
        self._kafka_wait.is_over()

    async def _start_app(self) -> None:
        app = create_app(self.config, self.engine, self.notification_reads, self._stop, self.dispatching.owner)
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
            self.config.kafka, self.config.topics, self.config.events_partitions, self.config.topic_replication_factor
        )
        await self.dispatching.prepare(counts[self.config.topics.alerts])
        await check_rights(self.config.kafka, needs)  # of those that were just made, too
        self.growth.partitions = self.engine.assignment.partitions = counts[self.config.topics.events]
        session_ms = round(self.config.session_timeout_seconds * 1000)
        await warn_of_topics(self.config.kafka, self.config.topics, session_ms)
        self._alerts_partitions = counts[self.config.topics.alerts]
        self.ours.takes_unmarked = await self.dispatching.has_read()
        if self.engine.auditor is not None:
            await prepare_audit(self.engine.auditor, self.config, counts[self.config.topics.events])
        self.recovery.letters_partitions = counts[self.config.topics.dead_letters]
        await self.producer.start()

    async def _look_at_waits(self) -> None:
        self.waits.look(time.monotonic())

    def waits_now(self) -> list[Wait]:
        """What waits, for which cause, and for how long."""
        return self.waits.now(time.monotonic())

    def _backlogs(self) -> Iterator[tuple[TP, int, int]]:
        yield from self.engine.progress.backlogs()
        yield from self.notifications.backlogs()

    async def _unreachable(self, numbers: Sequence[int]) -> str:
        kafka, topics = self.config.kafka, self.config.topics
        is_storing = self.engine.flusher.moved_at is not None
        return await unreachable(kafka, topics.events, numbers) or await unreachable(
            kafka, topics.changelog, numbers, to_write=is_storing
        )

    def _supervised(self, work: Awaitable[None]) -> asyncio.Task[None]:
        return asyncio.create_task(vital(work, self._stop))

    async def _commit_notifications(self) -> None:
        if self.notifications.tracks.reader is not None:
            await self.notifications.commit()

    def _caught_up_at_ms(self, partition: int) -> int | None:
        """When a partition of events was last known to have caught up; None: it has not."""
        owned = self.engine.owned.get(partition)
        if owned is None:
            return self.far_caught_up_at_ms(partition)
        return self._now_ms() if owned.is_live and not owned.is_behind else None

    async def _watch_app(self, app: MonitorApp) -> None:
        await app.wait_until_stopped()
        if app.crash_reason is not None:
            self._stop(f"Faust has stopped: {reason_of(app.crash_reason, self.config.kafka)}")

    async def emit(self, change: Change, alerts: Iterable[Alert]) -> None:
        """Send the transitions of an act, under the lock of that change."""
        await self.writer.emit(change, alerts)

    async def _write_dead_letter(self, alert: Alert, sink: str, reason: str) -> None:
        headers = [
            ("dl_sink", sink.encode()), ("dl_reason", reason.encode()), (MONITOR_ID, self.config.monitor_id.encode()),
        ]  # fmt: skip
        topic = self.config.topics.alert_dead_letters
        await (await self.producer.send(topic, encode_alert(alert), alert.alert_key.encode(), headers))

    # --- the end

    def will_close(self) -> None:
        """From now on this worker is not ready, so that requests go elsewhere; what it owns it still serves."""
        self._kafka_wait.end()

    async def close(self) -> None:
        """Finish deliveries in flight while events are still processed; then store, commit and leave the group."""
        self.will_close()
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.wait([self._starting])
        self.notifications.stop_taking()
        await self.fanout.aclose()
        if self.app is not None:
            await self._leave(self.app)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.engine.auditor is not None:
            await self.engine.auditor.aclose()
        await self.producer.stop()

    async def _leave(self, app: MonitorApp) -> None:
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await app.leave_partitions(at_the_end=True)
                await app.stop()
        except TimeoutError:
            log.warning("Faust did not stop in time", seconds=STOP_SECONDS)
        except Exception:
            log.exception("Faust raised an error while stopping")


def _is_stuck(owned: Owned) -> bool:
    """Whether the partition has no state to answer from and is not recovering."""
    return bool(owned.problem) and owned.phase is PartitionPhase.RECOVERING
