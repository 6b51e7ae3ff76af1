"""Reads what matters to a person out of the three payloads. Total: any JSON gives a reading, however odd it is."""

from dataclasses import dataclass
from typing import Any

_COLOURS = {"danger": "critical", "warning": "warning", "good": "resolved"}
_ACTIONS = {"resolve": "resolved", "acknowledge": "acknowledged"}


@dataclass(frozen=True)
class Reading:
    """The words a person looks for; "" where the payload has none."""

    severity: str = ""
    title: str = ""
    text: str = ""
    project_id: str = ""
    reason: str = ""  # why there is a message
    by: str = ""  # who has acknowledged or resolved the alert
    comment: str = ""


def read_slack(payload: Any) -> Reading:
    """The first attachment, its colour as severity, the field Project as project; else the plain text."""
    message = _object(payload)
    attachments = message.get("attachments")
    first = _object(attachments[0]) if isinstance(attachments, list) and attachments else {}
    fields = first.get("fields")
    named = {
        _text(one.get("title")).lower(): _text(one.get("value"))
        for one in map(_object, fields if isinstance(fields, list) else [])
    }
    colour = _COLOURS.get(_text(first.get("color")), "")
    severity = colour if colour == "resolved" else named.get("severity", "").lower() or colour
    return Reading(
        severity=severity,
        title=_shown(first.get("title")) or _shown(message.get("text")),
        text=_shown(first.get("text")),
        project_id=_shown(named.get("project")),
        reason=_shown(named.get("reason")),
        by=_shown(named.get("by")) or _shown(named.get("acknowledged by")),
        comment=_shown(named.get("comment")),
    )


def read_pagerduty(payload: Any) -> Reading:
    """The severity of an event that ends or acknowledges an incident is that."""
    event = _object(payload)
    told = _object(event.get("payload"))
    details = {name.lower(): _text(value) for name, value in _object(told.get("custom_details")).items()}
    action = _text(event.get("event_action"))
    return Reading(
        severity=_ACTIONS.get(action, "") or _text(told.get("severity")).lower(),
        title=_text(told.get("summary")),
        text=details.get("description", ""),
        project_id=details.get("project", ""),
        reason=details.get("reason", ""),
        by=details.get("by") or details.get("acknowledged by", ""),
        comment=details.get("comment", ""),
    )


def read_webhook(payload: Any) -> Reading:
    """The alert inside; a resolved one is of severity `resolved`, since that is what its reader wants to see."""
    alert = _object(_object(payload).get("alert"))
    resolved = alert.get("status") == "resolved"
    return Reading(
        severity="resolved" if resolved else _text(alert.get("severity")).lower(),
        title=_text(alert.get("title")),
        text=_text(alert.get("description")),
        project_id=_text(alert.get("project_id")),
        reason=_text(alert.get("reason")),
        by=_text(alert.get("acknowledged_by")),
    )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _shown(value: Any) -> str:
    """As Slack shows it: senders escape these three characters and no others."""
    return _text(value).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
