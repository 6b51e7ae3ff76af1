"""Replays and backtests of the fake fleet."""

from collections.abc import Callable

import msgspec

from episode_monitor.checks.jobs import UNKNOWN_JOB
from episode_monitor.fleet.errors import Refused
from episode_monitor.replay_jobs.job import Asked
from models.check_views import JobState
from models.replay_job_views import ReplayJob, ReplayJobList
from models.times import rfc3339

STARTED_AT = rfc3339(1_760_000_000_123)


class FakeReplays:
    """Notes what is asked for; knows one job."""

    def __init__(self, come: Callable[..., None]) -> None:
        """`come` is called with the arguments of each call, and may raise."""
        self._come = come
        self.asked: list[Asked] = []
        self.refusing: Exception | None = None
        self.job = ReplayJob(
            job_id="job-1", kind="replay", state=JobState.RUNNING, progress=0.5, events=10, events_per_second=5.0,
            seconds_left=2.0, requested_by="mina", request={}, requested_at=STARTED_AT, started_at=STARTED_AT,
        )  # fmt: skip

    def start(self, asked: Asked) -> ReplayJob:
        if self.refusing is not None:
            raise self.refusing
        self.asked.append(asked)
        return self.job

    async def replays(self, limit: int) -> ReplayJobList:
        self._come(limit)
        return ReplayJobList(replays=[self.job], total=1)

    async def replay(self, job_id: str) -> bytes:
        self._know(job_id)
        return msgspec.json.encode({**msgspec.to_builtins(self.job), "result": None})

    async def cancel(self, job_id: str, by: str) -> ReplayJob:
        self._know(job_id)
        self.job = msgspec.structs.replace(self.job, state=JobState.CANCELLED, error=f"Cancelled by {by}.")
        return self.job

    def _know(self, job_id: str) -> None:
        self._come(job_id)
        if job_id != self.job.job_id:
            raise Refused(UNKNOWN_JOB)
