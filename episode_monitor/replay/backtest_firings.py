"""The firings of a replay: from when to when an alert fired, made of its transitions."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from episode_monitor.replay.ranges import BadRange
from models.alert import FINDINGS_ROSE, Alert, AlertStatus, Severity
from streams.base.night import Night

MAX_FIRINGS: Final = 50_000  # kept of one partition; all are counted


class Firing(msgspec.Struct):
    """One firing of one rule for one project, in event time. `end_ms` None: it still fires."""

    rule_id: str
    alert_type: str
    project_id: str
    severity: Severity
    start_ms: int
    end_ms: int | None = None


class FiringLog:
    """The firings of one partition, in the order in which they began."""

    def __init__(self, most: int = MAX_FIRINGS) -> None:
        self.firings: list[Firing] = []
        self.left_out = 0
        self._most = most
        self._active: dict[tuple[str, str], Firing] = {}

    def note(self, alerts: Iterable[Alert]) -> None:
        """Transitions in the order in which they became due."""
        for alert in alerts:
            key = (alert.rule_id, alert.project_id)
            active = self._active.get(key)
            if alert.status is AlertStatus.FIRING:
                if active is None:
                    self._begin(key, alert)
            elif alert.status is AlertStatus.RESOLVED and active is not None:
                active.end_ms = alert.updated_at_ms
                del self._active[key]

    def _begin(self, key: tuple[str, str], alert: Alert) -> None:
        if len(self.firings) >= self._most:
            self.left_out += alert.reason != FINDINGS_ROSE
            return
        firing = Firing(alert.rule_id, alert.alert_type, alert.project_id, alert.severity, alert.updated_at_ms)
        self.firings.append(firing)
        self._active[key] = firing


def night_of(text: str, zone_name: str, option: str = "--night") -> Night:
    """`22-07`. Raises BadRange, which names the option."""
    hours = text.split("-")
    if len(hours) == 2 and all(hour.isdecimal() and len(hour) <= 2 and int(hour) < 24 for hour in hours):
        return Night(int(hours[0]), int(hours[1]), zone_name)
    raise BadRange(f"{option} {text} is no pair of hours from 0 to 23, such as 22-07.")


def at_night(firings: Sequence[Firing], night: Night) -> int:
    """How many began at night."""
    return sum(night.has(firing.start_ms) for firing in firings)
