"""Alerts in the words that people read, for every sink that writes to people. Nothing is escaped or cut here."""

from typing import NamedTuple

from alert_sinks.digest import Digest
from models.alert import Alert, AlertStatus, Severity
from models.times import rfc3339
from streams.alerting.rule_types import alert_type
from streams.alerting.verdict import Reason
from streams.dispatch.table import NotifyReason
from streams.project.alert_actions import person_of

MAX_LINES = 10  # of a digest; people read no more

_REASONS = {
    Reason.THRESHOLD_CROSSED: "the threshold was crossed",
    Reason.CROSSED_FOR_LONG_ENOUGH: "the threshold has been crossed for the required time",
    Reason.ESCALATED_UNACKNOWLEDGED: "not acknowledged in time",
    Reason.BACK_TO_NORMAL: "back to normal",
    Reason.NO_OPERATIONS: "no operations in the window",
    Reason.INSUFFICIENT_DATA: "too few operations to judge",
    Reason.RESOLVED_BY_PERSON: "resolved manually; the condition may still hold",
    Reason.SILENCE_ENDED: "a silence has ended and it is still firing",
    Reason.SPLIT: "its events are in several partitions and cannot be evaluated",
}


class Fact(NamedTuple):
    """One row of a message. Two short ones fit side by side."""

    title: str
    value: str
    is_short: bool


def state(alert: Alert) -> str:
    """`RESOLVED`, or the severity in capitals."""
    return "RESOLVED" if alert.status is AlertStatus.RESOLVED else alert.severity.value.upper()


def headline(alert: Alert) -> str:
    """State and title in one line, with the project if the title does not name it."""
    project = "" if alert.project_id in alert.title else f" (project {alert.project_id})"
    return f"[{state(alert)}] {alert.title}{project}"


def event(alert: Alert) -> str:
    """What has happened, in one line: the headline, or who has taken the alert or given it back."""
    if alert.reason == NotifyReason.ACKNOWLEDGED.value and alert.acknowledged_by:
        return f"Acknowledged by {alert.acknowledged_by}: {alert.title}"
    return (
        f"Acknowledgement removed: {alert.title}"
        if alert.reason == NotifyReason.UNACKNOWLEDGED.value
        else headline(alert)
    )


def reason(word: str) -> str:
    """Why the alert changed; a reason of a newer version as it is written."""
    try:
        return _REASONS[Reason(word)]
    except (ValueError, KeyError):
        return word.replace("_", " ")


def moment(at_ms: int) -> str:
    """A time in UTC, to the second."""
    return f"{rfc3339(at_ms)[:19].replace('T', ' ')} UTC"


def facts(alert: Alert) -> list[Fact]:
    """What is known of an alert; a row without a value is left out."""
    shown = alert_type(alert.alert_type)
    by, comment = person_of(alert)
    return _filled(
        Fact("Project", alert.project_id, True),
        Fact("Severity", alert.severity.value.upper(), True),
        Fact("Status", alert.status.value, True),
        Fact("Value", shown.format_value(alert.value, alert.threshold), True),
        Fact("Threshold", shown.format_threshold(alert.threshold), True),
        Fact("Window", f"{alert.window_minutes} min" if alert.window_minutes else "", True),
        Fact("Since", moment(alert.starts_at_ms), True),
        Fact("Ended", "" if alert.ends_at_ms is None else moment(alert.ends_at_ms), True),
        Fact("Reason", reason(alert.reason), False),
        Fact("By", by or "", True),
        Fact("Comment", comment or "", False),
        Fact("Acknowledged by", alert.acknowledged_by or "", True),
        Fact("Runbook", alert.runbook_url or "", False),
        Fact("Dashboard", alert.dashboard_url or "", False),
    )


def text(alert: Alert) -> str:
    """The whole message in plain text: the sentence, and a line for each fact."""
    rows = [f"{title}: {value}" for title, value, _ in facts(alert)]
    return "\n".join([*([alert.description, ""] if alert.description else []), *rows])


def digest_text(digest: Digest) -> str:
    """The same for many: a line for each that is listed, then the counts."""
    return "\n".join([*lines(digest), "", *(f"{title}: {value}" for title, value, _ in digest_facts(digest))])


def lines(digest: Digest) -> list[str]:
    """One line for each alert, the worst first, at most `MAX_LINES`; then how many more there are."""
    found = [_line(alert) for alert in digest.alerts[:MAX_LINES]]
    if digest.total > len(found):
        found.append(f"and {digest.total - len(found)} more")
    return found


def digest_facts(digest: Digest) -> list[Fact]:
    """How many alerts of each severity fire, and the dashboard."""
    on = [alert.severity for alert in digest.alerts if alert.status is AlertStatus.FIRING]
    counts = [Fact(severity.value.upper(), str(on.count(severity) or ""), True) for severity in reversed(Severity)]
    return _filled(*counts, Fact("Dashboard", digest.worst.dashboard_url or "", False))


def cut(text: str, limit: int) -> str:
    """At most `limit` characters of it."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def encodable(text: str) -> str:
    """Without NUL, and without halves of characters, which no UTF-8 has."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def one_line(text: str) -> str:
    """For a header: no line breaks, no control characters."""
    return "".join(letter for letter in " ".join(encodable(text).split()) if letter.isprintable())


def _line(alert: Alert) -> str:
    value = alert_type(alert.alert_type).format_value(alert.value, alert.threshold)
    return f"{state(alert)} {alert.title}: {value}, since {moment(alert.starts_at_ms)}"


def _filled(*found: Fact) -> list[Fact]:
    return [fact for fact in found if fact.value]
