"""From a notification of the dispatcher to what a sink delivers: an alert, or a digest of several. Pure."""

from typing import NamedTuple

import msgspec

from alert_sinks.digest import Digest
from alert_sinks.texts.catalogue import Texts
from alert_sinks.texts.english import ENGLISH
from alert_sinks.texts.notes import note_of
from alert_sinks.texts.translation import translated
from models.alert import Alert, AlertStatus
from streams.dispatch.outputs import Notification
from streams.dispatch.table import ACT_REASONS, NotifyReason

_INTROS = {
    NotifyReason.ESCALATED: "escalated",
    NotifyReason.REPEAT_INTERVAL_ELAPSED: "repeat_interval_elapsed",
    NotifyReason.ACKNOWLEDGEMENT_EXPIRES: "acknowledgement_expires",
    NotifyReason.SILENCE_EXPIRES: "silence_expires",
    NotifyReason.ACKNOWLEDGED: "acknowledged",
    NotifyReason.UNACKNOWLEDGED: "unacknowledged",
}  # keys of the texts after `intro.`


class Message(NamedTuple):
    """What a sink is to deliver under one id: an alert, or a digest, of which `alert` is the worst."""

    message_id: str
    alert: Alert
    digest: Digest | None = None
    group_key: str = ""


def is_wanted(notification: Notification, *, keeps_incidents: bool) -> bool:
    """Acts of people are for sinks that keep incidents. The end of a silence is about none of these."""
    if notification.reason in ACT_REASONS:
        return keeps_incidents
    return not (keeps_incidents and notification.reason is NotifyReason.SILENCE_EXPIRES)


def without_resolved(notification: Notification) -> Notification:
    """For a sink that is not sent the ends of alerts: without alerts if it is about nothing else."""
    if notification.reason in (NotifyReason.NEW_RESOLVED, NotifyReason.ALL_RESOLVED):
        return msgspec.structs.replace(notification, alerts=(), firing=0, resolved=0)
    firing = tuple(each for each in notification.alerts if each.status is not AlertStatus.RESOLVED)
    return msgspec.structs.replace(notification, alerts=firing, resolved=0)


def messages_of(notification: Notification, *, takes_digests: bool, texts: Texts = ENGLISH) -> list[Message]:
    """One message; for a sink that takes no digests one for each alert. None for a notification without alerts.

    A single alert is a message of its own, so that it looks as it always has.
    """
    group_key = "\n".join(notification.group_keys)
    name, alerts = (
        notification.notification_id,
        tuple(_shown(notification, each, texts) for each in notification.alerts),
    )
    if notification.firing + notification.resolved == 1:
        return [Message(name, alert, None, group_key) for alert in alerts]
    if not takes_digests:
        return [Message(f"{name}:{number}", alert, None, group_key) for number, alert in enumerate(alerts)]
    return [Message(name, alerts[0], _digest(notification, alerts, texts), group_key)] if alerts else []


def _digest(notification: Notification, alerts: tuple[Alert, ...], texts: Texts) -> Digest:
    firing = sum(alert.status is not AlertStatus.RESOLVED for alert in alerts)
    return Digest(
        alerts,
        notification.mark,
        intro=_INTROS.get(notification.reason, "alerts"),
        group_key=notification.group_keys[0] if len(notification.group_keys) == 1 else notification.reason.value,
        more_firing=notification.firing - firing,
        more_resolved=notification.resolved - (len(alerts) - firing),
        texts=texts,
    )


def _shown(notification: Notification, alert: Alert, texts: Texts) -> Alert:
    alert = translated(alert, texts)
    said = [alert.description, note_of(notification, texts)]
    if notification.person:
        said.append(texts.say("note.on_call", person=notification.person))
    is_escalated = notification.reason is NotifyReason.ESCALATED and alert.status is AlertStatus.FIRING
    return msgspec.structs.replace(
        alert,
        title=f"{notification.mark} {alert.title}".lstrip(),
        description=" ".join(each for each in said if each),
        reason=notification.reason.value
        if notification.reason in ACT_REASONS
        else NotifyReason.ESCALATED.value
        if is_escalated
        else alert.reason,
    )
