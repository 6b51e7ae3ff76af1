"""All that has to do with checks in one worker: its jobs, the clock that starts them, the watch over critical projects.

A worker asks for a scheduled check only when its own partitions are read to the end: before that, all would be drift.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import msgspec
import structlog
from fastapi import APIRouter

from agents.fleet.fleet_view import FleetView, Incomplete
from episode_monitor.checks.check_kinds import CheckWork
from episode_monitor.checks.deep import OpenReader
from episode_monitor.checks.enhanced_monitoring import Watch
from episode_monitor.checks.errors import CheckFailed
from episode_monitor.checks.jobs import CheckJobs
from episode_monitor.checks.project_drift import project_drift
from episode_monitor.checks.remote_checks import DriftDesk, OtherWorkers
from episode_monitor.checks.stream_side import StreamSide
from episode_monitor.checks.table_look import TableLook
from episode_monitor.fleet.acts.drift import DriftKeeper
from episode_monitor.fleet.errors import NotAvailable, Recovering, Unreachable
from episode_monitor.fleet.local_compare import OwnNumbers
from episode_monitor.fleet.peer_client import Neighbours
from episode_monitor.fleet.peer_protocol import CancelQuestion, JobsQuestion, PartialAnswer
from episode_monitor.service_database.episodes_table import EpisodesTable
from episode_monitor.service_database.errors import ServiceDatabaseError
from episode_monitor.service_database.reader import EpisodesReader
from episode_monitor.storage.protocols import CheckResults
from episode_monitor.storage.records import CheckKind
from episode_monitor.storage.schedule import CheckSchedule, MemoryCheckSchedule
from episode_monitor.web.peer_routes import add_question
from models.views import JobList, JobStatus, ProjectDrift

log = structlog.get_logger(__name__)

LOOK_SECONDS = 15.0
DUE_SECONDS = 1.0  # between two looks at whether an alert about drift escalates
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
    """Made with the worker, started by `run`. Implements `Jobs` of the views."""

    def __init__(
        self,
        config: ChecksConfig,
        sight: FleetView,
        numbers: OwnNumbers,
        neighbours: Neighbours,
        results: CheckResults,
        schedule: CheckSchedule,
        keeper: DriftKeeper,
        now_ms: Callable[[], int],
        worker_id: str,
    ) -> None:
        self._config = config
        self._sight = sight
        self._others = OtherWorkers(sight, neighbours)
        stream, rules = StreamSide(sight, numbers, neighbours), sight.engine.core.numbering
        self._stream, self._rules, self._now_ms = stream, rules, now_ms
        self._open_reader = open_reader = (
            reader_opener(config.database_url, config.table) if config.database_url else None
        )
        self._keeper, desk = keeper, DriftDesk(sight, keeper, neighbours)
        self.work = CheckWork(stream, open_reader, rules, config.settle_seconds, results, desk)
        self.watch = None
        self.table_look = None if open_reader is None else TableLook(open_reader)
        if open_reader is not None:
            self.watch = Watch(sight, stream, open_reader, rules, desk, now_ms)
        if isinstance(schedule, MemoryCheckSchedule):
            schedule.is_first = lambda: 0 in {owned.number for owned in sight.live}
        self.jobs_here = CheckJobs(
            results, schedule, {CheckKind.BASIC: self.work.basic, CheckKind.DEEP: self.work.deep}, self._others, now_ms,
            worker_id, is_shared=not isinstance(schedule, MemoryCheckSchedule),
        )  # fmt: skip

    async def run(self) -> None:
        """Start what is due, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_schedule())
            group.create_task(self._keep_drift_alerts())
            if self.watch is not None:
                group.create_task(self.watch.run())

    async def close(self) -> None:
        """End what runs."""
        await self.jobs_here.close()

    async def _keep_schedule(self) -> None:
        await asyncio.sleep(FIRST_LOOK_SECONDS)
        while True:
            if self._is_ready():
                await self.jobs_here.run_if_due(CheckKind.BASIC, self._config.basic_seconds)
                await self.jobs_here.run_if_due(CheckKind.DEEP, self._config.deep_seconds)
            await asyncio.sleep(LOOK_SECONDS)

    def _is_ready(self) -> bool:
        live, engine = self._sight.live, self._sight.engine
        try:
            self._sight.parts()
        except Incomplete:
            return False
        return bool(live) and sum(engine.lag(owned) for owned in live) < READY_LAG

    async def _keep_drift_alerts(self) -> None:
        while True:
            await asyncio.sleep(DUE_SECONDS)
            with suppress(Recovering, Unreachable):  # at the next look, here or where they are kept then
                await self._keeper.run_due()

    # --- what the views ask

    async def run_check(self, *, deep: bool, by: str, wait_seconds: float) -> JobStatus:
        """See `Jobs.run_check`."""
        return await self.jobs_here.run_check(deep=deep, by=by, wait_seconds=wait_seconds)

    async def jobs(self, limit: int) -> JobList:
        """See `Jobs.jobs`."""
        return await self.jobs_here.jobs(limit)

    async def job(self, job_id: str) -> JobStatus | None:
        """See `Jobs.job`."""
        return await self.jobs_here.job(job_id)

    async def cancel_job(self, job_id: str, by: str) -> JobStatus:
        """See `Jobs.cancel_job`."""
        return await self.jobs_here.cancel_job(job_id, by)

    async def drift_of(self, project_id: str) -> ProjectDrift | None:
        """See `Jobs.drift_of`."""
        if self._open_reader is None:
            raise NotAvailable("There is no table to compare with: DATABASE_URL is not set.")
        try:
            return await project_drift(self._open_reader, self._stream, self._rules, project_id, self._now_ms())
        except (CheckFailed, ServiceDatabaseError) as error:
            raise Unreachable(str(error)) from error

    # --- what other workers ask

    def add_questions(self, router: APIRouter) -> None:
        """To the router of `/internal`."""

        async def jobs(question: JobsQuestion) -> PartialAnswer[list[JobStatus]]:
            found = await self.jobs_here.own_jobs(question.limit, question.job_id)
            return PartialAnswer(partitions=[], found=found)

        async def cancel(question: CancelQuestion) -> PartialAnswer[JobStatus]:
            return PartialAnswer(partitions=[], found=await self.jobs_here.cancel_own(question.job_id, question.by))

        add_question(router, "jobs", JobsQuestion, jobs)
        add_question(router, "cancel", CancelQuestion, cancel)


def reader_opener(url: str, table: EpisodesTable) -> OpenReader:
    """Opens the project service's table anew for each use."""

    @asynccontextmanager
    async def open_reader() -> AsyncIterator[EpisodesReader]:
        async with EpisodesReader.open(url, table) as reader:
            yield reader

    return open_reader
