"""Keeps the fleet's counters from falling while this process lives: to Prometheus, a fall is a restart from zero.

They would fall where a partition's new owner has not yet read as far as the last one had, where an operation's ending
is corrected, and in `_other` whenever a project gets a label of its own.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from streams.partition.summary import OTHER, ProjectFacts
from streams.views.fleet_metrics import FleetMetrics

_COUNTERS = ("created", "failed", "duration_buckets", "duration_us", "late", "resends")


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
    """The highest value of each counter so far."""

    def __init__(self) -> None:
        self._highest: dict[str, Any] = {}
        self._shares = [Shares() for _ in range(4)]  # of conflicts, then of retries by reason

    def risen(self, fleet: FleetMetrics) -> FleetMetrics:
        """The same with no counter lower than ever before."""
        conflicts, *retries = _wholes(fleet)
        counters = {name: getattr(fleet, name) for name in _COUNTERS}
        counters |= {"conflicts": conflicts, "retries": tuple(retries)}
        self._highest = {name: _highest(self._highest.get(name, now), now) for name, now in counters.items()}
        return msgspec.structs.replace(fleet, projects=self._risen_projects(fleet), **self._highest)

    def _risen_projects(self, fleet: FleetMetrics) -> list[ProjectFacts]:
        named = [facts for facts in fleet.projects if facts.project_id != OTHER]
        others = [facts for facts in fleet.projects if facts.project_id == OTHER]
        risen = [
            share.rise(whole, {facts.project_id: _counters(facts)[place] for facts in named})
            for place, (share, whole) in enumerate(zip(self._shares, _wholes(fleet), strict=True))
        ]
        shown = [_with(facts, tuple(shown[facts.project_id] for shown, _ in risen)) for facts in named]
        return [*shown, *(_with(facts, tuple(rest for _, rest in risen)) for facts in others)]


def _highest(known: Any, now: Any) -> Any:
    """The higher of two numbers; of two sequences of one shape, of each of their numbers."""
    return max(known, now) if isinstance(now, int) else type(now)(map(_highest, known, now))


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
