"""Jobs without their processes: turns, what is kept for how long, and jobs of other workers."""

import asyncio
import json as text
from collections.abc import Callable
from typing import Any

import pytest

from episode_monitor.fleet.errors import Refused
from episode_monitor.replay.ranges import Range
from episode_monitor.replay_jobs import jobs as module
from episode_monitor.replay_jobs.job import OURS, STOPPED, Asked
from episode_monitor.replay_jobs.jobs import ReplayJobs, TooManyJobs
from episode_monitor.replay_jobs.orders import Order, PackedRules, Progressed
from episode_monitor.replay_jobs.process import JobFailed
from episode_monitor.settings.rules_file import core_from
from episode_monitor.settings.settings import load_settings
from models.check_views import JobState
from models.replay_job_views import ReplayJob
from tests.fleet.fleet import Clock, Fleet, Worker

SETTINGS = load_settings({})
ASKED = Asked(Order(SETTINGS, PackedRules("in force", []), Range(), None), "mina", {"from": "-2h"})


class Runs:
    """Stands for the processes: each job ends as it is made to."""

    def __init__(self) -> None:
        self.running: asyncio.Future[bytes] | None = None
        self.hear: Callable[[Progressed], None] = lambda progressed: None
        self.began = 0

    async def __call__(self, order: Order, hear: Callable[[Progressed], None], /) -> bytes:
        self.began += 1
        self.running, self.hear = asyncio.get_running_loop().create_future(), hear
        return await self.running

    async def end(self, result: bytes | Exception = b"{}") -> None:
        """End the one that runs; the next one runs when this returns."""
        await settled()
        assert self.running is not None
        if isinstance(result, Exception):
            self.running.set_exception(result)
        else:
            self.running.set_result(result)
        await settled()


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def nobody(question: object) -> Any:
    return []


def made(clock: Clock | None = None) -> tuple[ReplayJobs, Runs]:
    runs = Runs()
    return ReplayJobs(nobody, clock or Clock(), runs), runs


def detail(jobs: ReplayJobs, job: ReplayJob) -> dict[str, object]:
    found = jobs.own_replay(job.job_id)
    assert found is not None
    answer: dict[str, object] = text.loads(bytes(found))
    return answer


def states(jobs: ReplayJobs) -> list[str]:
    """Oldest first."""
    return [job.state.value for job in reversed(jobs.own_replays(100).replays)]


async def test_one_runs_at_a_time_in_the_order_in_which_they_were_asked_for() -> None:
    jobs, runs = made()
    for _ in range(3):
        jobs.start(ASKED)
    await settled()
    assert states(jobs) == ["running", "waiting", "waiting"]
    await runs.end()
    assert states(jobs) == ["completed", "running", "waiting"]
    await runs.end(JobFailed("no such topic"))
    await runs.end(ValueError("a bug"))
    assert states(jobs) == ["completed", "failed", "failed"]
    newest, middle, oldest = jobs.own_replays(3).replays
    assert (newest.error, middle.error, oldest.error) == (OURS, "no such topic", None)
    assert jobs.own_replays(1).replays == [newest]
    assert jobs.own_replays(1).total == 3
    await jobs.close()


async def test_progress_has_a_share_a_speed_and_the_time_left() -> None:
    jobs, runs = made()
    job = jobs.start(ASKED)
    assert (job.state, job.progress, job.seconds_left, job.started_at) == (JobState.WAITING, None, None, None)
    await settled()
    runs.hear(Progressed(events=300, done=400, total=1600, seconds=2.0))
    (now,) = jobs.own_replays(1).replays
    assert (now.progress, now.events, now.events_per_second, now.seconds_left) == (0.25, 300, 150.0, 6.0)
    await runs.end(b'{"kind":"replay","events":1200}')
    ended = detail(jobs, job)
    assert (ended["progress"], ended["seconds_left"], ended["has_result"]) == (1.0, None, True)
    assert ended["result"] == {"kind": "replay", "events": 1200}
    assert ended["request"] == {"from": "-2h"}


async def test_a_job_that_waits_is_cancelled_without_having_begun() -> None:
    jobs, runs = made()
    _, second, third = (jobs.start(ASKED) for _ in range(3))
    cancelled = await jobs.cancel_own(second.job_id, "jun")
    assert cancelled is not None
    assert (cancelled.state, cancelled.error) == (JobState.CANCELLED, "Cancelled by jun.")
    with pytest.raises(Refused) as refused:
        await jobs.cancel_own(second.job_id, "jun")
    assert refused.value.refusal.code == "job_ended"
    await runs.end()
    assert states(jobs) == ["completed", "cancelled", "running"]
    await jobs.close()
    assert (states(jobs)[2], detail(jobs, third)["error"], runs.began) == ("failed", STOPPED, 2)


async def test_as_many_wait_as_may_and_the_next_is_refused() -> None:
    jobs, runs = made()
    for _ in range(5):
        jobs.start(ASKED)
    with pytest.raises(TooManyJobs, match="4 wait"):
        jobs.start(ASKED)
    await runs.end()
    jobs.start(ASKED)
    with pytest.raises(TooManyJobs):
        jobs.start(ASKED)
    await jobs.close()


async def test_what_has_ended_is_forgotten_by_number_size_and_age(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KEPT", 3)
    monkeypatch.setattr(module, "MAX_KEPT_BYTES", 100)
    clock = Clock()
    jobs, runs = made(clock)
    started = []
    for size in (10, 20, 30, 30):
        started.append(jobs.start(ASKED).job_id)
        await runs.end(b"1" * size)
    kept = [job.job_id for job in reversed(jobs.own_replays(9).replays)]
    assert kept == started[1:]
    jobs.start(ASKED)
    await runs.end(b"1" * 60)  # 150 bytes in all
    assert [job.job_id for job in jobs.own_replays(9).replays][1:] == started[3:]
    clock.ms += 24 * 3_600_000 + 1
    running = jobs.start(ASKED)
    clock.ms += 24 * 3_600_000 + 1
    assert [job.job_id for job in jobs.own_replays(9).replays] == [running.job_id]
    await jobs.close()


async def with_jobs(fleet: Fleet, name: str, partition: int) -> tuple[Worker, ReplayJobs, Runs]:
    worker, runs = await fleet.worker(name), Runs()
    worker.own_partition(partition)
    worker.own.replays = jobs = ReplayJobs(worker.model.ask, fleet.clock, runs)
    return worker, jobs, runs


async def test_any_worker_lists_finds_and_cancels_the_jobs_of_the_others() -> None:
    async with Fleet(2) as fleet:
        _, first, runs = await with_jobs(fleet, "first", 0)
        _, second, _ = await with_jobs(fleet, "second", 1)
        await fleet.publish()
        done, other, running = first.start(ASKED), second.start(ASKED), first.start(ASKED)
        await runs.end(b'{"kind":"replay"}')
        for jobs in (first, second):
            found = await jobs.replays(10)
            assert [job.job_id for job in found.replays] == [running.job_id, other.job_id, done.job_id]
            assert found.total == 3
            assert len((await jobs.replays(2)).replays) == 2
            assert text.loads(await jobs.replay(done.job_id))["result"] == {"kind": "replay"}
            with pytest.raises(Refused) as unknown:
                await jobs.replay("none")
            assert unknown.value.refusal.code == "unknown_job"
        assert (await second.cancel(running.job_id, "jun")).state is JobState.CANCELLED
        for job_id, code in ((done.job_id, "job_ended"), ("none", "unknown_job")):
            with pytest.raises(Refused) as refused:
                await second.cancel(job_id, "jun")
            assert refused.value.refusal.code == code
        await second.close()


def test_rules_are_the_same_after_they_have_travelled() -> None:
    rules = core_from(SETTINGS).rules
    again = PackedRules.of("in force", rules).rule_set()
    assert (again.fingerprint, again.by_id) == (rules.fingerprint, rules.by_id)
    assert all(
        mine.measure is theirs.measure for mine, theirs in zip(rules.by_id.values(), again.by_id.values(), strict=True)
    )
