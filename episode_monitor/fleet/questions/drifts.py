"""What the alerts about drift that fire are about."""

from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.question import LONG_ANSWER_SECONDS, Question, Scope
from streams.partition.drift_values import Drifting


class DriftsQuestion(Question[dict[str, Drifting], dict[str, Drifting]], frozen=True, kw_only=True):
    """By project, as the worker that keeps the alerts knows."""

    scope = Scope.ONE_PARTITION
    seconds = LONG_ANSWER_SECONDS
    found = dict[str, Drifting]

    async def answer(self, here: LocalState) -> dict[str, Drifting] | None:
        owned = here.drift_keeper
        return None if owned is None else owned.drift_alerts.drifts
