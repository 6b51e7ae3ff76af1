"""Keeps the fleet's counters from falling while this process lives: to Prometheus, a fall is a restart from zero.

They would fall where a partition's new owner has not yet read as far as the last one had told, where an operation's
ending is corrected, and in `_other` whenever a project gets a label of its own.
"""

from collections.abc import Mapping

import msgspec

from streams.base import packed_counts
from streams.partition.summary import OTHER, ProjectFacts
from streams.views.fleet_metrics import FleetMetrics


class Shares:
    """One counter over projects: the labels and `_other` always add up to the fleet's sum, and none of them falls.

    What a project had while it counted under `_other` stays there when it gets a label, so its label may show less than
    it has. What a label showed goes to other labels and `_other` when it is taken away.
    """

    def __init__(self) -> None:
        self._whole = 0
        self._shown: dict[str, int] = {}
        self._other = 0

    def rise(self, whole: int, counts: Mapping[str, int]) -> tuple[dict[str, int], int]:
        """What each label and `_other` show, given the fleet's sum and what the projects with labels have."""
        shown = {name: self._shown.get(name, 0) for name in counts}
        self._whole = max(self._whole, whole)
        free = self._whole - self._other - sum(shown.values())
        for name, count in counts.items():
            more = min(max(0, count - shown[name]), free)
            shown[name] += more
            free -= more
        self._shown, self._other = shown, self._other + free
        return shown, self._other


class RisingFleet:
    """What was told last, and what may be told now."""

    def __init__(self) -> None:
        self._highest: dict[str, int] = {}
        self._shares = [Shares() for _ in range(4)]  # of conflicts, then of retries by reason

    def risen(self, fleet: FleetMetrics) -> FleetMetrics:
        """The same with no counter lower than ever before."""
        failed = packed_counts.field(fleet.operations, packed_counts.FAILED)
        created = packed_counts.field(fleet.operations, packed_counts.ENDED) - failed
        failed, created = self._at_least("failed", failed), self._at_least("created", created)
        return msgspec.structs.replace(
            fleet,
            projects=self._risen_projects(fleet),
            conflicts=self._at_least("conflicts", _wholes(fleet)[0]),
            retries=self._retries(fleet),
            operations=(failed << packed_counts.FAILED) | (failed + created) << packed_counts.ENDED,
            duration_buckets=[
                [self._at_least(f"bucket {success} {place}", count) for place, count in enumerate(counts)]
                for success, counts in enumerate(fleet.duration_buckets)
            ],
            duration_us=[self._at_least(f"duration {success}", us) for success, us in enumerate(fleet.duration_us)],
            late=self._at_least("late", fleet.late),
            resends=self._at_least("resends", fleet.resends),
        )

    def _at_least(self, name: str, count: int) -> int:
        highest = self._highest[name] = max(count, self._highest.get(name, 0))
        return highest

    def _retries(self, fleet: FleetMetrics) -> tuple[int, int, int]:
        conflict, timeout, error = (
            self._at_least(f"retries {reason}", count) for reason, count in enumerate(_wholes(fleet)[1:])
        )
        return conflict, timeout, error

    def _risen_projects(self, fleet: FleetMetrics) -> list[ProjectFacts]:
        named = [facts for facts in fleet.projects if facts.project_id != OTHER]
        others = [facts for facts in fleet.projects if facts.project_id == OTHER]
        risen = [
            share.rise(whole, {facts.project_id: _counters(facts)[place] for facts in named})
            for place, (share, whole) in enumerate(zip(self._shares, _wholes(fleet), strict=True))
        ]
        shown = [_with(facts, tuple(shown[facts.project_id] for shown, _ in risen)) for facts in named]
        return [*shown, *(_with(facts, tuple(rest for _, rest in risen)) for facts in others)]


def _wholes(fleet: FleetMetrics) -> tuple[int, ...]:
    """The fleet's sums; rows may be a moment newer than these."""
    sums = (fleet.conflicts, *fleet.retries)
    named = [_counters(facts) for facts in fleet.projects if facts.project_id != OTHER]
    return tuple(max(whole, sum(counters[place] for counters in named)) for place, whole in enumerate(sums))


def _counters(facts: ProjectFacts) -> tuple[int, ...]:
    return (facts.conflicts, *facts.retries)


def _with(facts: ProjectFacts, counters: tuple[int, ...]) -> ProjectFacts:
    conflicts, first, second, third = counters
    return msgspec.structs.replace(facts, conflicts=conflicts, retries=(first, second, third))
