"""Alerts about numbers that wait for a short time: until the other partitions were asked whether they have a part of
the project. What turns out to be split is not sent; all else is sent in its order, before the state is stored.
"""

from collections.abc import Container, Iterable

from models.alert import Alert, AlertStatus
from streams.alerting import rule_types
from streams.alerting.verdict import Reason

_BEGINS = frozenset((Reason.THRESHOLD_CROSSED.value, Reason.CROSSED_FOR_LONG_ENOUGH.value))


class HeldAlerts:
    """Transitions of one partition."""

    def __init__(self) -> None:
        self._waiting: list[Alert] = []
        self._asked: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def to_ask(self) -> list[str]:
        """Projects whose other parts are to be looked for; each is named once."""
        projects = [name for name in dict.fromkeys(a.project_id for a in self._waiting) if name not in self._asked]
        self._asked.update(projects)
        return projects

    def hold_back(self, alerts: Iterable[Alert]) -> list[Alert]:
        """Keep the beginnings of alerts about numbers, and what follows them; returns the others."""
        keys = {alert.alert_key for alert in self._waiting}
        others = []
        for alert in alerts:
            if alert.alert_key in keys or _is_to_be_held(alert):
                keys.add(alert.alert_key)
                self._waiting.append(alert)
            else:
                others.append(alert)
        return others

    def release(self, split: Container[str]) -> list[Alert]:
        """All of them but those that began and ended here and are of a project in `split`."""
        waiting, self._waiting, self._asked = self._waiting, [], set()
        begun = {alert.alert_id for alert in waiting if alert.reason == Reason.THRESHOLD_CROSSED.value}
        never_sent = {
            alert.alert_id for alert in waiting if alert.status is AlertStatus.RESOLVED and alert.project_id in split
        } & begun
        return [alert for alert in waiting if alert.alert_id not in never_sent]


def _is_to_be_held(alert: Alert) -> bool:
    begins = alert.status is not AlertStatus.RESOLVED and alert.reason in _BEGINS
    return begins and alert.alert_type == rule_types.INTEGRITY.name
