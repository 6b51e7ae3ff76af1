"""Notices to receivers: of an act of a person, and that an acknowledgement or a silence will expire."""

from streams.dispatch import groups
from streams.dispatch.outputs import Notification, named, notification_id, worst_of
from streams.dispatch.records import SilenceRecord
from streams.dispatch.state import GROUP, LiveAlert, LiveGroup
from streams.dispatch.table import NotifyReason
from streams.dispatch.turn import Turn, mask_of, shown

_ACTS = {NotifyReason.ACKNOWLEDGED: "Acknowledged", NotifyReason.UNACKNOWLEDGED: "Acknowledgement removed"}


def acknowledgement_will_expire(turn: Turn, live: LiveAlert) -> None:
    """One message to each receiver that was notified of the firing, unless something keeps it back."""
    taken = live.record.acknowledgement
    if taken is None or mask_of(turn.state, live) is not None:
        return
    note = f"Acknowledged by {taken.by}; the acknowledgement will expire, and the alert still fires."
    for group in _notified(turn, live):
        lives = _known(turn, group) if group.record.receiver in turn.config.apart else [live]
        _send_of_group(turn, group, lives, NotifyReason.ACKNOWLEDGEMENT_EXPIRES, note, taken.by)


def acted(turn: Turn, live: LiveAlert, reason: NotifyReason, by: str, comment: str) -> None:
    """One message to each receiver that keeps an incident with this firing, with all that it knows of the group and
    that still fires, unless something keeps the alert back."""
    if mask_of(turn.state, live) is not None:
        return
    note = f"{_ACTS[reason]} by {by}{f' ({comment})' if comment else ''}."
    for group in _notified(turn, live):
        if group.record.receiver in turn.config.apart:
            _send_of_group(turn, group, _known(turn, group), reason, note, by, comment)


def _notified(turn: Turn, live: LiveAlert) -> list[LiveGroup]:
    """Its groups whose receivers were notified of the firing in them, and can be."""
    reached = [each for each in turn.state.groups_of(live) if turn.config.reaches(each.record.receiver)]
    return [each for each in reached if (told := live.told(each)) and not groups.is_alias(turn, each, told)]


def _known(turn: Turn, group: LiveGroup) -> list[LiveAlert]:
    """What a group's receiver was notified of, and still fires, and nothing keeps back."""
    known = (turn.state.alerts[key] for key in sorted(group.knows))
    shown = [each for each in known if each.fires and mask_of(turn.state, each) is None]
    return [each for each in shown if (told := each.told(group)) and not groups.is_alias(turn, group, told)]


def _send_of_group(
    turn: Turn, group: LiveGroup, lives: list[LiveAlert], reason: NotifyReason, note: str, by: str, comment: str = ""
) -> None:
    record = group.record
    _send(turn, record.receiver, record.key, lives, record.sequence, reason, note, by, comment)
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
    reason = NotifyReason.SILENCE_EXPIRES
    for receiver, lives in sorted(hidden.items()):
        if turn.config.reaches(receiver):
            _send(turn, receiver, key, lives, silence.ends_at_ms, reason, note, silence.created_by, silence.comment)


def _send(
    turn: Turn, receiver: str, key: str, lives: list[LiveAlert], sequence: int, reason: NotifyReason, note: str,
    by: str, comment: str = "",
) -> None:  # fmt: skip
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
        by=by,
        comment=comment,
    )
    turn.notifications.append(notification)
