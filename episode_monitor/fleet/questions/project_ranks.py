"""The slowest and the most conflicted projects of the fleet. Each worker finds its own at most once a minute, whoever
asks how often."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from agents.time_slices import in_slices
from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.question import LONG_ANSWER_SECONDS, Question, Scope, once_per_project
from models.performance_views import ProjectRanking, RankedProject
from models.times import rfc3339
from streams.views.project_ranks import Allowed, Ranks, ranks_of

MOST_PROJECTS = 200_000  # looked at, 0.4 s of a core
MOST_DECODED = 2_000  # of those not in memory, 0.2 s
MOST_LISTED = 50


class OwnRanks(msgspec.Struct, frozen=True, kw_only=True):
    """What one worker found; `at_ms` is when, by its wall clock."""

    ranks: Ranks
    at_ms: int


class ProjectRankingQuestion(Question[OwnRanks, ProjectRanking], frozen=True, kw_only=True):
    """At most `limit` of each kind, over a window that ends now."""

    scope = Scope.EVERY_OWNER
    seconds = LONG_ANSWER_SECONDS
    found = OwnRanks
    window_minutes: int
    limit: int = 10  # 1 ... MOST_LISTED

    async def answer(self, here: LocalState) -> OwnRanks:
        now_ms = here.view.now_ms()

        async def find() -> OwnRanks:
            partitions = [(owned.partition, here.view.as_of_ms(owned)) for owned in here.live]
            allowed = Allowed(MOST_PROJECTS, MOST_DECODED)
            ranks = await in_slices(ranks_of(partitions, self.window_minutes, MOST_LISTED, allowed))
            return OwnRanks(ranks=ranks, at_ms=now_ms)

        key = self.window_minutes, tuple((owned.number, owned.generation) for owned in here.live)
        found: OwnRanks = await here.ranks.of(key, now_ms, find)
        return found

    def merge(self, parts: Sequence[OwnRanks], here: LocalState) -> ProjectRanking:
        return ProjectRanking(
            window_minutes=self.window_minutes,
            slowest=_first((part.ranks.slowest for part in parts), _slowness, self.limit),
            most_conflicted=_first((part.ranks.most_conflicted for part in parts), _conflicts, self.limit),
            projects_looked_at=sum(part.ranks.looked_at for part in parts),
            is_complete=all(part.ranks.is_complete for part in parts),
            as_of=rfc3339(min((part.at_ms for part in parts), default=here.view.now_ms())),
        )


def _first(
    parts: Iterable[list[RankedProject]], order: Callable[[RankedProject], Any], limit: int
) -> list[RankedProject]:
    return once_per_project(parts, lambda one: one.project_id, order=order)[:limit]


def _slowness(one: RankedProject) -> tuple[float, int, str]:
    return -(one.average_duration_seconds or 0.0), -one.ended_operations, one.project_id


def _conflicts(one: RankedProject) -> tuple[int, int, str]:
    return -one.conflicted_operations, one.attempted_operations, one.project_id
