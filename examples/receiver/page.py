"""The receiver's page: a column for each sink, newest first. Whatever arrived is shown as text and never as markup."""

from collections.abc import Sequence
from html import escape

from .journal import Entry

REFRESH_SECONDS = 2
SHOWN_MAX = 100
_COLOURS = ("critical", "warning", "info", "acknowledged", "resolved")

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.3rem; margin: 0 0 .2rem; }
h2 { font-size: 1.05rem; border-bottom: 1px solid var(--line); padding-bottom: .4rem; }
.lead, time, .note { color: light-dark(#555, #aaa); font-size: .85rem; }
.columns { display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); }
article { border: 1px solid var(--line); border-left: .4rem solid #888; border-radius: .4rem; margin: .7rem 0;
  padding: .6rem .8rem; background: var(--soft); overflow-wrap: anywhere; }
article h3 { font-size: 1rem; margin: .2rem 0; }
article p { margin: .2rem 0; }
.critical { border-left-color: #d13438; } .warning { border-left-color: #e0a100; }
.info { border-left-color: #2b6fc2; } .acknowledged { border-left-color: #7a4fc2; }
.resolved { border-left-color: #2e9e5b; }
.badge { font-size: .75rem; font-weight: 700; letter-spacing: .03em; text-transform: uppercase; margin-right: .5rem; }
pre { background: var(--soft); overflow: auto; padding: .5rem; white-space: pre-wrap; }
"""


def render(entries: Sequence[Entry], last: int) -> str:
    """The whole page for `entries`, oldest first as the journal gives them; `last` is how many ever arrived."""
    columns = "".join(
        _column(heading, [entry for entry in entries if entry.sink == sink])
        for sink, heading in (("slack", "Slack"), ("pagerduty", "PagerDuty"), ("webhook", "Webhook"))
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>({last}) What the sinks got</title><style>{_STYLE}</style></head><body>"
        "<h1>What Slack, PagerDuty and the webhook got</h1>"
        f'<p class="lead">A local stand-in for all three. {last} received since the start, newest first; '
        f"the page refreshes every {REFRESH_SECONDS} s.</p>"
        f'<main class="columns">{columns}</main></body></html>'
    )


def _column(heading: str, entries: Sequence[Entry]) -> str:
    shown = list(reversed(entries))[:SHOWN_MAX]
    articles = "".join(_article(entry) for entry in shown) or '<p class="note">Nothing yet.</p>'
    return f"<section><h2>{heading} ({len(entries)})</h2>{articles}</section>"


def _article(entry: Entry) -> str:
    colour = entry.severity if entry.severity in _COLOURS else ""
    badge = f'<span class="badge">{escape(entry.severity)}</span>' if entry.severity else ""
    project = f"<p>Project <strong>{escape(entry.project_id)}</strong></p>" if entry.project_id else ""
    notes = "; ".join(_notes(entry))
    title = escape(entry.title) or "(no title)"
    body = entry.body if isinstance(entry.body, str) else ""
    raw = f"<pre>{escape(body[:2000])}</pre>" if body else ""
    return (
        f'<article class="{colour}" id="n{entry.number}">{badge}<time>{escape(entry.received_at)}</time>'
        f"<h3>{title}</h3><p>{escape(entry.text)}</p>{_why(entry)}{project}{raw}"
        f'<p class="note">{escape(notes)}</p></article>'
    )


def _why(entry: Entry) -> str:
    """The reason, the person and the comment, as far as the message has them."""
    by = f"by {entry.by}" if entry.by else ""
    words = ", ".join(part for part in (entry.reason.replace("_", " "), by, entry.comment) if part)
    return f"<p>Why: {escape(words)}</p>" if words else ""


def _notes(entry: Entry) -> list[str]:
    notes = [f"no. {entry.number}", "connection dropped" if entry.status == 0 else f"answered {entry.status}"]
    if entry.signature != "unchecked":
        notes.append(f"signature {entry.signature}")
    if entry.repeated:
        notes.append("delivered again")
    return notes
