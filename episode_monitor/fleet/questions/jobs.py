"""The checks that other workers remember, for where no database is shared."""

from collections.abc import Sequence

from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.question import LONG_ANSWER_SECONDS, Question, Scope
from models.check_views import JobStatus


class OtherJobsQuestion(Question[list[JobStatus], list[JobStatus]], frozen=True, kw_only=True):
    """At most `limit` of each worker; one of them where an id is given."""

    scope = Scope.OTHERS
    seconds = LONG_ANSWER_SECONDS
    found = list[JobStatus]
    limit: int
    job_id: str | None = None

    async def answer(self, here: LocalState) -> list[JobStatus]:
        return await here.jobs.own_jobs(self.limit, self.job_id)

    def merge(self, parts: Sequence[list[JobStatus]], here: LocalState) -> list[JobStatus]:
        return [job for part in parts for job in part]
