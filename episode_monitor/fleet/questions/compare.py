"""Which projects are the same here as in the database, by digests."""

from collections.abc import Sequence

import msgspec

from agents.engine.ownership import Owned
from agents.time_slices import in_slices
from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.question import LONG_ANSWER_SECONDS, Question, Scope
from streams.base.steps import Steps
from streams.partition.holdings import digest_of

COMPARE_STEP = 32  # digests between two steps, about half a millisecond


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """Places in the question: of projects that are the same here, and of those that are known and differ."""

    same: list[int]
    different: list[int]


class CompareQuestion(Question[Compared, list[int]], frozen=True, kw_only=True):
    """`projects`: each with the digest of `streams.partition.holdings`. Answers the places of those that differ, or
    that no partition has."""

    scope = Scope.EVERY_OWNER
    seconds = LONG_ANSWER_SECONDS
    found = Compared
    projects: list[tuple[str, int]]

    async def answer(self, here: LocalState) -> Compared:
        return await in_slices(compared(here.live, self.projects))

    def merge(self, parts: Sequence[Compared], here: LocalState) -> list[int]:
        same = {place for part in parts for place in part.same}
        different = {place for part in parts for place in part.different}
        return sorted(set(range(len(self.projects))) - (same - different))


def compared(live: Sequence[Owned], projects: Sequence[tuple[str, int]]) -> Steps[Compared]:
    """What these partitions have of the projects."""
    same: list[int] = []
    different: list[int] = []
    for place, (project_id, wanted) in enumerate(projects):
        for owned in live:
            found = digest_of(owned.partition, project_id)
            if found is not None:
                (same if found == wanted else different).append(place)
                break
        if place % COMPARE_STEP == COMPARE_STEP - 1:
            yield
    return Compared(same=same, different=different)
