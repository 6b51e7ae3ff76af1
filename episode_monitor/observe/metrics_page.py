"""Writes `docs/metrics.md` and its Korean page from the catalogue: `python -m episode_monitor.observe.metrics_page`. A
test compares."""

from pathlib import Path
from typing import Final

import msgspec

from episode_monitor.observe import korean
from episode_monitor.observe.catalogue import CATALOGUE, MAX_SERIES, PROJECTS
from episode_monitor.observe.described import Described, Label, Of

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
KOREAN_PAGE: Final = PAGE.with_name("metrics.ko.md")

_HEAD = """\
# Metrics

Made by `python -m episode_monitor.observe.metrics_page` from `episode_monitor/observe/catalogue.py`; change it there.
[한국어](metrics.ko.md)

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


_KOREAN_HEAD = """\
# 메트릭

이 페이지는 `python -m episode_monitor.observe.metrics_page`가 `episode_monitor/observe/catalogue.py`로 만듭니다.
수정은 그곳에서 합니다. [English](metrics.md)

`GET /metrics`는 Prometheus 텍스트 형식으로 응답하며, Prometheus처럼 `Accept`로 `application/openmetrics-text`를
요청하면 OpenMetrics 형식으로 응답합니다. [추적](tracing.ko.md)을 켜면 OpenMetrics에 `trace_id`가 담긴
예시(exemplar)가 붙습니다. 사용법은 [운영](operations.ko.md#prometheus), 이 메트릭으로 만든 알림은
[런북](runbook.ko.md)에 있습니다.

워커 하나가 내보내는 시계열은 프로젝트가 열 개든 백만 개든 최대 {most}개입니다. 프로젝트별 레이블은 상태가 나쁜
순서로 `METRICS_MAX_PROJECTS`({projects})개까지만 붙입니다. 값의 집합이 정해지지 않은 레이블이 한도를 넘으면
나머지를 값 `_other`의 시계열 하나로 합칩니다. 모든 레이블이 한도에 이르면 아래 표의 합은 {sum}입니다.

[워커 하나](operations.ko.md#모든-코어)로 동작하는 여러 프로세스는 메트릭을 하나로 내보냅니다. `together`는 각
프로세스의 값을 합치는 방법입니다. 합계, 최댓값, 최솟값이며, `one`은 값을 가진 첫 프로세스의 값입니다.
"""
_KOREAN_SECTIONS: Final = {
    Of.FLEET: (
        "플릿 전체",
        "어느 워커에서나 값이 같으므로 `sum`이 아니라 `max without (instance)`를 씁니다. 테이블을 복구하는 "
        "동안에는 나오지 않습니다.",
    ),
    Of.WORKER: ("워커 하나", "워커끼리 더할 수 있습니다. 카운터는 프로세스가 시작된 뒤의 값입니다."),
    Of.PROCESS: ("프로세스", "Python용 Prometheus 클라이언트가 만듭니다."),
}


class _Language(msgspec.Struct, frozen=True):
    """The words of a page. `metrics` and `labels` by name and by English text; without an entry the catalogue's own."""

    head: str
    sections: dict[Of, tuple[str, str]]
    columns: str
    labels_title: str
    label_columns: str
    at_most: str
    at_most_setting: str
    units: dict[str, str] = {}
    metrics: dict[str, str] = {}
    labels: dict[str, str] = {}


_ENGLISH = _Language(
    _HEAD, _SECTIONS, "metric | type | unit | labels | series | together | meaning", "Labels",
    "label | of | values | meaning", "at most {}", "at most `{}` and `_other`",
)  # fmt: skip
_KOREAN = _Language(
    _KOREAN_HEAD, _KOREAN_SECTIONS, "메트릭 | 유형 | 단위 | 레이블 | 시계열 | together | 설명", "레이블",
    "레이블 | 메트릭 | 값 | 설명", "최대 {}개", "최대 `{}`개와 `_other`", korean.UNITS, korean.METRICS, korean.LABELS,
)  # fmt: skip


def page() -> str:
    """The English page."""
    return _page(_ENGLISH)


def korean_page() -> str:
    """The Korean page."""
    return _page(_KOREAN)


def _page(words: _Language) -> str:
    whole = sum(each.most_series for each in CATALOGUE)
    parts = [words.head.format(most=f"{MAX_SERIES:,}".replace(",", " "), projects=PROJECTS, sum=whole)]
    for of, (title, about) in words.sections.items():
        parts.append(f"\n## {title}\n\n{about}\n\n| {words.columns} |\n|---|---|---|---|---|---|---|\n")
        parts.extend(_row(each, words) for each in CATALOGUE if each.of is of)
    parts.append(f"\n## {words.labels_title}\n\n| {words.label_columns} |\n|---|---|---|---|\n")
    parts.extend(_label_row(label, of, words) for label, of in _labels())
    return "".join(parts)


def _row(each: Described, words: _Language) -> str:
    labels = ", ".join(f"`{name}`" for name in each.label_names) or "–"
    cells = (
        f"`{each.name}`",
        each.kind.value,
        words.units.get(each.unit, each.unit),
        labels,
        str(each.most_series),
        each.together.value,
        words.metrics.get(each.name, each.about),
    )
    return f"| {' | '.join(cells)} |\n"


def _labels() -> list[tuple[Label, list[str]]]:
    used: dict[str, tuple[Label, list[str]]] = {}
    for each in CATALOGUE:
        for label in each.labels:
            used.setdefault(repr(label), (label, []))[1].append(each.name)
    return list(used.values())


def _label_row(label: Label, of: list[str], words: _Language) -> str:
    values = ", ".join(f"`{value}`" for value in label.values) or words.at_most.format(label.at_most)
    if label.setting:
        values = words.at_most_setting.format(label.setting)
    about = words.labels.get(label.about, label.about)
    return f"| `{label.name}` | {', '.join(f'`{name}`' for name in of)} | {values} | {about} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    KOREAN_PAGE.write_text(korean_page(), encoding="utf-8")
