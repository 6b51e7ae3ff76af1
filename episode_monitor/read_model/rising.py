"""Keeps the fleet's counters from falling while this process lives: to Prometheus, a fall is a restart from zero.

They would fall where a partition's new owner has not yet read as far as the last one had told, where an operation's
ending is corrected, and in `_other` whenever a project gets a label of its own.
"""

from collections import OrderedDict
from collections.abc import Mapping

import msgspec

from streams import tally
from streams.fleet_metrics import FleetMetrics
from streams.summary import OTHER, ProjectFacts

REMEMBERED_PROJECTS = 10_000  # with labels of their own; a forgotten one may fall by what is told again


class Rest:
    """The counter of all projects that have no label: it takes each count that no label took."""

    def __init__(self) -> None:
        self._whole = 0
        self._shown: Mapping[str, int] = {}
        self._value: int | None = None

    def rise(self, whole: int, shown: Mapping[str, int]) -> int:
        """The value, given the fleet's sum and the counters of the projects that have labels now.

        A project that has just got its label counted here until now; one that lost it counts here from now on.
        """
        if self._value is None:
            self._value = max(0, whole - sum(shown.values()))
        else:
            taken = sum(count - self._shown[name] for name, count in shown.items() if name in self._shown)
            self._value += max(0, whole - self._whole - taken)
        self._whole, self._shown = max(self._whole, whole), shown
        return self._value


class RisingFleet:
    """What was told last, and what may be told now."""

    def __init__(self) -> None:
        self._highest: dict[str, int] = {}
        self._projects: OrderedDict[str, tuple[int, ...]] = OrderedDict()  # conflicts, then retries by reason
        self._rests = [Rest() for _ in range(4)]  # the same, of `_other`

    def risen(self, fleet: FleetMetrics) -> FleetMetrics:
        """The same with no counter lower than ever before."""
        failed = tally.field(fleet.operations, tally.FAILED)
        created = tally.field(fleet.operations, tally.ENDED) - failed
        failed, created = self._at_least("failed", failed), self._at_least("created", created)
        return msgspec.structs.replace(
            fleet,
            projects=self._risen_projects(fleet.projects),
            operations=(failed << tally.FAILED) | (failed + created) << tally.ENDED,
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

    def _risen_projects(self, projects: list[ProjectFacts]) -> list[ProjectFacts]:
        wholes = [sum(_counters(facts)[place] for facts in projects) for place in range(4)]
        named = [self._risen(facts) for facts in projects if facts.project_id != OTHER]
        others = [facts for facts in projects if facts.project_id == OTHER]
        if not others:
            return named
        shown = [{facts.project_id: _counters(facts)[place] for facts in named} for place in range(4)]
        counts = tuple(self._rests[place].rise(wholes[place], shown[place]) for place in range(4))
        return [*named, _with(others[0], counts)]

    def _risen(self, facts: ProjectFacts) -> ProjectFacts:
        known = self._projects.get(facts.project_id, (0, 0, 0, 0))
        highest = tuple(max(pair) for pair in zip(_counters(facts), known, strict=True))
        self._projects[facts.project_id] = highest
        self._projects.move_to_end(facts.project_id)
        if len(self._projects) > REMEMBERED_PROJECTS:
            self._projects.popitem(last=False)
        return _with(facts, highest)


def _counters(facts: ProjectFacts) -> tuple[int, ...]:
    return (facts.conflicts, *facts.retries)


def _with(facts: ProjectFacts, counters: tuple[int, ...]) -> ProjectFacts:
    conflicts, first, second, third = counters
    return msgspec.structs.replace(facts, conflicts=conflicts, retries=(first, second, third))
