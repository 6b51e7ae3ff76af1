"""Figures about alerts, counted from their history: each transition is looked at once, in the order of time.

Kept are the newest firing of each alert, and of each rule its durations, projects and persons.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping
from statistics import median
from typing import Any, Final

import msgspec

from models.alert import AlertStatus
from models.alert_statistics import AlertFigures, ByPerson, Durations, Notifications, RuleAlertFigures
from streams.base.night import Night

FLAP_MINUTES: Final = 10
FLAP_MS: Final = FLAP_MINUTES * 60_000
PERSONS_SHOWN: Final = 20

ACKNOWLEDGED: Final = "acknowledged_by_person"
ESCALATED: Final = "escalated_unacknowledged"
_RESOLVED_BY_PERSON: Final = "resolved_by_person"
# Reasons of transitions to firing with which no firing begins.
_GOES_ON: Final = frozenset(
    (
        ACKNOWLEDGED, ESCALATED, "unacknowledged_by_person", "acknowledgement_expired", "acknowledgement_will_expire",
        "silenced_by_person", "silence_ended",
    )
)  # fmt: skip


class HistoryStep(msgspec.Struct, frozen=True):
    """What of a transition counts. `by`: the person, where a person did it."""

    at_ms: int
    alert_id: str
    alert_key: str
    rule_id: str
    project_id: str
    status: str
    reason: str
    by: str | None = None


class _Firing:
    """The newest firing of an alert. `of` is None where it began outside the range."""

    __slots__ = ("alert_id", "began_ms", "ended_ms", "is_acknowledged", "is_escalated", "of")

    def __init__(self, alert_id: str, began_ms: int, of: "_Sums | None") -> None:
        self.alert_id, self.began_ms, self.of = alert_id, began_ms, of
        self.ended_ms: int | None = None
        self.is_acknowledged = self.is_escalated = False


class _Sums:
    """What a rule has come to so far. Durations are in milliseconds."""

    __slots__ = (
        "acknowledgers",
        "acknowledging",
        "at_night",
        "escalated",
        "firings",
        "flapping",
        "projects",
        "resolvers",
        "resolving",
    )  # fmt: skip

    def __init__(self) -> None:
        self.firings = self.at_night = self.flapping = self.escalated = 0
        self.acknowledging, self.resolving = array("q"), array("q")
        self.projects: set[str] = set()
        self.acknowledgers: Counter[str] = Counter()
        self.resolvers: Counter[str] = Counter()

    def add(self, other: "_Sums") -> None:
        """Those of another rule."""
        self.firings += other.firings
        self.at_night += other.at_night
        self.flapping += other.flapping
        self.escalated += other.escalated
        self.acknowledging += other.acknowledging
        self.resolving += other.resolving
        self.projects |= other.projects
        self.acknowledgers += other.acknowledgers
        self.resolvers += other.resolvers


class AlertStatisticsCount:
    """Counts firings that began in a range, from `since_ms` to before `until_ms`. Transitions from `FLAP_MS` before it
    on are given, so that flapping is seen; those after it may still end a firing that is counted."""

    def __init__(self, since_ms: int, until_ms: int, night: Night) -> None:
        self._since_ms, self._until_ms, self._night = since_ms, until_ms, night
        self._newest: dict[str, _Firing] = {}
        self._rules: defaultdict[str, _Sums] = defaultdict(_Sums)

    def add(self, step: HistoryStep) -> None:
        """The next transition, none of them earlier than the one before."""
        firing = self._newest.get(step.alert_key)
        if step.status == AlertStatus.FIRING.value and step.reason not in _GOES_ON:
            if firing is None or firing.ended_ms is not None or firing.alert_id != step.alert_id:
                self._begin(step, firing)
        elif firing is not None and firing.alert_id == step.alert_id:
            if step.status == AlertStatus.RESOLVED.value:
                _end(step, firing)
            else:
                _note(step, firing)

    def _begin(self, step: HistoryStep, before: _Firing | None) -> None:
        if before is not None and before.ended_ms is None:  # its end is not in the history
            _end(step, before)
        is_counted = self._since_ms <= step.at_ms < self._until_ms
        sums = self._rules[step.rule_id] if is_counted else None
        self._newest[step.alert_key] = _Firing(step.alert_id, step.at_ms, sums)
        if sums is None:
            return
        sums.firings += 1
        sums.at_night += self._night.has(step.at_ms)
        sums.projects.add(step.project_id)
        if before is not None and before.ended_ms is not None and step.at_ms - before.ended_ms <= FLAP_MS:
            sums.flapping += 1

    def open_keys(self) -> list[str]:
        """Alerts of which a counted firing has not ended yet."""
        return [key for key, one in self._newest.items() if one.of is not None and one.ended_ms is None]

    def rules(self, notifications: Mapping[str, Notifications] | None) -> list[RuleAlertFigures]:
        """By rule, most firings first. `notifications` are those of each rule, None: they are not known. A rule that
        did not fire in the range may have some of before."""
        known = notifications or {}
        ordered = sorted({*self._rules, *known}, key=lambda rule_id: (-self._fired(rule_id), rule_id))
        none = Notifications(delivered=0, failed=0)
        return [
            RuleAlertFigures(
                rule_id=rule_id,
                **_figures(
                    self._rules.get(rule_id) or _Sums(), None if notifications is None else known.get(rule_id, none)
                ),
            )
            for rule_id in ordered
        ]

    def total(self, notifications: Notifications | None) -> AlertFigures:
        """Of all rules."""
        sums = _Sums()
        for one in self._rules.values():
            sums.add(one)
        return AlertFigures(**_figures(sums, notifications))

    def _fired(self, rule_id: str) -> int:
        return self._rules[rule_id].firings if rule_id in self._rules else 0


def _end(step: HistoryStep, firing: _Firing) -> None:
    if firing.ended_ms is not None:
        return
    firing.ended_ms = step.at_ms
    if firing.of is not None:
        firing.of.resolving.append(max(0, step.at_ms - firing.began_ms))
        if step.reason == _RESOLVED_BY_PERSON:
            firing.of.resolvers[step.by or ""] += 1


def _note(step: HistoryStep, firing: _Firing) -> None:
    if step.reason == ACKNOWLEDGED and not firing.is_acknowledged:
        firing.is_acknowledged = True
        if firing.of is not None:
            firing.of.acknowledging.append(max(0, step.at_ms - firing.began_ms))
            firing.of.acknowledgers[step.by or ""] += 1
    elif step.reason == ESCALATED and not firing.is_escalated:
        firing.is_escalated = True
        if firing.of is not None:
            firing.of.escalated += 1


def _figures(sums: _Sums, notifications: Notifications | None) -> dict[str, Any]:
    return {
        "firings": sums.firings,
        "projects": len(sums.projects),
        "at_night": sums.at_night,
        "flapping": sums.flapping,
        "escalated": sums.escalated,
        "acknowledged": len(sums.acknowledging),
        "resolved": len(sums.resolving),
        "resolved_by_people": sums.resolvers.total(),
        "still_firing": sums.firings - len(sums.resolving),
        "time_to_acknowledge": durations(sums.acknowledging),
        "time_to_resolve": durations(sums.resolving),
        "acknowledged_by": _persons(sums.acknowledgers),
        "resolved_by": _persons(sums.resolvers),
        "notifications": notifications,
    }


def durations(found_ms: "array[int]") -> Durations:
    """The median is between the two in the middle where their number is even.

    >>> durations(array("q", [4000, 1000, 2000, 10_000]))
    Durations(count=4, median_seconds=3.0, p90_seconds=10.0)
    """
    ordered = sorted(found_ms)
    if not ordered:
        return Durations(count=0, median_seconds=None, p90_seconds=None)
    p90_ms = ordered[-(-9 * len(ordered) // 10) - 1]
    return Durations(
        count=len(ordered), median_seconds=round(median(ordered) / 1000, 3), p90_seconds=round(p90_ms / 1000, 3)
    )


def _persons(counted: Counter[str]) -> list[ByPerson]:
    ordered = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    return [ByPerson(by=by, count=count) for by, count in ordered[:PERSONS_SHOWN]]
