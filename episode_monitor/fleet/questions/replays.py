"""The replays and backtests that other workers run or keep."""

from collections.abc import Sequence

import msgspec

from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.question import LONG_ANSWER_SECONDS, Question, Scope
from models.replay_job_views import ReplayJobList


class OtherReplaysQuestion(Question[ReplayJobList, list[ReplayJobList]], frozen=True, kw_only=True):
    """The newest of each worker, at most `limit`, without results."""

    scope = Scope.OTHERS
    found = ReplayJobList
    limit: int

    async def answer(self, here: LocalState) -> ReplayJobList:
        return here.replays.own_replays(self.limit)

    def merge(self, parts: Sequence[ReplayJobList], here: LocalState) -> list[ReplayJobList]:
        return list(parts)


class OtherReplayQuestion(Question[msgspec.Raw, msgspec.Raw | None], frozen=True, kw_only=True):
    """One with its result, as JSON; None where no other worker has it."""

    scope = Scope.OTHERS
    seconds = LONG_ANSWER_SECONDS
    found = msgspec.Raw
    job_id: str

    async def answer(self, here: LocalState) -> msgspec.Raw | None:
        return here.replays.own_replay(self.job_id)

    def merge(self, parts: Sequence[msgspec.Raw], here: LocalState) -> msgspec.Raw | None:
        return next(iter(parts), None)
