"""Alerts about drift: what a deep check knows and the stream cannot. Their ids are computed from what drifts.

An alert lives as long as every check finds the same lowest difference; telling it again changes nothing, for its
transition is the same. At most 50 projects have alerts of their own, the rest one in common.
"""

from collections.abc import Iterable, Mapping

import msgspec

from episode_monitor.read_model.read_model import DRIFT_RULE_ID as RULE_ID
from models.alert import Alert, AlertStatus, Severity
from streams.alerts import alert_id
from streams.drift import Difference

ALERT_TYPE = "INTEGRITY_DRIFT"
FOUND, GONE = "found_by_check", "gone_at_check"
FLEET = "_fleet"
MAX_OWN_ALERTS = 50


class Drifting(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered of a project from one check to the next. `since_ms`: when the check that found it began."""

    since_ms: int
    number: int  # the lowest difference
    kind: str
    differences: int
    episodes: int


Drifts = Mapping[str, Drifting]


def drifting(before: Drifts, project: str, differences: Iterable[Difference], episodes: int, at_ms: int) -> Drifting:
    """What to remember of a project now; it keeps its beginning while its lowest difference stays."""
    found = sorted(differences)
    lowest, known = found[0], before.get(project)
    is_same = known is not None and (known.number, known.kind) == (lowest.number, lowest.kind)
    since_ms = known.since_ms if known is not None and is_same else at_ms
    return Drifting(since_ms, lowest.number, lowest.kind, len(found), episodes)


def firing(drifts: Drifts) -> dict[str, Alert]:
    """All alerts that these drifts are, by alert id; the same every time, so that telling one again is no news."""
    ordered = sorted(drifts.items(), key=lambda entry: (entry[1].since_ms, entry[0]))
    own, others = ordered[:MAX_OWN_ALERTS], ordered[MAX_OWN_ALERTS:]
    alerts = [_of_project(project, one) for project, one in own]
    if others:
        alerts.append(_of_fleet(others[0], len(others)))
    return {alert.alert_id: alert for alert in alerts}


def transitions(before: Drifts, now: Drifts, at_ms: int) -> list[Alert]:
    """What to tell: everything that fires, and what fired before and is gone."""
    fires, fired = firing(now), firing(before)
    gone = [
        msgspec.structs.replace(alert, status=AlertStatus.RESOLVED, reason=GONE, ends_at_ms=at_ms, updated_at_ms=at_ms)
        for name, alert in fired.items()
        if name not in fires
    ]
    return [*gone, *fires.values()]


def _of_project(project: str, one: Drifting) -> Alert:
    return _alert(
        project,
        f"{one.kind}:{one.number}",
        one,
        f"Stream and database disagree about project {project}",
        f"Project {project}: {one.differences} numbers differ between stream and database, the lowest is {one.number} "
        f"({one.kind.replace('_', ' ')}). The last deep check lists them.",
    )


def _of_fleet(first: tuple[str, Drifting], count: int) -> Alert:
    project, one = first
    return _alert(
        FLEET,
        f"{project}:{one.kind}:{one.number}",
        msgspec.structs.replace(one, differences=count, episodes=0),
        f"Stream and database disagree about {count} more projects",
        f"{count} projects drift beside the {MAX_OWN_ALERTS} with alerts of their own. The last deep check lists them.",
    )


def _alert(project: str, what: str, one: Drifting, title: str, description: str) -> Alert:
    return Alert(
        alert_key=f"{RULE_ID}:{project}",
        alert_id=alert_id(f"{RULE_ID}:{what}", project, one.since_ms),
        rule_id=RULE_ID,
        alert_type=ALERT_TYPE,
        severity=Severity.CRITICAL,
        status=AlertStatus.FIRING,
        project_id=project,
        title=title,
        description=description,
        value=float(one.differences),
        threshold=0.0,
        window_minutes=None,
        sample_size=one.episodes,
        starts_at_ms=one.since_ms,
        ends_at_ms=None,
        updated_at_ms=one.since_ms,
        reason=FOUND,
    )
