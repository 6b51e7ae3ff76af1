"""What the dispatcher decides: notifications, and for every receiver that is not notified the reason."""

from collections.abc import Sequence
from enum import Enum
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from models.alert import Alert, AlertStatus, Severity
from streams.dispatch.table import Refusal

SHOWN_MAX = 100  # alerts in one notification; more are a number
WORST = 10  # of them in a message for people

RANK = {Severity.CRITICAL: 2, Severity.WARNING: 1, Severity.INFO: 0}


class NotifyReason(Enum):
    """Why a receiver is notified."""

    FIRST_NOTIFICATION = "first_notification"  # of this group
    NEW_ALERTS = "new_alerts_in_group"
    REOPENED = "reopened"  # more severe, more findings, or an acknowledgement expired
    NEW_RESOLVED = "new_resolved_in_group"
    ALL_RESOLVED = "all_alerts_resolved"
    REPEAT_INTERVAL_ELAPSED = "repeat_interval_elapsed"
    ESCALATED = "escalated_unacknowledged"
    FALLBACK = "other_receiver_failed"
    RATE_LIMITED = "rate_limited"  # one digest of what had to wait
    CAUGHT_UP = "caught_up"  # one digest of what fired while a partition was behind
    ACKNOWLEDGEMENT_EXPIRES = "acknowledgement_will_expire"
    SILENCE_EXPIRES = "silence_will_expire"


class WhyNot(Enum):
    """Why a receiver is not notified."""

    SILENCED = "silenced by"
    INHIBITED = "inhibited by"
    GROUPED = "grouped until"
    MUTED = "muted until"
    ACKNOWLEDGED = "acknowledged by"
    RATE_LIMITED = "rate limited until"
    BEHIND = "behind the events"
    NOTHING_NEW = "nothing new"
    NEVER_NOTIFIED = "never notified of its beginning"
    NO_RECEIVER = "no receiver"
    NOBODY_ON_CALL = "nobody on call"


class Explanation(msgspec.Struct, frozen=True):
    """One receiver is not notified of one alert now. `by` is a silence, an alert or a person."""

    alert_key: str
    receiver: str
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
    mark: str = ""  # before a title, where a team receiver stands in for on-call
    person: str = ""  # who is on call
    note: str = ""  # one sentence, of a reminder or an expiry

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
    deadline_ms: int | None
    changes: list[Change]
    refusal: Refusal | None = None
    skipped: bool = False  # its position was applied before


def notification_id(receiver: str, group_keys: Sequence[str], parts: Sequence[str], sequence: int) -> str:
    """Computed from receiver, groups, the alerts with status and level, and the sequence number of the group."""
    text = "\0".join((receiver, *group_keys, "", *sorted(parts), str(sequence)))
    return f"n_{blake2b(text.encode(), digest_size=16).hexdigest()}"


def ordered(alerts: Sequence[Alert]) -> list[Alert]:
    """Firing before resolved, the severest first, of those the oldest."""
    return sorted(
        alerts,
        key=lambda one: (one.status is AlertStatus.RESOLVED, -RANK[one.severity], one.starts_at_ms, one.alert_key),
    )
