"""The projects of one partition that hold a number, in pages."""

import msgspec

from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.question import LONG_ANSWER_SECONDS, Question, Scope
from streams.partition.holdings import known_projects


class KnownPage(msgspec.Struct, frozen=True, kw_only=True):
    """`next_start` None on the last page. Places are good within one generation."""

    projects: list[str]
    next_start: int | None
    generation: int


class KnownProjectsQuestion(Question[KnownPage, KnownPage], frozen=True, kw_only=True):
    """A page of at most `limit` projects from place `start`."""

    scope = Scope.ONE_PARTITION
    seconds = LONG_ANSWER_SECONDS
    found = KnownPage
    partition: int
    start: int
    limit: int

    async def answer(self, here: LocalState) -> KnownPage | None:
        owned = here.owned(self.partition)
        if owned is None:
            return None
        projects, next_start = known_projects(owned.partition, self.start, self.limit)
        return KnownPage(projects=projects, next_start=next_start, generation=owned.generation)
