"""Messages of Slack within its limits, whatever is in an alert. What people wrote is escaped.

Each text has a limit of its own, and all of a message share `MAX_MESSAGE`. What does not fit is shortened, the links
last; an address that does not fit is left out, because half of one leads nowhere.
"""

from collections.abc import Sequence

from alert_sinks import wording
from alert_sinks.digest import Digest
from alert_sinks.texts.catalogue import Texts
from alert_sinks.texts.english import ENGLISH
from models.alert import Alert, AlertStatus, Severity

# Slack's own limits in characters, but for the fallback, of which it shows 4 000 well.
MAX_MESSAGE = 40_000
MAX_FALLBACK = 4000
MAX_TITLE = 256
MAX_TEXT = 3000
MAX_FIELD = 2000
MAX_FACTS = 20_000  # all fields, so that the rest always fits

_COLORS = {Severity.CRITICAL: "danger", Severity.WARNING: "warning", Severity.INFO: "good"}
_ELLIPSIS = "…"


def slack_payload(alert: Alert, texts: Texts = ENGLISH) -> dict[str, object]:
    """The message: a fallback line, and one attachment with the facts."""
    resolved = alert.status is AlertStatus.RESOLVED
    return {
        "text": escaped(wording.headline(alert, texts), MAX_FALLBACK),
        "attachments": [
            {
                "color": "good" if resolved else _COLORS[alert.severity],
                "title": escaped(alert.title, MAX_TITLE),
                "text": escaped(alert.description, MAX_TEXT),
                "fields": _fields(wording.facts(alert, texts)),
                "ts": alert.updated_at_ms // 1000,  # Slack shows it in each reader's own time
            }
        ],
    }


def slack_digest(digest: Digest) -> dict[str, object]:
    """The message for many: one line each, the worst first, as many as people read."""
    is_on = digest.worst.status is AlertStatus.FIRING
    return {
        "text": escaped(digest.title, MAX_FALLBACK),
        "attachments": [
            {
                "color": _COLORS[digest.worst.severity] if is_on else "good",
                "title": escaped(digest.title, MAX_TITLE),
                "text": "\n".join(fitted(wording.lines(digest), MAX_TEXT)),
                "fields": _fields(wording.digest_facts(digest)),
                "ts": max(alert.updated_at_ms for alert in digest.alerts) // 1000,
            }
        ],
    }


def _fields(facts: Sequence[wording.Fact]) -> list[dict[str, object]]:
    """Those that are not links share what the links leave."""
    links = {fact.title: link for fact in facts if fact.is_link and (link := _whole(fact.value))}
    texts = [fact for fact in facts if not fact.is_link]
    shared = fitted([fact.value for fact in texts], MAX_FACTS - sum(map(len, links.values())), MAX_FIELD)
    values = {fact.title: value for fact, value in zip(texts, shared, strict=True)} | links
    return [
        {"title": fact.title, "value": values[fact.title], "short": fact.is_short}
        for fact in facts
        if fact.title in values
    ]


def _whole(address: str) -> str:
    safe = escaped(address, MAX_FIELD + 1)
    return safe if len(safe) <= MAX_FIELD else ""


def fitted(rows: Sequence[str], limit: int, most: int = MAX_TEXT) -> list[str]:
    """The rows escaped, at most `most` characters each and, with their line breaks, at most `limit` together.

    Short rows stay whole; the long ones have equal shares.
    """
    safe = [escaped(row, most) for row in rows]
    left = limit - len(rows)
    for place, length in enumerate(sorted(map(len, safe))):
        share = left // (len(rows) - place)
        if length > share:
            return [escaped(row, max(min(share, most), 1)) for row in rows]
        left -= length
    return safe


def escaped(text: str, limit: int) -> str:
    """`text` with `&`, `<` and `>` as Slack wants them, at most `limit` characters, never cut inside an entity."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if len(safe) <= limit:
        return safe
    cut = safe[: limit - 1]
    entity = cut.rfind("&")
    if entity != -1 and ";" not in cut[entity:]:
        cut = cut[:entity]
    return cut + _ELLIPSIS
