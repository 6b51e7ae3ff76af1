"""How often and how long rules fired, and what changes from old to new ones."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Final

import msgspec

from episode_monitor.replay.backtest_firings import Firing, at_night
from models.backtest_views import (
    ChangedFiring,
    FiringSpan,
    FiringStatistics,
    ProjectFirings,
    RuleChange,
    RulesOverRange,
    RuleStatistics,
)
from models.times import rfc3339
from streams.alerting.rules import RuleSet
from streams.base.night import Night

WORST: Final = 10
MAX_CHANGED: Final = 100  # firings of a rule that are named; all are counted
_Pair = tuple[Firing | None, Firing | None]


class Fired(msgspec.Struct, frozen=True):
    """The firings under one set of rules. `end_ms`: the end of the range, in event time."""

    source: str
    rules: RuleSet
    firings: list[Firing]
    left_out: int
    end_ms: int

    def seconds(self, firing: Firing) -> float:
        """How long it fired."""
        return ((self.end_ms if firing.end_ms is None else firing.end_ms) - firing.start_ms) / 1000


def over_range(fired: Fired, night: Night) -> RulesOverRange:
    """Each rule and all together."""
    by_rule: dict[str, list[Firing]] = {rule_id: [] for rule_id in fired.rules.by_id}
    for firing in fired.firings:
        by_rule[firing.rule_id].append(firing)
    return RulesOverRange(
        source=fired.source,
        digest=fired.rules.fingerprint,
        rules=[
            RuleStatistics(
                rule_id=rule_id,
                severity=fired.rules.by_id[rule_id].severity.value,
                statistics=_statistics(fired, firings, night),
            )
            for rule_id, firings in by_rule.items()
        ],
        total=_statistics(fired, fired.firings, night),
        never_fired=[rule_id for rule_id, firings in by_rule.items() if not firings],
        left_out=fired.left_out,
    )


def _statistics(fired: Fired, firings: Sequence[Firing], night: Night) -> FiringStatistics:
    seconds = [fired.seconds(firing) for firing in firings]
    projects: dict[str, list[float]] = defaultdict(list)
    for firing, length in zip(firings, seconds, strict=True):
        projects[firing.project_id].append(length)
    worst = sorted(projects.items(), key=lambda one: (-sum(one[1]), -len(one[1]), one[0]))[:WORST]
    return FiringStatistics(
        firings=len(firings),
        seconds=round(sum(seconds), 3),
        median_seconds=round(median(seconds), 3) if seconds else None,
        longest_seconds=max(seconds, default=None),
        at_night=at_night(firings, night),
        still_firing=sum(firing.end_ms is None for firing in firings),
        projects=len(projects),
        worst_projects=[
            ProjectFirings(project_id=project_id, firings=len(each), seconds=round(sum(each), 3))
            for project_id, each in worst
        ],
    )


# --- what changes


def changes(old: Fired, new: Fired) -> list[RuleChange]:
    """Rule by rule: those of the new rules in their order, then those that only the old rules have."""
    olds, news = _by_project(old.firings), _by_project(new.firings)
    rule_ids = [*new.rules.by_id, *(rule_id for rule_id in old.rules.by_id if rule_id not in new.rules.by_id)]
    return [_change(rule_id, old, new, olds.get(rule_id, {}), news.get(rule_id, {})) for rule_id in rule_ids]


def _by_project(firings: Sequence[Firing]) -> dict[str, dict[str, list[Firing]]]:
    found: dict[str, dict[str, list[Firing]]] = {}
    for firing in sorted(firings, key=lambda firing: firing.start_ms):
        found.setdefault(firing.rule_id, {}).setdefault(firing.project_id, []).append(firing)
    return found


def _change(
    rule_id: str, old: Fired, new: Fired, olds: Mapping[str, list[Firing]], news: Mapping[str, list[Firing]]
) -> RuleChange:
    counts: dict[str, int] = defaultdict(int)
    named: list[ChangedFiring] = []
    for project_id in sorted(olds.keys() | news.keys()):
        for pair in _pairs(olds.get(project_id, []), news.get(project_id, [])):
            what = _differences(pair, old, new)
            for each in what or ["same"]:
                counts[each] += 1
            if what and len(named) < MAX_CHANGED:
                named.append(ChangedFiring(project_id=project_id, what=what, old=_span(pair[0]), new=_span(pair[1])))
    before, after = old.rules.by_id.get(rule_id), new.rules.by_id.get(rule_id)
    kind = "added" if before is None else "removed" if after is None else "same" if before == after else "changed"
    return RuleChange(rule_id=rule_id, kind=kind, firings=named, **counts)


def _pairs(olds: Sequence[Firing], news: Sequence[Firing]) -> Iterator[_Pair]:
    """Firings that overlap belong together, each to one at most; both are in order of time."""
    old, new = 0, 0
    while old < len(olds) and new < len(news):
        first, second = olds[old], news[new]
        if first.end_ms is not None and first.end_ms < second.start_ms:
            yield first, None
            old += 1
        elif second.end_ms is not None and second.end_ms < first.start_ms:
            yield None, second
            new += 1
        else:
            yield first, second
            old, new = old + 1, new + 1
    yield from ((firing, None) for firing in olds[old:])
    yield from ((None, firing) for firing in news[new:])


def _differences(pair: _Pair, old: Fired, new: Fired) -> list[str]:
    before, after = pair
    if before is None or after is None:
        return ["only_new" if before is None else "only_old"]
    length = new.seconds(after) - old.seconds(before)
    found = {
        "earlier": after.start_ms < before.start_ms,
        "later": after.start_ms > before.start_ms,
        "longer": length > 0,
        "shorter": length < 0,
        "severity": after.severity is not before.severity,
    }
    return [what for what, is_so in found.items() if is_so]


def _span(firing: Firing | None) -> FiringSpan | None:
    if firing is None:
        return None
    ended_at = None if firing.end_ms is None else rfc3339(firing.end_ms)
    return FiringSpan(started_at=rfc3339(firing.start_ms), ended_at=ended_at, severity=firing.severity.value)
