"""A person ends a check that another worker runs. It changes no partition, so it is no transaction."""

from collections.abc import Sequence

from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.question import LONG_ANSWER_SECONDS, Question, Scope
from models.check_views import JobStatus


class CancelOtherJob(Question[JobStatus, JobStatus | None], frozen=True, kw_only=True):
    """The job after the worker that runs it ended it; None where no other worker does."""

    scope = Scope.OTHERS
    seconds = LONG_ANSWER_SECONDS
    found = JobStatus
    job_id: str
    by: str

    async def answer(self, here: LocalState) -> JobStatus | None:
        return await here.jobs.cancel_own(self.job_id, self.by)

    def merge(self, parts: Sequence[JobStatus], here: LocalState) -> JobStatus | None:
        return next(iter(parts), None)
