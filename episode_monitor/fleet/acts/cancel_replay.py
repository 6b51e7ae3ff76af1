"""A person ends a replay or a backtest that another worker runs. It changes no partition, so it is no transaction."""

from collections.abc import Sequence

from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.question import LONG_ANSWER_SECONDS, Question, Scope
from models.replay_job_views import ReplayJob


class CancelOtherReplay(Question[ReplayJob, ReplayJob | None], frozen=True, kw_only=True):
    """The job after the worker that runs it ended it; None where no other worker has it. Raises Refused."""

    scope = Scope.OTHERS
    seconds = LONG_ANSWER_SECONDS
    found = ReplayJob
    job_id: str
    by: str

    async def answer(self, here: LocalState) -> ReplayJob | None:
        return await here.replays.cancel_own(self.job_id, self.by)

    def merge(self, parts: Sequence[ReplayJob], here: LocalState) -> ReplayJob | None:
        return next(iter(parts), None)
