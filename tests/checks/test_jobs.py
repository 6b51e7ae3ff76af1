"""Checks as jobs: one of a kind in the fleet, on PostgreSQL and in memory, cancelled, lost with their workers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from episode_monitor.checks.errors import CheckFailed
from episode_monitor.checks.job_run import Progress
from episode_monitor.checks.jobs import CheckJobs
from episode_monitor.fleet.acts.cancel_job import CancelOtherJob
from episode_monitor.fleet.errors import Refused, Unreachable
from episode_monitor.fleet.questions.jobs import OtherJobsQuestion
from episode_monitor.storage.checks import CheckKind, CheckQuery, CheckResult
from episode_monitor.storage.schedule import MemoryCheckSchedule, PostgresCheckSchedule
from episode_monitor.storage.storage import Storage, open_storage
from models.check_views import BasicCheckResult, JobState, JobStatus
from tests.storage.conftest import SOON
from tests.storage.making import NOON_MS

DONE: dict[str, Any] = {
    "kind": "basic", "status": "completed", "duration_seconds": 1.5,
    "summary": {"total_projects": 2, "healthy_projects": 1, "unhealthy_projects": 1, "health_percentage": 50.0,
                "total_gaps": 1, "total_duplicates": 0},
}  # fmt: skip
HOUR = 3600.0

T = TypeVar("T")


class Elsewhere:
    """The other workers of the fleet, asked without HTTP."""

    def __init__(self) -> None:
        self.workers: list[CheckJobs] = []

    async def __call__(self, question: Any) -> Any:
        match question:
            case OtherJobsQuestion(limit=limit, job_id=job_id):
                return [job for worker in self.workers for job in await worker.own_jobs(limit, job_id)]
            case CancelOtherJob(job_id=job_id, by=by):
                for worker in self.workers:
                    if (ended := await worker.cancel_own(job_id, by)) is not None:
                        return ended
        return None


class Fleet:
    """Workers whose checks wait for `go`, and then end with `outcome`."""

    def __init__(self, storages: list[Storage], *, is_shared: bool) -> None:
        self.go = asyncio.Event()
        self.outcome: Exception | None = None
        self.begun = 0
        self._now = self.at_once = 0  # runs at this moment, and the most there were
        self.now_ms = NOON_MS
        elsewheres = [Elsewhere() for _ in storages]
        self.workers = [
            CheckJobs(
                storage.checks, storage.schedule, {CheckKind.BASIC: self._work, CheckKind.DEEP: self._work}, elsewhere,
                lambda: self.now_ms, f"worker-{number}", is_shared=is_shared, heartbeat_seconds=0.02,
            )
            for number, (storage, elsewhere) in enumerate(zip(storages, elsewheres, strict=True))
        ]  # fmt: skip
        for number, elsewhere in enumerate(elsewheres):
            elsewhere.workers = [worker for at, worker in enumerate(self.workers) if at != number]

    async def _work(self, check: CheckResult, progress: Progress) -> dict[str, Any]:
        self.begun += 1
        self._now += 1
        self.at_once = max(self.at_once, self._now)
        progress(1, 4)
        try:
            await self.go.wait()
        finally:
            self._now -= 1
        if self.outcome is not None:
            raise self.outcome
        return DONE


@pytest.fixture(params=["postgres", "memory"])
async def fleet(request: pytest.FixtureRequest) -> AsyncIterator[Fleet]:
    """Two workers with one database, or each with its own memory."""
    is_shared = request.param == "postgres"
    url = request.getfixturevalue("database_url") if is_shared else None
    storages = [open_storage(url, replace(SOON, application_name="checks")) for _ in range(2)]
    for storage in storages:
        await storage.database.connect()
    if not is_shared:
        second = storages[1].schedule
        assert isinstance(second, MemoryCheckSchedule)
        second.is_first = lambda: False
    fleet = Fleet(storages, is_shared=is_shared)
    yield fleet
    for worker in fleet.workers:
        await worker.close()
    for storage in storages:
        await storage.database.close()


async def until_running(worker: CheckJobs) -> JobStatus:
    async def running() -> JobStatus | None:
        jobs = (await worker.jobs(10)).jobs
        return next((job for job in jobs if job.state is JobState.RUNNING and job.progress is not None), None)

    return await eventually(running)


async def eventually(look: Callable[[], Awaitable[T | None]]) -> T:
    """What `look` gives as soon as it gives something true."""
    async with asyncio.timeout(20):
        while True:
            found = await look()
            if found:
                return found
            await asyncio.sleep(0.01)


async def until_ended(worker: CheckJobs, job_id: str) -> JobStatus:
    async def ended() -> JobStatus | None:
        job = await worker.job(job_id)
        return None if job is None or job.state is JobState.RUNNING else job

    return await eventually(ended)


async def test_a_check_that_ends_in_time_is_answered_with_its_result(fleet: Fleet) -> None:
    fleet.go.set()
    job = await fleet.workers[0].run_check(deep=False, by="mina", wait_seconds=20)
    assert (job.state, job.kind, job.requested_by, job.progress) == (JobState.COMPLETED, "basic", "mina", 1.0)
    assert isinstance(job.result, BasicCheckResult)
    assert job.result.summary.total_gaps == 1
    for worker in fleet.workers:
        assert (await until_ended(worker, job.job_id)).result == job.result


async def test_a_check_that_takes_longer_is_a_job_with_its_progress(fleet: Fleet) -> None:
    job = await fleet.workers[0].run_check(deep=True, by="mina", wait_seconds=0.0)
    assert (job.state, job.result) == (JobState.RUNNING, None)
    for worker in fleet.workers:
        running = await until_running(worker)
        assert (running.job_id, running.progress) == (job.job_id, 0.25)
    fleet.go.set()
    assert (await until_ended(fleet.workers[1], job.job_id)).state is JobState.COMPLETED


async def test_a_check_that_is_asked_for_while_one_runs_begins_after_it_and_those_who_wait_share_it(
    fleet: Fleet,
) -> None:
    first = await fleet.workers[0].run_check(deep=True, by="mina", wait_seconds=0.0)
    second = await fleet.workers[0].run_check(deep=True, by="jun", wait_seconds=0.0)
    third = await fleet.workers[0].run_check(deep=True, by="ada", wait_seconds=0.0)
    assert second.job_id != first.job_id
    assert (third.job_id, third.state, third.requested_by) == (second.job_id, JobState.RUNNING, "jun")
    assert (await until_running(fleet.workers[0])).job_id == first.job_id
    assert fleet.begun == 1
    fleet.go.set()
    for job in (first, second):
        assert (await until_ended(fleet.workers[1], job.job_id)).state is JobState.COMPLETED
    assert fleet.begun == 2


async def test_checks_that_are_asked_of_several_workers_run_one_after_another(fleet: Fleet) -> None:
    first = await fleet.workers[0].run_check(deep=True, by="mina", wait_seconds=0.0)
    waiting = [await worker.run_check(deep=True, by="jun", wait_seconds=0.0) for worker in fleet.workers]
    assert len({first.job_id, *(job.job_id for job in waiting)}) == 3
    fleet.go.set()
    for job in (first, *waiting):
        assert (await until_ended(fleet.workers[0], job.job_id)).state is JobState.COMPLETED
    assert (fleet.begun, fleet.at_once) == (3, 1)


async def test_a_check_that_waits_for_its_turn_can_be_cancelled_and_never_begins(fleet: Fleet) -> None:
    first = await fleet.workers[0].run_check(deep=True, by="mina", wait_seconds=0.0)
    waiting = await fleet.workers[0].run_check(deep=True, by="jun", wait_seconds=0.0)
    assert (await fleet.workers[1].cancel_job(waiting.job_id, "ada")).state is JobState.CANCELLED
    fleet.go.set()
    assert (await until_ended(fleet.workers[0], first.job_id)).state is JobState.COMPLETED
    assert fleet.begun == 1


async def test_a_basic_and_a_deep_check_may_run_together(fleet: Fleet) -> None:
    for deep in (True, False):
        await fleet.workers[0].run_check(deep=deep, by="mina", wait_seconds=0.0)
    assert len((await fleet.workers[0].jobs(10)).jobs) == 2


async def test_a_scheduled_check_runs_once_however_many_workers_ask(fleet: Fleet) -> None:
    fleet.go.set()
    begun = await asyncio.gather(*(worker.run_if_due(CheckKind.DEEP, HOUR) for worker in fleet.workers * 5))
    assert sum(begun) == 1
    job = (await fleet.workers[0].jobs(10)).jobs[0]
    await until_ended(fleet.workers[0], job.job_id)
    assert job.requested_by == "schedule"
    assert not any([await worker.run_if_due(CheckKind.DEEP, HOUR) for worker in fleet.workers])


async def test_a_check_by_hand_moves_the_next_scheduled_one(fleet: Fleet) -> None:
    fleet.go.set()
    job = await fleet.workers[0].run_check(deep=False, by="mina", wait_seconds=20)
    await until_ended(fleet.workers[0], job.job_id)
    assert not await fleet.workers[0].run_if_due(CheckKind.BASIC, HOUR)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [(CheckFailed("The table is gone."), "The table is gone."), (RuntimeError("secret"), "an internal error")],
)
async def test_a_check_that_fails_says_why_and_the_next_may_run(fleet: Fleet, error: Exception, sentence: str) -> None:
    fleet.go.set()
    fleet.outcome = error
    job = await fleet.workers[0].run_check(deep=False, by="mina", wait_seconds=20)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert sentence in job.error
    assert "secret" not in job.error
    await until_ended(fleet.workers[0], job.job_id)
    fleet.outcome = None

    async def next_one() -> bool:
        return (await fleet.workers[0].run_check(deep=False, by="mina", wait_seconds=20)).job_id != job.job_id

    assert await eventually(next_one)


@pytest.mark.parametrize("asked", [0, 1])
async def test_a_check_is_cancelled_in_the_middle_whichever_worker_is_asked(fleet: Fleet, asked: int) -> None:
    job = await fleet.workers[0].run_check(deep=True, by="mina", wait_seconds=0.0)
    ended = await fleet.workers[asked].cancel_job(job.job_id, "jun")
    assert (ended.state, ended.error, ended.result) == (JobState.CANCELLED, "Cancelled by jun.", None)
    for worker in fleet.workers:
        assert (await until_ended(worker, job.job_id)).state is JobState.CANCELLED
    with pytest.raises(Refused, match="has already ended"):
        await fleet.workers[asked].cancel_job(job.job_id, "jun")


async def test_a_job_that_nobody_knows_cannot_be_cancelled(fleet: Fleet) -> None:
    assert await fleet.workers[0].job("nothing") is None
    with pytest.raises(Refused, match="There is no job with this id"):
        await fleet.workers[0].cancel_job("nothing", "jun")


async def test_a_worker_that_stops_ends_its_check_as_failed(fleet: Fleet) -> None:
    job = await fleet.workers[0].run_check(deep=True, by="mina", wait_seconds=0.0)
    await fleet.workers[0].close()
    ended = await until_ended(fleet.workers[0], job.job_id)
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert ended.error.startswith("The worker was stopped")


# --- a database in common


@pytest.fixture
async def storage(database_url: str) -> AsyncIterator[Storage]:
    storage = open_storage(database_url, replace(SOON, application_name="checks"))
    await storage.database.connect()
    yield storage
    await storage.database.close()


def lease(storage: Storage, seconds: float) -> PostgresCheckSchedule:
    known = storage.schedule
    assert isinstance(known, PostgresCheckSchedule)
    return PostgresCheckSchedule(known._database, seconds)


async def test_the_check_of_a_worker_that_is_gone_is_ended_and_run_again_by_another(storage: Storage) -> None:
    """The worker was killed: nothing of it ends anything."""
    schedule = lease(storage, 0.05)
    assert await schedule.claim(CheckKind.DEEP, "killed", HOUR)
    lost = await storage.checks.create(CheckKind.DEEP, "schedule", NOON_MS)
    fleet = Fleet([replace(storage, schedule=schedule)], is_shared=True)
    fleet.go.set()
    fleet.now_ms = NOON_MS + 60_001
    assert await eventually(lambda: fleet.workers[0].run_if_due(CheckKind.DEEP, HOUR))
    ended = await until_ended(fleet.workers[0], lost.id)
    assert (ended.state, ended.error) == (JobState.FAILED, "The worker that ran the check stopped responding.")
    assert fleet.begun == 1
    await fleet.workers[0].close()


async def test_a_check_that_loses_its_workers_again_and_again_waits_for_its_turn(storage: Storage) -> None:
    schedule = lease(storage, 0.0)
    claims = [await schedule.claim(CheckKind.DEEP, f"killed {number}", HOUR) for number in range(5)]
    assert claims == [True, True, True, False, False]


async def test_a_run_that_was_silent_for_too_long_ends_itself(storage: Storage) -> None:
    schedule = lease(storage, 0.0)
    fleet = Fleet([replace(storage, schedule=schedule)], is_shared=True)
    job = await fleet.workers[0].run_check(deep=True, by="mina", wait_seconds=0.0)
    assert await schedule.claim(CheckKind.DEEP, "another", HOUR)
    ended = await until_ended(fleet.workers[0], job.job_id)
    assert (ended.state, ended.error) == (JobState.FAILED, "Another worker has taken over the check.")
    assert await schedule.alive(CheckKind.DEEP, "another")
    await fleet.workers[0].close()


async def test_after_a_downtime_of_many_intervals_a_check_runs_once(storage: Storage) -> None:
    schedule = lease(storage, 60.0)
    assert await schedule.claim(CheckKind.BASIC, "before", HOUR)
    await schedule.done(CheckKind.BASIC, "before")
    await schedule._database.fetch("update episode_monitor.check_schedule set begun_at = now() - interval '7 days'")
    assert await schedule.claim(CheckKind.BASIC, "after", HOUR)
    await schedule.done(CheckKind.BASIC, "after")
    assert not await schedule.claim(CheckKind.BASIC, "after", HOUR)


async def test_while_the_monitors_database_is_away_a_check_runs_by_hand_and_not_by_the_clock(database_url: str) -> None:
    storage = open_storage(database_url + "_no_such", replace(SOON, first_attempt_seconds=0.1))
    await storage.database.connect()
    fleet = Fleet([storage], is_shared=True)
    fleet.go.set()
    try:
        assert not await fleet.workers[0].run_if_due(CheckKind.BASIC, HOUR)
        job = await fleet.workers[0].run_check(deep=False, by="mina", wait_seconds=20)
        assert job.state is JobState.COMPLETED
        with pytest.raises(Unreachable):
            await fleet.workers[0].jobs(10)
    finally:
        await fleet.workers[0].close()
        await storage.database.close()


async def test_cancelled_checks_can_be_asked_for(storage: Storage) -> None:
    check = await storage.checks.create(CheckKind.DEEP, "mina", NOON_MS)
    await storage.checks.finish(check.id, JobState.CANCELLED, {"status": "cancelled"}, NOON_MS + 1)
    page = await storage.checks.list(CheckQuery(state=JobState.CANCELLED))
    assert [found.id for found in page.items] == [check.id]
