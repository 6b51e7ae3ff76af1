"""Notices to receivers: an acknowledgement, or a silence, will expire."""

from streams.dispatch.outputs import Notification, named, notification_id, worst_of
from streams.dispatch.records import SilenceRecord
from streams.dispatch.state import GROUP, LiveAlert
from streams.dispatch.table import NotifyReason
from streams.dispatch.turn import Turn, mask_of, shown


def acknowledgement_will_expire(turn: Turn, live: LiveAlert) -> None:
    """One message to each receiver that was notified of the firing, unless something keeps it back."""
    taken = live.record.acknowledgement
    if taken is None or mask_of(turn.state, live) is not None:
        return
    note = f"Acknowledged by {taken.by}; the acknowledgement will expire, and the alert still fires."
    for group in turn.state.groups_of(live):
        record = group.record
        if live.told(group) is not None and turn.config.reaches(record.receiver):
            _send(
                turn, record.receiver, record.key, [live], record.sequence, NotifyReason.ACKNOWLEDGEMENT_EXPIRES, note
            )
            record.sequence += 1
            turn.state.touch(GROUP, record.key)


def silence_will_expire(turn: Turn, silence: SilenceRecord) -> None:
    """One message to each receiver on the routes of the alerts that fire behind the silence."""
    hidden: dict[str, list[LiveAlert]] = {}
    for key in turn.state.by_label.matching(silence.matchers):
        live = turn.state.alerts[key]
        for receiver in {turn.state.groups[each].record.receiver for each in live.groups}:
            hidden.setdefault(receiver, []).append(live)
    key = f"silence:{silence.silence_id}"
    note = f"The silence of {silence.created_by} will expire ({silence.comment or 'no comment'})."
    for receiver, lives in sorted(hidden.items()):
        if turn.config.reaches(receiver):
            _send(turn, receiver, key, lives, silence.ends_at_ms, NotifyReason.SILENCE_EXPIRES, note)


def _send(
    turn: Turn, receiver: str, key: str, lives: list[LiveAlert], sequence: int, reason: NotifyReason, note: str
) -> None:
    alerts = worst_of((shown(turn.state, live), live.record.openings) for live in lives)
    notification = Notification(
        notification_id=notification_id(receiver, (key,), [*(named(*each) for each in alerts), reason.value], sequence),
        receiver=receiver,
        reason=reason,
        group_keys=(key,),
        group_labels={},
        alerts=tuple(alert for alert, _ in alerts),
        firing=len(lives),
        resolved=0,
        at_ms=turn.now_ms,
        note=note,
    )
    turn.notifications.append(notification)
