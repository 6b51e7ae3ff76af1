"""Producers with wrong clocks: the events of a feed get other times, each project's by a clock of its own.

A record's own time stays right, as if a broker, or another machine than the event's, had set it. Where a project has
several producers, all events of one attempt and its episode come from the same one.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from faults.feed import BEHIND_MS, SPAN_MS, Record

BEHIND_BY_MS = 600_000
APART_MS = 12_000  # with the longest delay of a feed within the grace


def _right(at_ms: int, start_ms: int) -> int:
    return at_ms


def _ahead(at_ms: int, start_ms: int) -> int:
    """From the wall clock on: at the end of a run almost the five minutes that are tolerated."""
    return at_ms + BEHIND_MS + 20_000


def _behind(at_ms: int, start_ms: int) -> int:
    return at_ms - BEHIND_BY_MS


def _jumps(at_ms: int, start_ms: int) -> int:
    """The clock is set ahead in the middle of a run."""
    return at_ms + (BEHIND_MS if at_ms > start_ms + SPAN_MS // 2 else 0)


CLOCKS: tuple[Callable[[int, int], int], ...] = (_jumps, _right, _ahead, _behind)


class _Several:
    """Three producers of one project, whose clocks are apart."""

    def __init__(self) -> None:
        self._attempts: dict[str, str] = {}  # of an episode

    def time_of(self, wire: dict[str, Any]) -> int:
        """The event time by its producer's clock."""
        attempt: str = wire.get("operation_id") or self._attempts.get(wire["episode_id"], wire["episode_id"])
        if "episode_id" in wire:
            self._attempts.setdefault(wire["episode_id"], attempt)
        return int(wire["occurred_at"]) + (sum(attempt.encode()) % 3 - 1) * APART_MS


def skewed(records: Iterable[Record], wall_ms: int) -> Iterator[Record]:
    """The same records by wrong clocks. `wall_ms`: the start time of the feed."""
    several = _Several()
    for record in records:
        try:
            wire = json.loads(record.value or b"")
            number, at_ms = int(wire["project_id"].removeprefix("proj_")), wire["occurred_at"]
        except (ValueError, TypeError, KeyError):
            yield record
            continue
        # Projects whose number four divides are in order; in others a jump would make events late.
        if number % 4 == 3:
            wire["occurred_at"] = several.time_of(wire)
        else:
            clock = _jumps if number % 12 == 0 else CLOCKS[1 + number % 4]
            wire["occurred_at"] = clock(at_ms, wall_ms - BEHIND_MS)
        yield Record(record.key, json.dumps(wire).encode())
