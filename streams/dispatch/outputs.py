"""What the dispatcher decides: notifications, and for every receiver that is not notified the reason."""

import heapq
from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from models.alert import Alert, AlertStatus, Severity
from streams.dispatch.table import NotifyReason, Refusal, WhyNot

SHOWN_MAX = 100  # alerts in one notification; more are a number
PARTS_MAX = 50  # notifications of one decision for a receiver that wants all alerts
WORST = 10  # of them in a message for people

RANK = {Severity.CRITICAL: 2, Severity.WARNING: 1, Severity.INFO: 0}


class Explanation(msgspec.Struct, frozen=True):
    """One receiver is not notified of one alert at this time. `by` is a silence, alert, partition, person, schedule."""

    alert_key: str
    receiver: str
    at_ms: int
    reason: WhyNot
    by: str = ""
    until_ms: int = 0  # epoch; 0: not known

    @property
    def text(self) -> str:
        """`silenced by 7f3a`."""
        return f"{self.reason.value} {self.by}" if self.by else self.reason.value


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """One message for one receiver. `alerts`: at most `SHOWN_MAX`, firing before resolved, the worst first.

    `notification_id` is the `webhook-id`: the same for the same decision, however often it is made.
    """

    notification_id: str
    receiver: str
    reason: NotifyReason
    group_keys: tuple[str, ...]
    group_labels: dict[str, str]
    alerts: tuple[Alert, ...]
    firing: int
    resolved: int
    at_ms: int
    mark: str = ""  # before a title, where another receiver stands in
    person: str = ""  # who is on call
    note: str = ""  # sentences for people, of a reminder, an expiry, or a shift that is empty
    by: str = ""  # whose act it is, or whose acknowledgement or silence will expire
    comment: str = ""  # of the act, or of that silence

    @property
    def truncated(self) -> int:
        """How many alerts are left out of `alerts`."""
        return self.firing + self.resolved - len(self.alerts)

    @property
    def worst(self) -> tuple[Alert, ...]:
        """What a message for people lists."""
        return self.alerts[:WORST]


class Change(msgspec.Struct, frozen=True):
    """A transition by the dispatcher itself (an act, an expiry, an escalation), for history."""

    alert: Alert
    reason: str
    at_ms: int
    by: str = ""
    comment: str = ""


class Decision(NamedTuple):
    """What one input leads to. `deadline_ms`: when the next tick is wanted; None: nothing waits for time."""

    notifications: list[Notification]
    explanations: list[Explanation]
    changes: list[Change]
    deadline_ms: int | None
    refusal: Refusal | None = None
    is_repetition: bool = False  # its position was applied before


def notification_id(receiver: str, group_keys: Iterable[str], alerts: Iterable[str], sequence: int) -> str:
    """Computed from receiver, groups, the alerts shown (`named`), and the sequence number of the group."""
    text = "\0".join((receiver, *group_keys, "", *alerts, str(sequence)))
    return f"n_{blake2b(text.encode(), digest_size=16).hexdigest()}"


def named(alert: Alert, openings: int) -> str:
    """What of an alert a notification's id is made of."""
    return f"{alert.alert_id}:{alert.status.value}:{alert.severity.value}:{alert.escalation_level}:{openings}"


def _order(alert: Alert) -> tuple[bool, int, int, str, str]:
    is_over = alert.status is AlertStatus.RESOLVED
    return is_over, -RANK[alert.severity], alert.starts_at_ms, alert.alert_key, alert.alert_id


def worst_of(pairs: Iterable[tuple[Alert, int]], most: int = SHOWN_MAX) -> list[tuple[Alert, int]]:
    """At most so many alerts with their openings: firing before resolved, the severest first, then the oldest."""
    return heapq.nsmallest(most, pairs, key=lambda pair: _order(pair[0]))
