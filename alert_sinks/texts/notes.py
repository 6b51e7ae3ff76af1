"""The sentence that a notification of the dispatcher adds, in another language: from its reason, person and comment."""

from alert_sinks.texts.catalogue import Texts
from streams.dispatch.outputs import Notification
from streams.dispatch.table import NotifyReason

_KEYS = {
    NotifyReason.ACKNOWLEDGEMENT_EXPIRES: "note.acknowledgement",
    NotifyReason.SILENCE_EXPIRES: "note.silence",
    NotifyReason.ACKNOWLEDGED: "note.acknowledged",
    NotifyReason.UNACKNOWLEDGED: "note.unacknowledged",
}


def note_of(notification: Notification, texts: Texts) -> str:
    """As the dispatcher wrote it in the language of alerts; "" if it wrote nothing."""
    note, by = notification.note, notification.by
    if not texts.sentences or not note:
        return note
    if notification.reason is NotifyReason.ESCALATED:
        return texts.sentence("note.skipped" if notification.person else "note.nobody", note=note)
    key = _KEYS.get(notification.reason, "")
    if not key or not by:
        return note  # of a version before, without the person
    has_comment = f"{key}.comment" in texts.sentences and notification.comment
    return texts.sentence(f"{key}.comment" if has_comment else key, person=by, comment=notification.comment)
