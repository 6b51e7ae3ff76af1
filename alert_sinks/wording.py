"""Alerts in the words that people read, for every sink that writes to people. Nothing is escaped or cut here."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from alert_sinks.digest import Digest
from alert_sinks.texts.catalogue import Texts
from alert_sinks.texts.english import ENGLISH
from alert_sinks.texts.numbers import threshold_of, value_of
from models.alert import Alert, AlertStatus, Severity
from models.times import rfc3339
from streams.dispatch.table import NotifyReason

_Row = tuple[str, str, bool]  # the key of its title, its value, whether it is short

MAX_LINES = 10  # of a digest; people read no more


class Fact(NamedTuple):
    """One row of a message. Two short ones fit side by side."""

    title: str
    value: str
    is_short: bool
    is_link: bool = False


def state(alert: Alert, texts: Texts = ENGLISH) -> str:
    """That it is resolved, or the severity."""
    return texts.say("state.resolved") if alert.status is AlertStatus.RESOLVED else _severity(alert.severity, texts)


def headline(alert: Alert, texts: Texts = ENGLISH) -> str:
    """State and title in one line, with the project if the title does not name it."""
    key = "headline" if alert.project_id in alert.title else "headline.project"
    return texts.say(key, state=state(alert, texts), title=alert.title, project=alert.project_id)


def event(alert: Alert, texts: Texts = ENGLISH) -> str:
    """What has happened, in one line: the headline, or who has taken the alert or given it back."""
    if alert.reason == NotifyReason.ACKNOWLEDGED.value and alert.acknowledged_by:
        return texts.say("event.acknowledged", person=alert.acknowledged_by, title=alert.title)
    if alert.reason == NotifyReason.UNACKNOWLEDGED.value:
        return texts.say("event.unacknowledged", title=alert.title)
    return headline(alert, texts)


def reason(word: str, texts: Texts = ENGLISH) -> str:
    """Why the alert changed; a reason of a newer version as it is written."""
    return texts.words.get(f"reason.{word}", word.replace("_", " "))


def moment(at_ms: int) -> str:
    """A time in UTC, to the second."""
    return f"{rfc3339(at_ms)[:19].replace('T', ' ')} UTC"


def facts(alert: Alert, texts: Texts = ENGLISH) -> list[Fact]:
    """What is known of an alert; a row without a value is left out."""
    by, comment = alert.person
    rows: tuple[_Row, ...] = (
        ("project", alert.project_id, True),
        ("severity", _severity(alert.severity, texts), True),
        ("status", texts.say(f"status.{alert.status.value}"), True),
        ("value", value_of(alert, texts), True),
        ("threshold", threshold_of(alert, texts), True),
        ("window", texts.say("minutes", minutes=alert.window_minutes) if alert.window_minutes else "", True),
        ("since", moment(alert.starts_at_ms), True),
        ("measured", moment(alert.updated_at_ms) if _is_measured_apart(alert) else "", True),
        ("ended", "" if alert.ends_at_ms is None else moment(alert.ends_at_ms), True),
        ("reason", reason(alert.reason, texts), False),
        ("by", by or "", True),
        ("comment", comment or "", False),
        ("acknowledged_by", alert.acknowledged_by or "", True),
    )
    return [*_named(rows, texts), *_links(alert, texts)]


def text(alert: Alert, texts: Texts = ENGLISH) -> str:
    """The whole message in plain text: the sentence, and a line for each fact."""
    rows = _rows(facts(alert, texts))
    return "\n".join([*([alert.description, ""] if alert.description else []), *rows])


def digest_text(digest: Digest) -> str:
    """The same for many: a line for each that is listed, then the counts."""
    return "\n".join([*lines(digest), "", *_rows(digest_facts(digest))])


def lines(digest: Digest) -> list[str]:
    """One line for each alert, the worst first, at most `MAX_LINES`; then how many more there are."""
    found = [_line(alert, digest.texts) for alert in digest.alerts[:MAX_LINES]]
    if digest.total > len(found):
        found.append(digest.texts.say("more", count=digest.total - len(found)))
    return found


def digest_facts(digest: Digest) -> list[Fact]:
    """How many alerts of each severity fire, and the links of the worst."""
    on = [alert.severity for alert in digest.alerts if alert.status is AlertStatus.FIRING]
    texts = digest.texts
    counts = [Fact(_severity(each, texts), str(on.count(each)), True) for each in reversed(Severity) if each in on]
    return [*counts, *_links(digest.worst, texts)]


def cut(text: str, limit: int) -> str:
    """At most `limit` characters of it."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def encodable(text: str) -> str:
    """Without NUL, and without halves of characters, which no UTF-8 has."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def one_line(text: str) -> str:
    """For a header: no line breaks, no control characters."""
    return "".join(letter for letter in " ".join(encodable(text).split()) if letter.isprintable())


def _line(alert: Alert, texts: Texts) -> str:
    return texts.say(
        "line", state=state(alert, texts), title=alert.title, value=value_of(alert, texts),
        since=moment(alert.starts_at_ms),
    )  # fmt: skip


def _severity(severity: Severity, texts: Texts) -> str:
    return texts.say(f"severity.{severity.value}")


def _is_measured_apart(alert: Alert) -> bool:
    """Whether the value is neither of the beginning nor of the end: more findings were reported in between."""
    return alert.updated_at_ms not in (alert.starts_at_ms, alert.ends_at_ms)


def _links(alert: Alert, texts: Texts) -> list[Fact]:
    found = (("runbook", alert.runbook_url), ("dashboard", alert.dashboard_url))
    return [Fact(texts.say(f"fact.{key}"), address, False, is_link=True) for key, address in found if address]


def _named(rows: Iterable[_Row], texts: Texts) -> list[Fact]:
    return [Fact(texts.say(f"fact.{key}"), value, is_short) for key, value, is_short in rows if value]


def _rows(found: Iterable[Fact]) -> Iterator[str]:
    return (f"{fact.title}: {fact.value}" for fact in found)
