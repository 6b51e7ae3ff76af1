"""The figures as one SVG: for each run, a bar of events a second for each contender."""

from collections.abc import Sequence
from html import escape
from textwrap import wrap
from typing import Any

WIDTH, LABEL, VALUE = 900, 290, 200  # pixels: all of it, what stands left of the bars, what stands right of them
ROW, TITLE, GAP = 24, 34, 18
COLOURS = {"monitor": "#0b7285", "replay": "#66a3ad", "limit": "#adb5bd"}
OTHERS = "#e8a33d"
_STYLE = """<style>
  text { font: 13px system-ui, sans-serif; fill: #212529 }
  .title { font-weight: 600; font-size: 15px }
  .small { fill: #6c757d; font-size: 12px }
  .page { fill: #ffffff }
</style>"""


def svg(runs: Sequence[dict[str, Any]], machine: str) -> str:
    """The picture's text."""
    parts, top = [], GAP
    for run in runs:
        rows = [each for each in run["contenders"] if each["figures"]]
        parts.append(_text(GAP, top + 16, f"{run['about']} ({_size(run)})", "title"))
        top += TITLE
        longest = max((_rate(each) for each in rows), default=1)
        for each in sorted(rows, key=lambda row: -_rate(row)):
            parts.append(_bar(each, top, longest))
            top += ROW
        top += GAP
    said = "Events a second to the last effect stored; warm, where the first third is left out."
    parts.append(_text(GAP, top + 10, said, "small"))
    parts.extend(_text(GAP, top + 28 + 16 * line, words, "small") for line, words in enumerate(wrap(machine, 120)))
    height = top + 70
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    label = 'role="img" aria-label="Events a second of each contender">'
    return "\n".join([f"{head} {label}", _STYLE, f'<rect class="page" width="{WIDTH}" height="{height}"/>', *parts]) + (
        "\n</svg>\n"
    )


def _size(run: dict[str, Any]) -> str:
    workers = "1 worker" if run["workers"] == 1 else f"{run['workers']} workers"
    partitions = "1 partition" if run["partitions"] == 1 else f"{run['partitions']} partitions"
    return f"{partitions}, {workers}"


def _rate(each: dict[str, Any]) -> float:
    figures = each["figures"]
    return float(figures.get("events_per_second_warm") or figures["events_per_second"])


def _bar(each: dict[str, Any], top: int, longest: float) -> str:
    rate = _rate(each)
    length = max(2.0, (WIDTH - LABEL - VALUE) * rate / longest)
    wrong = ", counted wrong" if each["wrong"] else ""
    colour = COLOURS.get(each["name"], OTHERS)
    return (
        f'<text x="{LABEL - 10}" y="{top + 15}" text-anchor="end">{escape(each["title"])}</text>'
        f'<rect x="{LABEL}" y="{top + 2}" width="{length:.1f}" height="{ROW - 6}" rx="2" fill="{colour}"/>'
        + _text(LABEL + length + 8, top + 15, f"{rate:,.0f}".replace(",", " ") + wrong, "")
    )


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(words)}</text>'
