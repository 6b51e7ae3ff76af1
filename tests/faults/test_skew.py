"""Wrong clocks of a fault run: each project has the one that it should, and none makes what the oracle cannot judge."""

import json
from collections import defaultdict
from typing import Any

from faults.feed import SPAN_MS, Feed
from faults.skew import skewed
from models.event import FUTURE_TOLERANCE_MS

WALL_MS = 1_760_000_000_000


def events(*, wrong: bool) -> list[dict[str, Any]]:
    """What the same feed's events say, by right clocks or by wrong ones, in the order of their arrival."""
    records = list(Feed(7, 1_200, WALL_MS).records())
    found = [json.loads(record.value or b"0") for record in (skewed(records, WALL_MS) if wrong else records)
             if (record.value or b"").startswith(b'{"event_id": "ev-')]  # fmt: skip
    assert len(found) > 1_000
    return found


def shifts() -> dict[int, list[tuple[dict[str, Any], int]]]:
    """Project -> its events, and by how many seconds the time of each is off."""
    by_project = defaultdict(list)
    for right, wrong in zip(events(wrong=False), events(wrong=True), strict=True):
        assert wrong | {"occurred_at": right["occurred_at"]} == right
        shift = (wrong["occurred_at"] - right["occurred_at"]) // 1000
        by_project[int(right["project_id"].removeprefix("proj_"))].append((right, shift))
    return by_project


def test_clocks_are_right_ahead_behind_set_once_or_several() -> None:
    found = {number: {shift for _, shift in shifted} for number, shifted in shifts().items()}
    assert found[4] == {0}
    assert found[1] == {270}
    assert found[2] == {-600}
    assert found[12] == {0, 250}
    assert found[3] == {-12, 0, 12}


def test_a_clock_that_is_set_ahead_stays_so() -> None:
    shifted = [shift for _, shift in shifts()[12]]
    assert shifted == sorted(shifted)


def test_nothing_is_further_ahead_than_is_taken() -> None:
    latest_ms = max(wire["occurred_at"] for wire in events(wrong=True))
    assert WALL_MS + SPAN_MS // 2 < latest_ms < WALL_MS + FUTURE_TOLERANCE_MS


def test_all_events_of_an_attempt_and_its_episode_come_by_one_clock() -> None:
    by_name: dict[str, set[int]] = defaultdict(set)
    for number, shifted in shifts().items():
        if number % 4 == 3:
            for wire, shift in shifted:
                by_name[wire.get("episode_id") or wire["operation_id"]].add(shift)
                if "operation_id" in wire:
                    by_name[wire["operation_id"]].add(shift)
    assert {len(seen) for seen in by_name.values()} == {1}
    assert len(by_name) > 100
