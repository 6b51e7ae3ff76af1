"""One worker: HTTP first, so that it answers from the first second on; then storage, Kafka and the agents.

It ends in one of two ways: on a signal, with everything stored; or at once, when it may no longer be the owner.
"""

import asyncio
import os
import secrets
import signal
import sys
import time
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, ProcessCollector

from agents.engine.gc_tuning import spare_the_state
from agents.fetching.decompression import missing_codecs
from agents.fleet_topic.fleet_view import FleetView
from agents.fleet_topic.publisher import FleetPublisher, Identity
from agents.fleet_topic.reader import FleetReader
from agents.fleet_topic.record import PartitionStatus
from agents.kafka.rights import MayNot
from agents.kafka.topics import TopicMismatch
from agents.runtime import Runtime
from agents.supervised import vital
from alert_sinks.texts.languages import texts_of
from episode_monitor import __version__, access, composition
from episode_monitor.alertmanager_api.routes import Monitor, alertmanager_router
from episode_monitor.checks.service import Checks
from episode_monitor.deliveries.routes import delivery_routers
from episode_monitor.dispatch.alert_desk import DispatchedAlerts
from episode_monitor.dispatch.desk import DispatchDesk
from episode_monitor.dispatch.loading import alerting_in_force
from episode_monitor.dispatch.on_call_routes import on_call_router
from episode_monitor.dispatch.reload import Files
from episode_monitor.dispatch.reload_routes import reload_router
from episode_monitor.dispatch.routes import silence_router
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.fleet import outgoing
from episode_monitor.fleet.ask import Fleet
from episode_monitor.fleet.local_state import LocalState, RulesOrigin
from episode_monitor.fleet.outgoing import deliveries_of, outgoing_of
from episode_monitor.fleet.peer_client import PeerClient
from episode_monitor.fleet.settings_watch import SettingsWatch
from episode_monitor.fleet.split_watch import SplitWatch
from episode_monitor.observe.loop_lag import LoopLag
from episode_monitor.observe.passed_over import passed_over_by
from episode_monitor.observe.process_view import ProcessView
from episode_monitor.observe.switched_off import SwitchedOffFleet, SwitchedOffProcess, refuse
from episode_monitor.observe.worker_state import Probe, WorkerState
from episode_monitor.repair.automatic import AutomaticRepairs
from episode_monitor.replay_jobs.jobs import ReplayJobs
from episode_monitor.replay_jobs.requests import Requests
from episode_monitor.replay_jobs.routes import replay_router
from episode_monitor.settings.settings import Settings
from episode_monitor.slack.routes import say_by, slack_router
from episode_monitor.storage.audit import AuditEntry
from episode_monitor.storage.retention import prune_daily
from episode_monitor.web.app import create_web_app
from episode_monitor.web.context import WebContext
from episode_monitor.web.peer_routes import peer_router
from episode_monitor.web.server import CannotListen, serve
from episode_monitor.web.sources import sources_of
from episode_monitor.web.stream import ChangeFeed
from episode_monitor.web.timeouts import raise_descriptor_limit
from episode_monitor.worker_traces import WorkerTraces
from streams.alerting.core import Core

log = structlog.get_logger(__name__)


def now_ms() -> int:
    """The wall clock. It enters the worker here and nowhere else."""
    return time.time_ns() // 1_000_000


def stop_at_once(reason: str) -> None:
    """End the process without a farewell: nothing more may be written or told. Its supervisor starts it again."""
    log.error("stopping immediately; the supervisor restarts the worker", reason=reason)
    sys.stderr.flush()
    os._exit(ExitCode.CRASHED)


class Worker:
    """The parts of one worker, made but not started."""

    def __init__(self, settings: Settings, core: Core, stop: Callable[[str], None] = stop_at_once) -> None:
        """Raises SettingsError where a setting cannot be used."""
        self.settings = settings
        self.storage = composition.storage(settings)
        self.client = composition.sink_client(settings)
        alerting = alerting_in_force(settings, self.client)
        self.registry = CollectorRegistry()
        self.traces = WorkerTraces(settings, self.registry)
        self.runtime = Runtime(
            composition.agents_config(settings, alerting.config, lambda: self.files.core.rules), core,
            composition.outlets(settings, self.storage, alerting.current.destinations,
                                self.traces.points),
            stop, now_ms,
        )  # fmt: skip
        self._stop = stop
        self.files = Files(settings, self.runtime, alerting, now_ms)
        self._make_fleet()
        self._tasks: list[asyncio.Task[None]] = []
        self._repairs: AutomaticRepairs | None = None
        self.web = self._make_web()

    def _make_fleet(self) -> None:
        settings = self.settings
        self._digest = self.files.digest
        self._identity = Identity(
            worker_id=uuid.uuid4().hex[:12],
            url=settings.public_url,
            token=access.secret(settings.internal_token) or secrets.token_urlsafe(24),
            settings=self._digest.packed,
        )
        fleet_topic = access.topic_names(settings).fleet
        kafka, partitions = access.kafka_access(settings), lambda: self.runtime.partitions
        self._reader = FleetReader(fleet_topic, kafka, partitions, now_ms)
        self._view = FleetView(self.runtime.engine, self._reader, partitions, now_ms, self._identity.worker_id)
        self.runtime.far_caught_up_at_ms = self._far_caught_up_at_ms
        self._settings_watch = SettingsWatch(
            self._view, self._identity.worker_id, lambda packed: self._digest.differing(packed)
        )
        self._publisher = FleetPublisher(
            fleet_topic, self.runtime.producer, self._view, self._identity, now_ms, settings.metrics_max_projects
        )
        self._peer_client = httpx.AsyncClient(trust_env=False)
        here = LocalState(
            self._view, self.runtime.emit, self._publisher.mark_changed, self.storage.history, self.storage.audit
        )
        here.monitor_id, here.deliveries = settings.monitor_id, self.storage.deliveries
        here.files, here.time_zone = self.files, settings.monitoring_timezone
        self._fleet = Fleet(here, PeerClient(self._peer_client))
        self._splits = SplitWatch(self._fleet)
        self.runtime.engine.assignment.compare = self._splits.compare
        self.checks = Checks(
            composition.checks_config(settings), self._fleet, self.storage.checks, self.storage.schedule, now_ms,
            self._identity.worker_id,
        )  # fmt: skip
        self.replays = here.replays = ReplayJobs(self._fleet.ask, now_ms)
        self.files.on_change.append(self._files_changed)
        self._files_changed()

    def _files_changed(self) -> None:
        settings, here = self.settings, self._fleet.here
        self._digest = self.files.digest
        self._publisher.settings_changed(self._digest.packed)
        here.rules_origin = RulesOrigin(settings.public_url, str(settings.rules_path), self.files.loaded_at_ms)
        for partition in here.partitions:
            here.mark_changed(partition)

    def _make_web(self) -> FastAPI:
        registry = self.registry
        ProcessCollector(registry=registry)
        self._loop_lag = LoopLag(registry)
        state = WorkerState(
            self._view,
            self._probes(),
            __version__,
            lambda: deliveries_of(self.runtime),
            self.runtime.waits_now,
            lambda: len(self._settings_watch.found()),
            lambda: outgoing_of(self.runtime),
            self.storage.database.counters,
            lambda: self.runtime.dispatching.status(now_ms()) if self.settings.episode_monitoring_enabled else None,
            self.files.metrics,
            lambda: passed_over_by(self.runtime),
        )  # fmt: skip
        process = ProcessView(self._view, state, registry, self.settings.metrics_max_projects)
        self._repairs = composition.automatic_repairs(
            self.settings, self.storage, lambda: self.runtime.producer, self._fleet, now_ms
        )
        is_on = self.settings.episode_monitoring_enabled
        desk = DispatchDesk(self.runtime.dispatching, now_ms)
        alert_desk = DispatchedAlerts(desk, self._fleet)
        self._changes = ChangeFeed(
            sources_of(self._view, desk.version, lambda: self.checks.jobs, self.replays) if is_on else ()
        )
        context = WebContext(
            fleet=self._fleet if is_on else SwitchedOffFleet(),
            process=process if is_on else SwitchedOffProcess(process),
            jobs=(lambda: self.checks.jobs) if is_on else refuse,
            drift_of=self.checks.drift_of if is_on else refuse,
            settings=composition.web_settings(self.settings),
            audit=self._audit,
            audit_is_shared=self.settings.monitor_database_url is not None,
            now_ms=now_ms,
            changes=self._changes,
            repairs=self._repairs,
            alert_desk=(lambda: alert_desk) if is_on else refuse,
        )
        replays = (lambda: self.replays) if is_on else refuse
        routers = [
            peer_router(self._fleet.here, self._identity.token),
            replay_router(replays, Requests(self.settings, lambda: self.files.core.rules)),
            *([reload_router(self.files, self._fleet, self.settings.public_url)] if is_on else ()),
            silence_router(desk),
            on_call_router(desk, self.files.on_call),
            *delivery_routers(self.runtime, now_ms),
            slack_router(say_by(self.client), texts_of(self.settings.alert_language)),
            alertmanager_router(desk, Monitor(self.settings.monitor_id, now_ms(), self._reader.addresses)),
        ]
        return create_web_app(
            context, registry=registry, extra_routers=routers, version=__version__, is_traced=self.traces.points.is_on
        )

    def _probes(self) -> list[Probe]:
        probes = [
            Probe("broker", lambda: self.runtime.status, is_needed=True),
            Probe("database", self._database_status, is_needed=False),
            Probe("deliveries", lambda: outgoing.status(outgoing_of(self.runtime)), is_needed=False),
            Probe("settings", self._settings_watch.status, is_needed=False),
            Probe("files", self.files.status, is_needed=False),
            Probe("fleet_rules", lambda: self.runtime.fleet_rules.problem or "ok", is_needed=False),
            Probe("history", lambda: self.runtime.history.status, is_needed=False),
        ]
        table_look = self.checks.table_look
        if table_look is not None:
            probes.append(Probe("project_database", lambda: table_look.status, is_needed=False))
        return probes

    def _far_caught_up_at_ms(self, partition: int) -> int | None:
        """When the owner of another worker's partition last published that it has caught up; None: it has not."""
        known = self._reader.known.get(partition)
        if known is None or known.record.is_behind or known.record.status is not PartitionStatus.LIVE:
            return None
        return known.heard_ms

    def _database_status(self) -> str:
        """How the database is now; where that is well, what was lost before."""
        word, losses = self.storage.database.status(), self.storage.database.losses()
        return losses if word == "ok" and losses else word

    def _audit(self, entry: AuditEntry) -> None:
        log.info("audit", by=entry.who, action=entry.what, target=entry.target, result=entry.result)
        self.storage.audit.note(entry)

    async def run(self, stopping: asyncio.Event) -> None:
        """Serve until `stopping` is set. Raises CannotListen, TopicMismatch, MayNot."""
        server = await serve(self.web, self.settings.monitoring_host, self.settings.monitoring_port)
        log.info("listening", url=server.url)
        self._tasks.append(asyncio.create_task(self._loop_lag.run()))
        try:
            if self.settings.episode_monitoring_enabled:
                starting = asyncio.create_task(self._start())
                await _first_of(stopping.wait(), starting)
            else:
                log.warning("EPISODE_MONITORING_ENABLED is false: no events are read")
            await _first_of(stopping.wait(), server.task)
        finally:
            log.info("stopping")
            self._changes.close()
            await self._close()
            await server.stop()
            await self._peer_client.aclose()  # until here a caller may ask for what another worker has

    async def _start(self) -> None:
        if self.checks.table_look is not None:  # before Kafka, which may be long in coming
            self._tasks.append(asyncio.create_task(self.checks.table_look.run()))
        await self.storage.database.connect()
        await self.runtime.start()
        works = [
            self._reader.run(),
            self._publisher.run(),
            self._splits.run(),
            self._settings_watch.run(),
            self.checks.run(),
        ]
        if self._repairs is not None:
            works.append(self._repairs.run())
        if self.storage.prune is not None:  # one worker is enough, and partition 0 has one owner
            works.append(prune_daily(self.storage.prune, lambda: 0 in self.runtime.notifications.partitions, now_ms))
        for work in works:
            self._tasks.append(asyncio.create_task(vital(work, self._stop)))

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.checks.close()
        await self.replays.close()
        await self.runtime.close()
        await self.storage.database.close()
        await self.client.aclose()
        await self.traces.aclose()


async def _first_of(waiting: Coroutine[Any, Any, object], work: asyncio.Task[None]) -> None:
    """Wait for one of them; if the work ended with an error, raise it. Work that is not done is ended."""
    waiter = asyncio.create_task(waiting)
    await asyncio.wait([waiter, work], return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()
    if work.done():
        work.result()


async def run_worker(settings: Settings, core: Core) -> ExitCode:
    """Run one worker until SIGTERM or Ctrl-C."""
    missing = missing_codecs()
    if missing is not None:
        raise Failure(missing, ExitCode.USAGE)
    spare_the_state()  # what was imported: reading back makes objects in masses, and none of these ever goes
    raise_descriptor_limit()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    try:
        worker = Worker(settings, core)
        loop.add_signal_handler(signal.SIGHUP, worker.files.reload_soon)
        await worker.run(stopping)
    except CannotListen as error:
        raise Failure(str(error), ExitCode.USAGE) from None
    except (TopicMismatch, MayNot) as error:
        raise Failure(str(error), ExitCode.USAGE) from None
    return ExitCode.CLEAN
