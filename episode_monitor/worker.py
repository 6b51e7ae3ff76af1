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
from episode_monitor import access, composition
from episode_monitor.checks.service import Checks
from episode_monitor.dispatch.loading import alerting_in_force
from episode_monitor.dispatch.reload import Files
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.fleet.ask import Fleet
from episode_monitor.fleet.local_state import LocalState, RulesOrigin
from episode_monitor.fleet.peer_client import PeerClient
from episode_monitor.fleet.settings_watch import SettingsWatch
from episode_monitor.fleet.split_watch import SplitWatch
from episode_monitor.listening import CannotListen
from episode_monitor.observe.kept_counters import KeptCounters
from episode_monitor.observe.loop_lag import LoopLag
from episode_monitor.observe.siblings import Siblings
from episode_monitor.replay_jobs.jobs import ReplayJobs
from episode_monitor.settings.settings import Settings, of_process
from episode_monitor.storage.retention import prune_daily
from episode_monitor.supervising.seat import TAKES_SIGNALS, Line, Seat
from episode_monitor.web.timeouts import raise_descriptor_limit
from episode_monitor.worker_doors import Doors, SharedDoors
from episode_monitor.worker_traces import WorkerTraces
from episode_monitor.worker_web import WebParts, WorkerWeb
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

    def __init__(
        self, settings: Settings, core: Core, stop: Callable[[str], None] = stop_at_once, line: Line | None = None
    ) -> None:  # fmt: skip
        """`line` is to the supervisor, where this is one of several processes. Raises SettingsError where a setting
        cannot be used."""
        if line is not None:
            settings = of_process(settings, line.seat.number, line.seat.url)
        self.settings, self._line = settings, line
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
        ProcessCollector(registry=self.registry)
        self._loop_lag = LoopLag(self.registry)
        self.http = WorkerWeb(self._web_parts())

    def _make_fleet(self) -> None:
        settings = self.settings
        self._digest = self.files.digest
        self._identity = Identity(
            worker_id=uuid.uuid4().hex[:12],
            url=settings.own_url,
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
        self._siblings = None if self._line is None else _siblings(self._line.seat, self._peer_client)
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
        here.rules_origin = RulesOrigin(settings.own_url, str(settings.rules_path), self.files.loaded_at_ms)
        for partition in here.partitions:
            here.mark_changed(partition)

    def _web_parts(self) -> WebParts:
        return WebParts(
            settings=self.settings,
            runtime=self.runtime,
            storage=self.storage,
            client=self.client,
            registry=self.registry,
            files=self.files,
            checks=self.checks,
            replays=self.replays,
            fleet=self._fleet,
            view=self._view,
            reader=self._reader,
            settings_watch=self._settings_watch,
            peer_token=self._identity.token,
            siblings=self._siblings,
            is_traced=self.traces.points.is_on,
            now_ms=now_ms,
        )

    def _far_caught_up_at_ms(self, partition: int) -> int | None:
        """When the owner of another worker's partition last published that it has caught up; None: it has not."""
        known = self._reader.known.get(partition)
        if known is None or known.record.is_behind or known.record.status is not PartitionStatus.LIVE:
            return None
        return known.heard_ms

    async def run(self, stopping: asyncio.Event) -> None:
        """Serve until `stopping` is set. Raises CannotListen, TopicMismatch, MayNot."""
        doors = self._doors()
        await doors.open()
        self._tasks.append(asyncio.create_task(self._loop_lag.run()))
        try:
            if self.settings.episode_monitoring_enabled:
                starting = asyncio.create_task(self._start())
                await _first_of(stopping.wait(), starting)
            else:
                log.warning("EPISODE_MONITORING_ENABLED is false: no events are read")
            await _first_of(stopping.wait(), doors.own.task)
        finally:
            log.info("stopping")
            self.runtime.will_close()
            self.http.changes.close()
            await doors.leave()
            await self._close()
            if self.http.seated is not None:
                await self.http.seated.families()  # the last counts, for the process that comes after this one
            await doors.close()
            await self._peer_client.aclose()  # until here a caller may ask for what another worker has

    def _doors(self) -> Doors:
        if self._line is None or self._siblings is None or self.http.seated is None:
            return Doors(self.http.app, self.settings.monitoring_host, self.settings.monitoring_port)
        return SharedDoors(
            self.http.app, self.settings.monitoring_host, self._line, self.http.seated, self._siblings
        )  # fmt: skip

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
        if self.http.repairs is not None:
            works.append(self.http.repairs.run())
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


def _siblings(seat: Seat, client: httpx.AsyncClient) -> Siblings:
    return Siblings(seat.number, seat.addresses, seat.token, [KeptCounters(fd) for fd in seat.counters_fds], client)


async def run_worker(settings: Settings, core: Core, line: Line | None = None) -> ExitCode:
    """Run one worker until SIGTERM or Ctrl-C, or until the supervisor at the other end of `line` is gone."""
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
        worker = Worker(settings, core, line=line)
        loop.add_signal_handler(signal.SIGHUP, worker.files.reload_soon)
        if line is not None:
            line.say(TAKES_SIGNALS)
            follower = asyncio.create_task(line.ended())
            follower.add_done_callback(lambda _: stopping.set())
        await worker.run(stopping)
    except CannotListen as error:
        raise Failure(str(error), ExitCode.USAGE) from None
    except TopicMismatch as error:
        raise Failure(error.text, ExitCode.USAGE) from None
    except MayNot as error:
        raise Failure(str(error), ExitCode.USAGE) from None
    return ExitCode.CLEAN
