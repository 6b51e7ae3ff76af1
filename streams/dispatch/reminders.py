"""Word to those who were notified: an acknowledgement, or a silence, will expire."""

from streams.dispatch.masks import mask_of
from streams.dispatch.outputs import SHOWN_MAX, Notification, NotifyReason, notification_id, ordered
from streams.dispatch.records import SilenceRecord
from streams.dispatch.state import GROUP, LiveAlert
from streams.dispatch.timers import Timer
from streams.dispatch.turn import Turn, part, shown


def schedule(turn: Turn, live: LiveAlert) -> None:
    """When an acknowledgement is to be reminded of, or expires."""
    taken = live.record.acknowledgement
    if taken is None or not taken.until_ms:
        turn.state.timers.set(Timer.ACKNOWLEDGEMENT, live.key, 0)
        return
    lasts_ms, before_ms = taken.until_ms - taken.at_ms, turn.config.reminder_ms
    is_reminder_due = not live.record.is_reminded and lasts_ms >= 2 * before_ms
    due_ms = taken.until_ms - before_ms if is_reminder_due else taken.until_ms
    turn.state.timers.set(Timer.ACKNOWLEDGEMENT, live.key, due_ms)


def acknowledgement_will_expire(turn: Turn, live: LiveAlert) -> None:
    """One message to each receiver that was notified of the firing, unless something keeps it back."""
    taken = live.record.acknowledgement
    if taken is None or mask_of(turn.state, live) is not None:
        return
    alert = shown(turn.state, live)
    for group in turn.state.groups_of(live):
        record = group.record
        if live.is_news(record.log.get(live.key)):
            continue
        names = [part(alert, live.record.openings), "reminder"]
        turn.notifications.append(
            Notification(
                notification_id=notification_id(record.receiver, (record.key,), names, record.sequence),
                receiver=record.receiver,
                reason=NotifyReason.ACKNOWLEDGEMENT_EXPIRES,
                group_keys=(record.key,),
                group_labels=record.labels,
                alerts=(alert,),
                firing=1,
                resolved=0,
                at_ms=turn.now_ms,
                note=f"Acknowledged by {taken.by}; the acknowledgement will expire, and the alert still fires.",
            )
        )
        record.sequence += 1
        turn.state.touch(GROUP, record.key)


def silence_will_expire(turn: Turn, silence: SilenceRecord) -> None:
    """One message to each receiver on the routes of the alerts that fire behind the silence."""
    hidden: dict[str, list[LiveAlert]] = {}
    for key in turn.state.by_label.matching(silence.matchers):
        live = turn.state.alerts[key]
        if live.fires:
            for receiver in {group.record.receiver for group in turn.state.groups_of(live) if group.route}:
                hidden.setdefault(receiver, []).append(live)
    key = f"silence:{silence.silence_id}"
    for receiver, lives in sorted(hidden.items()):
        if not turn.config.reaches(receiver):
            continue
        alerts = ordered([shown(turn.state, live) for live in lives])
        names = [part(live.record.alert, live.record.openings) for live in lives]
        turn.notifications.append(
            Notification(
                notification_id=notification_id(receiver, (key,), names, silence.ends_at_ms),
                receiver=receiver,
                reason=NotifyReason.SILENCE_EXPIRES,
                group_keys=(key,),
                group_labels={},
                alerts=tuple(alerts[:SHOWN_MAX]),
                firing=len(alerts),
                resolved=0,
                at_ms=turn.now_ms,
                note=f"The silence of {silence.created_by} will expire ({silence.comment or 'no comment'}).",
            )
        )
