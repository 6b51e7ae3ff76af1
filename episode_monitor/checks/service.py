"""The checks of one worker: its jobs, the schedule that starts them, enhanced monitoring of critical projects.

A worker asks for a scheduled check only when its own partitions are read to the end: before that, all would be drift.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import structlog

from agents.fleet_topic.fleet_view import Incomplete
from episode_monitor.checks.check_kinds import CheckWork
from episode_monitor.checks.enhanced_monitoring import Watch
from episode_monitor.checks.errors import CheckFailed
from episode_monitor.checks.jobs import CheckJobs
from episode_monitor.checks.project_drift import project_drift
from episode_monitor.checks.stream_side import StreamSide
from episode_monitor.checks.table_comparison import OpenReader
from episode_monitor.checks.table_look import TableLook
from episode_monitor.fleet.ask import Fleet
from episode_monitor.fleet.errors import NotAvailable, Unreachable
from episode_monitor.service_database.episodes_table import EpisodesTable
from episode_monitor.service_database.errors import ServiceDatabaseError
from episode_monitor.service_database.reader import EpisodesReader
from episode_monitor.storage.checks import CheckKind, CheckResults
from episode_monitor.storage.schedule import CheckSchedule, MemoryCheckSchedule
from models.check_views import ProjectDrift

log = structlog.get_logger(__name__)

LOOK_SECONDS = 15.0
FIRST_LOOK_SECONDS = 5.0
READY_LAG = 1000  # events not yet applied; fewer are normal while a service is busy


class ChecksConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the checks. `database_url` None: no drift."""

    basic_seconds: float
    deep_seconds: float
    settle_seconds: float
    database_url: str | None
    table: EpisodesTable


class Checks:
    """Made with the worker, started by `run`."""

    def __init__(
        self,
        config: ChecksConfig,
        fleet: Fleet,
        results: CheckResults,
        schedule: CheckSchedule,
        now_ms: Callable[[], int],
        worker_id: str,
    ) -> None:
        self._config = config
        self._fleet = fleet
        self._view = view = fleet.here.view
        self._rules, self._now_ms = view.engine.core.numbering, now_ms
        self._stream = stream = StreamSide(fleet)
        self._open_reader = open_reader = (
            reader_opener(config.database_url, config.table) if config.database_url else None
        )
        self.work = CheckWork(stream, open_reader, self._rules, config.settle_seconds, results)
        self.watch = None
        self.table_look = None if open_reader is None else TableLook(open_reader)
        if open_reader is not None:
            self.watch = Watch(view, stream, open_reader, self._rules, now_ms)
        if isinstance(schedule, MemoryCheckSchedule):
            schedule.is_first = lambda: fleet.here.has(0)
        self.jobs = fleet.here.jobs = CheckJobs(
            results, schedule, {CheckKind.BASIC: self.work.basic, CheckKind.DEEP: self.work.deep}, fleet.ask, now_ms,
            worker_id, is_shared=not isinstance(schedule, MemoryCheckSchedule),
        )  # fmt: skip

    async def run(self) -> None:
        """Start what is due, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_schedule())
            if self.watch is not None:
                group.create_task(self.watch.run())

    async def close(self) -> None:
        """End what runs."""
        await self.jobs.close()

    async def _keep_schedule(self) -> None:
        await asyncio.sleep(FIRST_LOOK_SECONDS)
        while True:
            if self._is_ready():
                await self.jobs.run_if_due(CheckKind.BASIC, self._config.basic_seconds)
                await self.jobs.run_if_due(CheckKind.DEEP, self._config.deep_seconds)
            await asyncio.sleep(LOOK_SECONDS)

    def _is_ready(self) -> bool:
        live, engine = self._view.live, self._view.engine
        try:
            self._view.parts()
        except Incomplete:
            return False
        return bool(live) and sum(engine.progress.lag(owned) for owned in live) < READY_LAG

    async def drift_of(self, project_id: str) -> ProjectDrift | None:
        """One project's stream side compared with the table; None where neither side knows it. Raises ViewError."""
        if self._open_reader is None:
            raise NotAvailable("There is no table to compare with: DATABASE_URL is not set.")
        try:
            return await project_drift(self._open_reader, self._stream, self._rules, project_id, self._now_ms())
        except (CheckFailed, ServiceDatabaseError) as error:
            raise Unreachable(str(error)) from error


def reader_opener(url: str, table: EpisodesTable) -> OpenReader:
    """Opens the project service's table anew for each use."""

    @asynccontextmanager
    async def open_reader() -> AsyncIterator[EpisodesReader]:
        async with EpisodesReader.open(url, table) as reader:
            yield reader

    return open_reader
