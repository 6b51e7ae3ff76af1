"""Answers about alerts: those that are active, and one with all that is known of it. Times are RFC 3339 in UTC."""

import msgspec

from models.alert import Alert, AlertInputs


class ActiveAlert(Alert, frozen=True, kw_only=True):
    """A pending or firing alert, and what keeps it from its receivers."""

    silenced_by: list[str]  # ids of the active silences that match it
    inhibited_by: list[str]  # keys of alerts; at most ten


class TimelineLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What happened to an alert. `status` is pending, firing, acknowledged or resolved."""

    at: str
    status: str
    reason: str
    by: str | None = None
    comment: str | None = None


class DeliveryLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a message about the alert ended at one sink of a receiver; `last_error` is of the last failed attempt."""

    receiver: str
    sink: str
    status: str
    attempts: int
    at: str
    last_error: str | None = None


class NotTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A receiver that gets no message about the alert now, and why: `silenced by 7f3a`."""

    receiver: str
    reason: str
    until: str | None = None


class NextStep(msgspec.Struct, frozen=True, kw_only=True):
    """What happens next if nobody acts."""

    at: str
    what: str


class AlertDetails(ActiveAlert, frozen=True, kw_only=True):
    """One alert, what happened to it, who was notified of it, who was not and why, and what happens next. While
    partitions recover `values_are_current` is false for one that fires: its values are those of its last transition."""

    timeline: list[TimelineLine]
    deliveries: list[DeliveryLine] | None  # the newest 100, newest first; null where they cannot be read now
    not_told: list[NotTold]
    next: list[NextStep]
    values_are_current: bool


def inputs_of(alert: Alert) -> AlertInputs | msgspec.UnsetType:
    """What the rule was judged by; of an alert that an older version wrote, as far as the alert itself says it."""
    if alert.inputs or alert.alert_type == "SLOW_CREATION" or (alert.window_minutes and alert.value is None):
        return alert.inputs
    if alert.window_minutes is None:
        return AlertInputs(state=alert.status.value, bad=int(alert.value or 0), whole=alert.sample_size, rate=None)
    bad = round((alert.value or 0.0) * alert.sample_size / 100)
    return AlertInputs(state=alert.status.value, bad=bad, whole=alert.sample_size, rate=alert.value)
