"""The checks of this worker as jobs: started by hand or by the clock, one of a kind at a time in the whole fleet.

A check that is asked for by hand begins after the request: where one of its kind runs already, it waits for its turn. A
run that loses its place (another was let in because this one was silent for too long) ends itself.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from itertools import count

import structlog

from episode_monitor.checks.job_run import STOPPED, Run, Work, kind_of, status_of
from episode_monitor.fleet.acts.cancel_job import CancelOtherJob
from episode_monitor.fleet.ask import Ask
from episode_monitor.fleet.errors import Refusal, Refused, Unreachable
from episode_monitor.fleet.questions.jobs import OtherJobsQuestion
from episode_monitor.storage.checks import CheckKind, CheckQuery, CheckResult, CheckResults, UnknownCheck, ended
from episode_monitor.storage.database_service import DatabaseAway
from episode_monitor.storage.schedule import LEASE_SECONDS, CheckSchedule
from models.check_views import JobList, JobState, JobStatus

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 5.0
LOOK_SECONDS = 0.5  # at whether the check before has ended
SCHEDULE = "schedule"  # the requester of a check that is due


UNKNOWN_JOB = Refusal(404, "unknown_job", "There is no job with this id: the list of jobs shows those that are kept.")
JOB_ENDED = Refusal(409, "job_ended", "This job has already ended: there is nothing to cancel.")


class CheckJobs:
    """`works` says how each kind is done; `worker` names this worker; `is_shared`: all workers see the same results,
    else the other workers are asked."""

    def __init__(
        self,
        results: CheckResults,
        schedule: CheckSchedule,
        works: Mapping[CheckKind, Work],
        ask: Ask,
        now_ms: Callable[[], int],
        worker: str,
        *,
        is_shared: bool,
        lease_seconds: float = LEASE_SECONDS,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._results = results
        self._schedule = schedule
        self._works = works
        self._ask_fleet = ask
        self._now_ms = now_ms
        self._worker = worker
        self._is_shared = is_shared
        self._lease_ms = int(lease_seconds * 1000)
        self._heartbeat_seconds = heartbeat_seconds
        self._running: dict[CheckKind, Run] = {}
        self._waiting: dict[CheckKind, Run] = {}  # asked for by hand while one of the kind ran
        self._watching: set[asyncio.Task[None]] = set()
        self._drawn = count(1)
        self._starting = asyncio.Lock()

    # --- starting

    async def run_check(self, *, deep: bool, by: str, wait_seconds: float) -> JobStatus:
        """A check that begins after this call, or once the one of its kind that runs has ended; requests that wait for
        the same turn share it. Its state after at most `wait_seconds`. Raises Unreachable."""
        run = await self._ask(kind_of(deep), by)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(run.ended.wait(), wait_seconds)
        return await self._status(run)

    async def run_if_due(self, kind: CheckKind, interval_seconds: float) -> bool:
        """Start a scheduled check unless it is not due or another worker runs it; answers whether it began."""
        await self.abandon_lost()
        return await self._start(kind, SCHEDULE, interval_seconds) is not None

    async def abandon_lost(self) -> None:
        """End the jobs whose workers are gone."""
        with contextlib.suppress(DatabaseAway):
            now_ms = self._now_ms()
            lost = await self._results.abandon(now_ms - self._lease_ms, now_ms)
            if lost:
                log.warning("checks of stopped workers were marked as failed", checks=lost)

    async def _start(self, kind: CheckKind, by: str, interval_seconds: float) -> Run | None:
        async with self._starting:
            holder = self._next_holder()
            if kind in self._waiting or not await self._take_place(kind, holder, interval_seconds):
                return None
            run = self._running[kind] = Run(await self._create("check begins", kind, by), self._works[kind])
            self._keep(run, holder)
            return run

    async def _ask(self, kind: CheckKind, by: str) -> Run:
        async with self._starting:
            if (waiting := self._waiting.get(kind)) is not None:
                return waiting
            holder = self._next_holder()
            if await self._take_place(kind, holder, 0.0):
                run = self._running[kind] = Run(await self._create("check begins", kind, by), self._works[kind])
            else:
                check = await self._create("the check waits for the running one", kind, by)
                run = self._waiting[kind] = Run(check, self._works[kind], lambda: self._turn(run, holder))
            self._keep(run, holder)
            return run

    async def _turn(self, run: Run, holder: str) -> None:
        """Returns when the run has its place."""
        kind = run.check.kind
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            async with self._starting:
                with contextlib.suppress(Unreachable):  # a worker that does not answer is asked again
                    if await self._take_place(kind, holder, 0.0, status_of(run.check)):
                        self._running[kind] = self._waiting.pop(kind)
                        return

    async def _take_place(
        self, kind: CheckKind, holder: str, interval_seconds: float, waiting: JobStatus | None = None
    ) -> bool:
        """Whether the check may begin now. Raises Unreachable for a check by hand."""
        if kind in self._running:
            return False
        if not interval_seconds and not self._is_shared and await self._is_before(kind, waiting):
            return False
        try:
            return await self._schedule.claim(kind, holder, interval_seconds)
        except DatabaseAway:
            if interval_seconds:
                return False  # nobody can say whether another worker runs it
            log.warning("a check starts without being recorded: the monitor's database is unavailable", kind=kind.value)
            return True

    async def _is_before(self, kind: CheckKind, waiting: JobStatus | None) -> bool:
        """Whether a check of another worker goes before: of two that wait, the one that was asked for first."""
        running = [job for job in await self._ask_fleet(OtherJobsQuestion(limit=10)) if job.kind == kind.value]
        return any(
            job.state is JobState.RUNNING
            and (waiting is None or (job.started_at, job.job_id) < (waiting.started_at, waiting.job_id))
            for job in running
        )

    def _next_holder(self) -> str:
        return f"{self._worker}:{next(self._drawn)}"

    async def _create(self, line: str, kind: CheckKind, by: str) -> CheckResult:
        check = await self._results.create(kind, by, self._now_ms())
        log.info(line, kind=kind.value, id=check.id, by=by)
        return check

    def _keep(self, run: Run, holder: str) -> None:
        task = asyncio.create_task(self._watch(run, run.check.kind, holder))
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)

    async def _watch(self, run: Run, kind: CheckKind, holder: str) -> None:
        """Keep the run's place while it goes on; put down how it ended."""
        try:
            while not run.ended.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(run.ended.wait(), self._heartbeat_seconds)
                await self._results.progress(run.check.id, run.done, run.total, self._now_ms())
                with contextlib.suppress(DatabaseAway):
                    if run.has_begun and not run.ended.is_set() and not await self._schedule.alive(kind, holder):
                        await run.cancel("Another worker has taken over the check.", by_person=False)
            await self._results.finish(run.check.id, run.state, run.result, self._now_ms())
            log.info("check ended", kind=kind.value, id=run.check.id, state=run.state.value,
                     error=run.result.get("error"))  # fmt: skip
            if run.has_begun:
                with contextlib.suppress(DatabaseAway):
                    await self._schedule.done(kind, holder)
        except UnknownCheck:
            log.warning("a running check was dropped from the list", kind=kind.value, id=run.check.id)
        finally:
            for runs in (self._running, self._waiting):
                if runs.get(kind) is run:
                    del runs[kind]

    # --- following

    async def _status(self, run: Run) -> JobStatus:
        """Of a run of this worker, whether its end is put down already or not."""
        check = run.check
        if run.ended.is_set():
            return status_of(ended(check, run.state, run.result, self._now_ms()))
        return status_of(await self._results.progress(check.id, run.done, run.total, self._now_ms()))

    # --- listing

    async def own_jobs(self, limit: int, job_id: str | None = None) -> list[JobStatus]:
        """Those this worker remembers; one of them where an id is given."""
        try:
            if job_id is not None:
                return [await self._own_job(job_id)]
            page = await self._results.list(CheckQuery(limit=limit))
        except UnknownCheck:
            return []
        except DatabaseAway as error:
            raise Unreachable(str(error)) from error
        return [status_of(check) for check in page.items]

    def _here(self) -> list[Run]:
        return [*self._running.values(), *self._waiting.values()]

    async def _own_job(self, job_id: str) -> JobStatus:
        for run in self._here():
            if run.check.id == job_id:
                return await self._status(run)
        return status_of(await self._results.get(job_id))

    async def jobs(self, limit: int) -> JobList:
        """Newest first, of all workers."""
        found = await self.own_jobs(limit)
        if not self._is_shared:
            found = [*found, *await self._ask_fleet(OtherJobsQuestion(limit=limit))]
        by_id = {job.job_id: job for job in found}
        newest = sorted(by_id.values(), key=lambda job: (job.started_at, job.job_id), reverse=True)
        return JobList(jobs=newest[:limit])

    async def job(self, job_id: str) -> JobStatus | None:
        """One job, whichever worker runs it."""
        found = await self.own_jobs(1, job_id)
        if not found and not self._is_shared:
            found = await self._ask_fleet(OtherJobsQuestion(limit=1, job_id=job_id))
        return found[0] if found else None

    # --- ending

    async def cancel_own(self, job_id: str, by: str) -> JobStatus | None:
        """End a run of this worker; None where it runs none of this id."""
        for run in self._here():
            if run.check.id == job_id and not run.ended.is_set():
                await run.cancel(f"Cancelled by {by}.", by_person=True)
                return await self._status(run)
        return None

    async def cancel_job(self, job_id: str, by: str) -> JobStatus:
        """The job after it was ended, wherever it runs. Raises Refused, Unreachable."""
        cancelled = await self.cancel_own(job_id, by)
        if cancelled is None:
            cancelled = await self._ask_fleet(CancelOtherJob(job_id=job_id, by=by))
        if cancelled is not None:
            return cancelled
        found = await self.job(job_id)
        if found is None:
            raise Refused(UNKNOWN_JOB)
        if found.state is not JobState.RUNNING:
            raise Refused(JOB_ENDED)
        raise Unreachable(
            "The worker that ran this job is gone; the job will be marked as failed within a minute.", 60.0
        )

    async def close(self) -> None:
        """End what runs here; it is put down as failed, and its place is given up."""
        for run in self._here():
            await run.cancel(STOPPED, by_person=False)
        await asyncio.gather(*self._watching, return_exceptions=True)
