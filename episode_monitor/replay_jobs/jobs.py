"""The replays and backtests of this worker: one runs, a few wait, and some that have ended are kept with their results.

They are kept in memory: a result can be had again from the same range. Any worker finds those of the others.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
import structlog

from episode_monitor.checks.jobs import JOB_ENDED, UNKNOWN_JOB
from episode_monitor.fleet.acts.cancel_replay import CancelOtherReplay
from episode_monitor.fleet.ask import Ask
from episode_monitor.fleet.errors import Refused
from episode_monitor.fleet.questions.replays import OtherReplayQuestion, OtherReplaysQuestion
from episode_monitor.replay_jobs.job import STOPPED, Asked, Job, Runs
from episode_monitor.replay_jobs.process import run_in_process
from models.replay_job_views import ReplayJob, ReplayJobList

log = structlog.get_logger(__name__)

MAX_WAITING: Final = 4
MAX_KEPT: Final = 50  # jobs that have ended
MAX_KEPT_BYTES: Final = 64 << 20  # of their results
MAX_KEPT_MS: Final = 24 * 3_600_000


class TooManyJobs(Exception):
    """As many jobs wait as may wait; the message is a sentence."""


class ReplayJobs:
    """`ask` asks the other workers."""

    def __init__(self, ask: Ask, now_ms: Callable[[], int], run: Runs = run_in_process) -> None:
        self._ask, self._now_ms, self._run = ask, now_ms, run
        self._place = asyncio.Lock()  # first come, first served
        self._jobs: dict[str, Job] = {}  # in the order in which they were asked for

    # --- of this worker

    def start(self, asked: Asked) -> ReplayJob:
        """A job that begins when those before it have ended. Raises TooManyJobs."""
        if sum(job.is_open for job in self._jobs.values()) > MAX_WAITING:
            raise TooManyJobs(f"One replay or backtest runs on this worker and {MAX_WAITING} wait: try again later.")
        job = Job(asked, self._place, self._run, self._now_ms)
        self._jobs[job.id] = job
        self._drop_old()
        log.info("job asked for", kind=job.kind, id=job.id, by=asked.by)
        return job.view()

    def own_replays(self, limit: int) -> ReplayJobList:
        """Those of this worker, newest first."""
        self._drop_old()
        views = [job.view() for job in self._jobs.values()]
        return ReplayJobList(replays=views[: -limit - 1 : -1], total=len(views))

    def own_replay(self, job_id: str) -> msgspec.Raw | None:
        """One of them with its result, as JSON; None: not here."""
        self._drop_old()
        job = self._jobs.get(job_id)
        if job is None:
            return None
        fields = msgspec.to_builtins(job.view())
        return msgspec.Raw(msgspec.json.encode({**fields, "result": msgspec.Raw(job.result or b"null")}))

    async def cancel_own(self, job_id: str, by: str) -> ReplayJob | None:
        """The job after its process was ended; None: not here. Raises Refused for one that had ended before."""
        job = self._jobs.get(job_id)
        if job is None:
            return None
        if not job.is_open:
            raise Refused(JOB_ENDED)
        await job.cancel(f"Cancelled by {by}.", by_person=True)
        return job.view()

    async def close(self) -> None:
        """End what runs and what waits."""
        await asyncio.gather(*(job.cancel(STOPPED, by_person=False) for job in reversed(self._jobs.values())))

    def _drop_old(self) -> None:
        """Forget what has ended: the oldest first, by age, number and size."""
        too_old_ms, kept, size_bytes = self._now_ms() - MAX_KEPT_MS, 0, 0
        for job in [job for job in reversed(self._jobs.values()) if job.ended_at_ms is not None]:
            kept, size_bytes = kept + 1, size_bytes + len(job.result or b"")
            if kept > MAX_KEPT or size_bytes > MAX_KEPT_BYTES or (job.ended_at_ms or 0) < too_old_ms:
                del self._jobs[job.id]

    # --- of all workers

    async def replays(self, limit: int) -> ReplayJobList:
        """Newest first. Raises Unreachable."""
        lists = [self.own_replays(limit), *await self._ask(OtherReplaysQuestion(limit=limit))]
        newest = sorted((job for one in lists for job in one.replays), key=lambda job: job.job_id, reverse=True)
        return ReplayJobList(replays=newest[:limit], total=sum(one.total for one in lists))

    async def replay(self, job_id: str) -> bytes:
        """One with its result, as JSON. Raises Refused, Unreachable."""
        found = self.own_replay(job_id) or await self._ask(OtherReplayQuestion(job_id=job_id))
        if found is None:
            raise Refused(UNKNOWN_JOB)
        return bytes(found)

    async def cancel(self, job_id: str, by: str) -> ReplayJob:
        """The job after it was ended, wherever it runs. Raises Refused, Unreachable."""
        cancelled = await self.cancel_own(job_id, by)
        if cancelled is None:
            cancelled = await self._ask(CancelOtherReplay(job_id=job_id, by=by))
        if cancelled is None:
            raise Refused(UNKNOWN_JOB)
        return cancelled
