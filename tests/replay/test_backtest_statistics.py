"""A backtest of rules with statistics, and of rules on all projects, with firings and lengths by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.replay.support import NOON_MS
from tests.system.test_commands import run

LITERAL = "threshold: 15%, window_minutes: 15"
UNTIL = "2025-10-09T10:00:00Z"  # an hour after the first event


def written(tmp_path: Path, keys: str) -> str:
    """A file with one rule that has these keys."""
    path = tmp_path / f"{abs(hash(keys))}.yaml"
    path.write_text(f"rules:\n  - {{rule_id: r, alert_type: HIGH_FAILURE_RATE, severity: warning, {keys}}}\n")
    return str(path)


def event(second: int, project: str, *, is_good: bool) -> str:
    """An operation of its own."""
    kind = "creation_succeeded" if is_good else "creation_failed"
    return json.dumps({"event_id": f"{project}-{second}", "type": f"episode.{kind}", "project_id": project,
                       "occurred_at": NOON_MS + second * 1000})  # fmt: skip


def backtest(tmp_path: Path, old: str, new: str, lines: list[str]) -> tuple[Any, Any]:
    """Firings and their seconds under the old and the new rule."""
    events = tmp_path / "events.jsonl"
    events.write_text("".join(f"{line}\n" for line in lines))
    ran = run(
        "rules", "backtest", written(tmp_path, new), "--rules", written(tmp_path, old), "--jsonl", str(events),
        "--until", UNTIL, "--json",
    )  # fmt: skip
    sides = [ran.json[side]["rules"][0]["statistics"] for side in ("old", "new")]
    return tuple((side["firings"], side["seconds"]) for side in sides)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        # 20 of 100 are above 13.3 % for sure, 20 of 90 above 14.9 %, and 20 of 89 above 15.05 %: that is at second 910
        (f"{LITERAL}, confidence: 95%", (1, 149.0)),
        # above 10 % with 9 of 89, at second 88; the last failure leaves the short window at 399, final at 459
        ("burn_rate: {objective: 99%, factor: 10, long: 1h, short: 5m}", (1, 371.0)),
        # 39, 78, 100 with the third failure, at second 82; nothing happens any more, so that it fires to the end
        ("cusum: {in_control: 1%, out_of_control: 5%, limit: 100}", (1, 3518.0)),
    ],
    ids=["confidence", "burn_rate", "cusum"],
)  # fmt: skip
def test_a_rule_with_statistics_beside_a_literal_threshold(
    keys: str, expected: tuple[int, float], tmp_path: Path
) -> None:
    """80 good operations, one a second, then 20 that fail. 15 of 95 are 15.8 %, at second 94; the last good one leaves
    the window of 15 minutes at 979, the last failure at 999, which is final at 1059."""
    lines = [event(second, "api", is_good=second < 80) for second in range(100)]
    assert backtest(tmp_path, LITERAL, keys, lines) == ((1, 965.0), expected)


def test_a_rule_on_all_projects_beside_the_same_on_each(tmp_path: Path) -> None:
    """Of ten projects one fails always, at second 9: 100 % of its own operations, 10 % of all."""
    lines = [event(second, f"p{second}", is_good=second < 9) for second in range(10)]
    old, new = backtest(tmp_path, "threshold: 9%, window_minutes: 5", "threshold: 9%, window_minutes: 5, scope: fleet",
                        lines)  # fmt: skip
    assert old == (1, 360.0)  # the window and the grace
    assert new == (1, 300.0)  # from the end of second 9 to the end of second 309
