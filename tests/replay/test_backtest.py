"""A backtest of two files: how often and how long each fired, and what changes; expected values by hand."""

from pathlib import Path
from typing import Any

import pytest

from episode_monitor.replay.backtest_firings import Firing, FiringLog, at_night, night_of
from episode_monitor.replay.backtest_statistics import Fired, changes, over_range
from episode_monitor.replay.ranges import BadRange
from models.alert import FINDINGS_ROSE, Alert, AlertStatus, Severity
from streams.alerting.rule_parsing import parse_rules
from streams.alerting.rules import RuleSet
from streams.base.night import Night
from tests.alert_sinks.support import an_alert
from tests.replay.test_replay import line
from tests.system.test_commands import run

MINUTE_MS = 60_000
EVENING_MS = 1_760_045_400_000  # 2025-10-09T21:30:00Z
UTC_NIGHT = Night(22, 7, "UTC")


def rule(rule_id: str, **keys: Any) -> dict[str, Any]:
    return {
        "rule_id": rule_id, "alert_type": "HIGH_FAILURE_RATE", "severity": "warning", "threshold": 1,
        "window_minutes": 5, **keys,
    }  # fmt: skip


def firing(rule_id: str, project: str, start: int, end: int | None, severity: Severity = Severity.WARNING) -> Firing:
    """Minutes after half past nine in the evening."""
    end_ms = None if end is None else EVENING_MS + end * MINUTE_MS
    return Firing(rule_id, "HIGH_FAILURE_RATE", project, severity, EVENING_MS + start * MINUTE_MS, end_ms)


def fired(*firings: Firing, rules: list[dict[str, Any]] | None = None) -> Fired:
    rule_set = RuleSet(parse_rules({"rules": rules or [rule("r")]}))
    return Fired("file", rule_set, list(firings), 0, EVENING_MS + 100 * MINUTE_MS)


def test_firings_are_counted_by_rule_and_in_total_with_their_lengths_nights_and_projects() -> None:
    found = over_range(
        fired(
            firing("r", "a", 0, 10), firing("r", "a", 40, 44), firing("r", "b", 50, None), firing("q", "a", 29, 31),
            rules=[rule("r"), rule("q"), rule("calm")],
        ),
        UTC_NIGHT,
    )  # fmt: skip
    first = found.rules[0].statistics
    assert (first.firings, first.seconds, first.median_seconds, first.longest_seconds) == (3, 3840.0, 600.0, 3000.0)
    assert (first.at_night, first.still_firing, first.projects) == (2, 1, 2)
    assert [(one.project_id, one.firings, one.seconds) for one in first.worst_projects] == [
        ("b", 1, 3000.0), ("a", 2, 840.0),
    ]  # fmt: skip
    assert (found.total.firings, found.total.at_night, found.total.seconds) == (4, 2, 3960.0)
    assert found.never_fired == ["calm"]


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ((0, 10), (0, 10), {"same": 1}),
        ((0, 10), None, {"only_old": 1}),
        (None, (0, 10), {"only_new": 1}),
        ((5, 10), (3, 10), {"earlier": 1, "longer": 1}),
        ((5, 10), (6, 11), {"later": 1}),
        ((5, 10), (5, 8), {"shorter": 1}),
        ((5, 10), (11, 12), {"only_old": 1, "only_new": 1}),
        ((5, 10), (10, 15), {"later": 1}),
        ((5, None), (5, 10), {"shorter": 1}),
        ((5, None), (5, None), {"same": 1}),
    ],
)
def test_firings_that_overlap_belong_together(
    old: tuple[int, int] | None, new: tuple[int, int] | None, counts: dict[str, int]
) -> None:
    sides = [fired() if span is None else fired(firing("r", "a", *span)) for span in (old, new)]
    (found,) = changes(*sides)
    names = ("same", "only_old", "only_new", "earlier", "later", "longer", "shorter", "severity")
    assert {name: getattr(found, name) for name in names if getattr(found, name)} == counts


def test_one_firing_that_becomes_two_is_a_shorter_one_and_a_new_one() -> None:
    (found,) = changes(fired(firing("r", "a", 0, 30)), fired(firing("r", "a", 0, 10), firing("r", "a", 20, 30)))
    assert [one.what for one in found.firings] == [["shorter"], ["only_new"]]


def test_rules_are_added_removed_changed_or_the_same() -> None:
    old = fired(firing("gone", "a", 0, 1), rules=[rule("stays"), rule("gone"), rule("moves")])
    new = fired(
        firing("moves", "a", 0, 1, Severity.CRITICAL),
        rules=[rule("moves", severity="critical"), rule("stays"), rule("new")],
    )
    old.firings.append(firing("moves", "a", 0, 1))
    assert [(one.rule_id, one.kind, one.only_old, one.severity) for one in changes(old, new)] == [
        ("moves", "changed", 0, 1), ("stays", "same", 0, 0), ("new", "added", 0, 0), ("gone", "removed", 1, 0),
    ]  # fmt: skip


def test_the_night_is_that_of_the_time_zone() -> None:
    half_past_six_in_seoul = firing("r", "a", 0, 1)
    assert at_night([half_past_six_in_seoul], UTC_NIGHT) == 0
    assert at_night([half_past_six_in_seoul], Night(22, 7, "Asia/Seoul")) == 1
    assert at_night([half_past_six_in_seoul], Night(6, 7, "Asia/Seoul")) == 1
    assert at_night([half_past_six_in_seoul], Night(7, 22, "Asia/Seoul")) == 0


@pytest.mark.parametrize("text", ["", "22", "22-24", "a-b", "22-07-09", "-1-5"])
def test_hours_that_are_no_night_are_refused(text: str) -> None:
    with pytest.raises(BadRange, match="--night"):
        night_of(text, "UTC")


def transition(status: AlertStatus, at: int, reason: str = "threshold_crossed", project: str = "a") -> Alert:
    return an_alert(
        rule_id="r", project_id=project, status=status, updated_at_ms=EVENING_MS + at * MINUTE_MS,
        reason=reason,
    )  # fmt: skip


def minute(at_ms: int) -> int:
    return (at_ms - EVENING_MS) // MINUTE_MS


def test_a_firing_begins_and_ends_with_its_transitions() -> None:
    log = FiringLog()
    log.note([
        transition(AlertStatus.PENDING, 0), transition(AlertStatus.RESOLVED, 1),  # ended before it fired
        transition(AlertStatus.PENDING, 2), transition(AlertStatus.FIRING, 3),
        transition(AlertStatus.FIRING, 8, FINDINGS_ROSE),
        transition(AlertStatus.RESOLVED, 9), transition(AlertStatus.FIRING, 12),
    ])  # fmt: skip
    minutes = [
        (
            (one.start_ms - EVENING_MS) // MINUTE_MS,
            one.end_ms and (one.end_ms - EVENING_MS) // MINUTE_MS,
        )
        for one in log.firings
    ]
    assert minutes == [(3, 9), (12, None)]


def test_firings_beyond_the_bound_are_only_counted() -> None:
    log = FiringLog(most=2)
    for project in ("a", "b", "c", "d"):
        log.note(
            [transition(AlertStatus.FIRING, 0, project=project), transition(AlertStatus.RESOLVED, 1, project=project)]
        )
    assert ([one.project_id for one in log.firings], log.left_out) == (["a", "b"], 2)


# --- by command


FAILURES = "rules:\n  - {{rule_id: f, alert_type: HIGH_FAILURE_RATE, severity: {}, threshold: {}, window_minutes: 5}}\n"


def written(tmp_path: Path) -> tuple[str, str, str]:
    """Events of which one in two, then one in three and one in four fails; rules above 10 % and above 40 %."""
    events, strict, lax = tmp_path / "events.jsonl", tmp_path / "strict.yaml", tmp_path / "lax.yaml"
    events.write_bytes(line(1) + line(2, kind="episode.creation_failed") + line(3) + line(4) + b"useless\n")
    strict.write_text(FAILURES.format("critical", "10%"))
    lax.write_text(FAILURES.format("warning", "40%"))
    return str(events), str(strict), str(lax)


def test_two_files_of_rules_are_compared_over_the_same_events(tmp_path: Path) -> None:
    events, strict, lax = written(tmp_path)
    ran = run(
        "rules", "backtest", strict, "--rules", lax, "--jsonl", events, "--until", "2025-10-09T10:00:00Z", "--json"
    )
    assert ran.code == 1, ran.err
    result = ran.json
    assert (result["events"], result["dead_letters"], result["equal"]) == (5, {"malformed_json": 1}, False)
    old, new = result["old"]["rules"][0]["statistics"], result["new"]["rules"][0]["statistics"]
    assert (old["firings"], old["seconds"]) == (1, 61.0)  # it is final after a minute
    assert (new["firings"], new["seconds"]) == (1, 360.0)  # a minute after the failure has left the window
    (change,) = result["changes"]
    assert (change["kind"], change["longer"], change["severity"], change["same"]) == ("changed", 1, 1, 0)
    assert change["firings"][0]["what"] == ["longer", "severity"]
    assert change["firings"][0]["old"] == {
        "started_at": "2025-10-09T09:00:02.000Z", "ended_at": "2025-10-09T09:01:03.000Z", "severity": "warning",
    }  # fmt: skip
    assert "alerts" not in result


def test_a_backtest_is_shown_as_tables_and_sentences(tmp_path: Path) -> None:
    events, strict, lax = written(tmp_path)
    range_of = ("--jsonl", events, "--until", "2025-10-09T10:00:00Z")
    ran = run("rules", "backtest", strict, "--rules", lax, *range_of, "--transitions")
    assert "0:01:01 → " in ran.out
    assert f"5 events; old rules: {lax} (" in ran.out
    assert "longer, severity" in ran.out
    assert ran.err == (
        "Dead letters: malformed_json 1\nExit code 1: 1 dead letter in this range, and firings differ.\n"
    )


def test_the_exit_code_says_whether_firings_differ_and_without_old_rules_whether_there_are_any(
    tmp_path: Path,
) -> None:
    events, strict, lax = written(tmp_path)
    Path(events).write_bytes(Path(events).read_bytes().removesuffix(b"useless\n"))
    assert run("rules", "backtest", strict, "--rules", strict, "--jsonl", events).code == 0
    assert run("rules", "backtest", strict, "--rules", lax, "--jsonl", events).code == 1
    same = run("rules", "backtest", strict, "--jsonl", events, "--json", RULES_FILE=strict)
    assert (same.code, same.json["old"]["source"], same.json["new"]["source"]) == (1, "in force", strict)
    assert same.json["old"]["total"] == same.json["new"]["total"]
    assert (same.json["new"]["total"]["firings"], same.err) == (1, "Exit code 1: the new rules have 1 firing.\n")
    Path(lax).write_text(FAILURES.format("warning", "60%"))
    assert run("rules", "backtest", lax, "--jsonl", events).code == 0


def test_a_broken_file_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    _, strict, _ = written(tmp_path)
    broken = tmp_path / "broken.yaml"
    broken.write_text(FAILURES.format("loud", "10%"))
    missing = run("rules", "backtest", str(tmp_path / "none"))
    assert missing.err == f"episode-monitor: {tmp_path / 'none'} cannot be read: No such file or directory.\n"
    for option, words in (("", (str(broken),)), ("--rules ", (strict, "--rules", str(broken)))):
        ran = run("rules", "backtest", *words)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith(f"episode-monitor: {option}{broken}, line 2: Rule f has an unknown `severity`")
    assert run("rules", "backtest", strict, "--night", "late").code == 2
