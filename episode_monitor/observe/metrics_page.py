"""Writes `docs/metrics.md` from the catalogue: `python -m episode_monitor.observe.metrics_page`. A test compares."""

from pathlib import Path
from typing import Final

from episode_monitor.observe.catalogue import CATALOGUE, MAX_SERIES, PROJECTS
from episode_monitor.observe.described import Described, Label, Of

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"

_HEAD = """\
# Metrics

Made by `python -m episode_monitor.observe.metrics_page` from `episode_monitor/observe/catalogue.py`; change it there.

`GET /metrics` has them as Prometheus' text, or as OpenMetrics if `Accept` asks for `application/openmetrics-text`, as
Prometheus does. OpenMetrics has exemplars with a `trace_id` if [tracing](tracing.md) is on. How to use them:
[operations](operations.md#prometheus). What alerts are made of them: [runbook](runbook.md).

A worker exports at most {most} series, with a million projects as with ten: labels by project stop at
`METRICS_MAX_PROJECTS` ({projects}), worst first. If a label has no closed set of values, what exceeds its bound is one
series with `_other` as the value. The tables add up to {sum}, with every label at its bound.

Several processes that are [one worker](operations.md#all-cores) have one exposition. `together` says what it shows of
their values: the sum, the largest or smallest one, or (`one`) that of the first process that has it.
"""
_SECTIONS: Final = {
    Of.FLEET: (
        "Of the whole fleet",
        "The same from every worker: use `max without (instance)`, never `sum`. Absent while tables recover.",
    ),
    Of.WORKER: ("Of one worker", "May be summed over workers. Counters are since the start of the process."),
    Of.PROCESS: ("Of the process", "Made by the Prometheus client for Python."),
}


def page() -> str:
    """The page."""
    whole = sum(each.most_series for each in CATALOGUE)
    parts = [_HEAD.format(most=f"{MAX_SERIES:,}".replace(",", " "), projects=PROJECTS, sum=whole)]
    for of, (title, about) in _SECTIONS.items():
        parts.append(
            f"\n## {title}\n\n{about}\n\n| metric | type | unit | labels | series | together | meaning |\n"
            "|---|---|---|---|---|---|---|\n"
        )
        parts.extend(_row(each) for each in CATALOGUE if each.of is of)
    parts.append("\n## Labels\n\n| label | of | values | meaning |\n|---|---|---|---|\n")
    parts.extend(_label_row(label, of) for label, of in _labels())
    return "".join(parts)


def _row(each: Described) -> str:
    labels = ", ".join(f"`{name}`" for name in each.label_names) or "–"
    cells = (
        f"`{each.name}`",
        each.kind.value,
        each.unit,
        labels,
        str(each.most_series),
        each.together.value,
        each.about,
    )
    return f"| {' | '.join(cells)} |\n"


def _labels() -> list[tuple[Label, list[str]]]:
    used: dict[str, tuple[Label, list[str]]] = {}
    for each in CATALOGUE:
        for label in each.labels:
            used.setdefault(repr(label), (label, []))[1].append(each.name)
    return list(used.values())


def _label_row(label: Label, of: list[str]) -> str:
    values = ", ".join(f"`{value}`" for value in label.values) or f"at most {label.at_most}"
    if label.setting:
        values = f"at most `{label.setting}` and `_other`"
    return f"| `{label.name}` | {', '.join(f'`{name}`' for name in of)} | {values} | {label.about} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
