"""Producers whose clocks are wrong: a feed's events bear other times, each project's by a clock of its own.

A record's own time stays right, as that of a broker, or of a machine other than the one whose clock made the event's.
Where a project has several producers, all that is told of one attempt and its episode comes from the same one.
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
    """From the wall clock on: almost the five minutes that are taken, at the end of a run."""
    return at_ms + BEHIND_MS + 20_000


def _behind(at_ms: int, start_ms: int) -> int:
    return at_ms - BEHIND_BY_MS


def _jumps(at_ms: int, start_ms: int) -> int:
    """It is set ahead in the middle of a run."""
    return at_ms + (BEHIND_MS if at_ms > start_ms + SPAN_MS // 2 else 0)


CLOCKS: tuple[Callable[[int, int], int], ...] = (_jumps, _right, _ahead, _behind)


class _Several:
    """Three producers of one project, whose clocks are apart."""

    def __init__(self) -> None:
        self._attempts: dict[str, str] = {}  # of an episode

    def time_of(self, wire: dict[str, Any]) -> int:
        """When its producer says that it happened."""
        attempt: str = wire.get("operation_id") or self._attempts.get(wire["episode_id"], wire["episode_id"])
        if "episode_id" in wire:
            self._attempts.setdefault(wire["episode_id"], attempt)
        return int(wire["occurred_at"]) + (sum(attempt.encode()) % 3 - 1) * APART_MS


def skewed(records: Iterable[Record], wall_ms: int) -> Iterator[Record]:
    """The same records by wrong clocks. `wall_ms`: what the feed was begun with."""
    several = _Several()
    for record in records:
        try:
            wire = json.loads(record.value or b"")
            number, at_ms = int(wire["project_id"].removeprefix("proj_")), wire["occurred_at"]
        except (ValueError, TypeError, KeyError):
            yield record
            continue
        # Of a feed's projects that four divides nothing arrives out of order; a jump would make others late.
        if number % 4 == 3:
            wire["occurred_at"] = several.time_of(wire)
        else:
            clock = _jumps if number % 12 == 0 else CLOCKS[1 + number % 4]
            wire["occurred_at"] = clock(at_ms, wall_ms - BEHIND_MS)
        yield Record(record.key, json.dumps(wire).encode())
