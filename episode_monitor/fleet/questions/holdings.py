"""All that some projects hold."""

from collections.abc import Sequence

from agents.engine.ownership import Owned
from agents.time_slices import in_slices
from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.question import LONG_ANSWER_SECONDS, Question, Scope, once_per_project
from streams.base.steps import Steps
from streams.partition.drift_values import Holdings
from streams.partition.holdings import holdings_of
from streams.partition.summary import STATE_STEP


class HoldingsQuestion(Question[list[Holdings], dict[str, Holdings]], frozen=True, kw_only=True):
    """By project; one that is in two partitions (keyed wrongly) as it is where it holds most."""

    scope = Scope.EVERY_OWNER
    seconds = LONG_ANSWER_SECONDS
    found = list[Holdings]
    projects: list[str]

    async def answer(self, here: LocalState) -> list[Holdings]:
        return await in_slices(held(here.live, self.projects))

    def merge(self, parts: Sequence[list[Holdings]], here: LocalState) -> dict[str, Holdings]:
        most = once_per_project(parts, lambda one: one.project_id, order=lambda one: -len(one.numbers))
        return {one.project_id: one for one in most}


def held(live: Sequence[Owned], projects: Sequence[str]) -> Steps[list[Holdings]]:
    """What these partitions hold of the projects."""
    found = []
    for seen, project_id in enumerate(projects, 1):
        for owned in live:
            one = holdings_of(owned.partition, project_id)
            if one is not None:
                found.append(one)
        if seen % STATE_STEP == 0:
            yield
    return found
