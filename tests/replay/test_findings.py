"""Each finding of a replay names its numbers, its times, and the records that opened and closed it."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from episode_monitor.replay.file_source import LinesSource
from episode_monitor.replay.findings import ReplayFinding
from episode_monitor.replay.offset_intervals import Piece, put, take, within
from episode_monitor.replay.report import Report
from episode_monitor.replay.run import replay
from testbed.worker_process import make_core

NOON_MS = 1_760_000_400_000  # 2025-10-09T09:00:00Z


def event(at_seconds: int, kind: str, episode: str, number: int | None = None) -> bytes:
    fields: dict[str, Any] = {
        "event_id": f"{at_seconds}-{kind}-{episode}-{number}", "type": f"episode.{kind}", "project_id": "p",
        "occurred_at": NOON_MS + at_seconds * 1000, "episode_id": episode,
    }  # fmt: skip
    return json.dumps(fields if number is None else fields | {"episode_number": number}).encode()


def report_of(lines: list[bytes], until_ms: int | None = None) -> Report:
    return asyncio.run(replay(make_core(), LinesSource(lines, NOON_MS + 36_000_000), until_ms))


def short(finding: ReplayFinding) -> tuple[object, ...]:
    numbers = (finding.first_number, finding.last_number)
    return (finding.state, finding.kind, *numbers, finding.first_offset, finding.last_offset)


def test_findings_have_numbers_times_and_the_records_that_opened_and_closed_them() -> None:
    lines = [
        event(0, "created", "a", 1),
        event(1, "created", "c", 6),
        event(2, "created", "e", 6),
        event(202, "created", "f", 7),
        event(203, "created", "g", 3),
        event(204, "deleted", "e"),
        event(205, "created", "h", 9),
        event(205, "created", "i", 9000),
    ]
    report = report_of(lines)
    assert [short(each) for each in report.findings] == [
        ("open", "gap", 2, 2, 1, None),
        ("open", "gap", 4, 5, 1, None),
        ("suspect", "gap", 8, 8, 6, None),
        ("suspect", "implausible_jump", 9000, 9000, 7, None),
        ("closed", "gap", 3, 3, 1, 4),
        ("closed", "duplicate", 6, 6, 2, 5),
    ]
    assert (report.gaps, report.duplicates, report.suspects, report.findings_total) == (3, 0, 2, 6)
    opened, suspect, closed = report.findings[0], report.findings[2], report.findings[4]
    assert (opened.since, opened.opened_at, opened.closed_at) == (
        "2025-10-09T09:00:01.000Z", "2025-10-09T09:01:01.000Z", None,
    )  # fmt: skip
    assert (suspect.since, suspect.opened_at, suspect.settles_at) == (
        "2025-10-09T09:03:25.000Z", None, "2025-10-09T09:04:25.000Z",
    )  # fmt: skip
    assert (closed.opened_at, closed.closed_at) == ("2025-10-09T09:01:01.000Z", "2025-10-09T09:03:23.000Z")
    later = report_of(lines, NOON_MS + 400_000)
    assert short(later.findings[2]) == ("open", "gap", 8, 8, 6, None)
    assert (later.gaps, later.suspects) == (4, 1)


def test_a_duplicate_names_the_episodes_that_hold_the_number() -> None:
    report = report_of([event(0, "created", "a", 1), event(1, "created", "b", 1), event(2, "created", "c", 1)])
    assert [(short(each), each.episodes) for each in report.findings] == [
        (("suspect", "duplicate", 1, 1, 1, None), ["a", "b", "c"])
    ]


def test_a_gap_that_ends_because_the_highest_number_falls_is_closed_by_that_record() -> None:
    lines = [event(0, "created", "a", 1), event(1, "created", "b", 4), event(100, "created", "a2", 1)]
    report = report_of([*lines, event(101, "deleted", "b")])
    assert [short(each) for each in report.findings if each.kind == "gap"] == [("closed", "gap", 2, 3, 1, 3)]


def test_findings_of_very_many_are_cut_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    from episode_monitor.replay import report as report_module

    monkeypatch.setattr(report_module, "MAX_FINDINGS", 2)
    report = report_of([event(n, "created", str(n), 2 * n) for n in range(1, 6)], NOON_MS + 500_000)
    assert (len(report.findings), report.findings_total, report.gaps) == (2, 5, 5)


# --- against what every prefix of the records leaves

STEPS = st.lists(
    st.tuples(
        st.integers(0, 40), st.sampled_from(["created", "deleted", "renumbered"]), st.sampled_from("abcdef"),
        st.integers(1, 9),
    ),
    max_size=25,
)  # fmt: skip


def numbers_of(report: Report, *states: str) -> set[tuple[str, int]]:
    return {
        (each.kind, number)
        for each in report.findings
        if each.state in states
        for number in range(each.first_number, each.last_number + 1)
    }


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_the_records_named_are_those_at_which_the_numbers_changed(steps: list[tuple[int, str, str, int]]) -> None:
    at, lines = 0, []
    for place, (pause, kind, episode, number) in enumerate(steps):
        at += pause
        lines.append(event(at, kind, f"{episode}{place}" if kind == "created" else f"{episode}{number}", number))
    prefixes = [numbers_of(report_of(lines[:end]), "open", "suspect") for end in range(len(lines) + 1)]
    for each in report_of(lines).findings:
        assert each.first_offset is not None
        numbers = {(each.kind, number) for number in range(each.first_number, each.last_number + 1)}
        end = len(lines) if each.last_offset is None else each.last_offset
        assert not numbers & prefixes[each.first_offset]
        assert all(numbers <= prefix for prefix in prefixes[each.first_offset + 1 : end + 1])
        assert each.last_offset is None or not numbers & prefixes[end + 1]
    assert numbers_of(report_of(lines), "open", "suspect") == prefixes[-1]


# --- intervals with offsets


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 30), st.integers(0, 9), st.integers(0, 99))))
def test_intervals_with_offsets_are_a_dictionary_of_numbers(steps: list[tuple[bool, int, int, int]]) -> None:
    pieces: list[Piece] = []
    plain: dict[int, int] = {}
    for is_put, first, more, offset in steps:
        span = range(first, first + more + 1)
        if is_put:
            put(pieces, span[0], span[-1], offset)
            plain |= dict.fromkeys(span, offset)
        else:
            assert flat(take(pieces, span[0], span[-1])) == {n: plain.pop(n) for n in span if n in plain}
        assert flat(pieces) == plain
        assert pieces == sorted(pieces)
        assert flat(within(pieces, 5, 12)) == {n: since for n, since in plain.items() if 5 <= n <= 12}


def flat(pieces: list[Piece]) -> dict[int, int]:
    return {number: offset for first, last, offset in pieces for number in range(first, last + 1)}
