"""The traffic of equal work: every kind of trouble is in it, and not only in a check."""

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from benchmarks.peers.shapes import Shape
from examples.load_driver.events import episode_events

MINUTES = 20  # of event time at the least: both windows fill and slide
RESENT, MOVED = 0.01, 0.002  # of the records
RECENT = 200  # from which one is sent again: fewer than what everybody remembers


@dataclass(frozen=True)
class TroubledShape(Shape):
    """Conflicts, failures, slow creations, holes, numbers given twice, deletions, renumberings, re-sends."""

    def records(self, operations: int) -> Iterator[tuple[bytes, bytes]]:
        """Key and value of each event, in the order of their time but for those that are sent again."""
        projects = min(self.projects, max(1, operations // 500))
        events = episode_events(
            2, projects, operations, self.conflict_ratio, 0.006, slow_ratio=0.04, lost_ratio=0.002, twice_ratio=0.002,
            undo_ratio=0.01, interval_ms=max(1.0, MINUTES * 60_000 / operations),
        )  # fmt: skip
        return _troubled(events)


def _troubled(events: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    chance = random.Random(16)
    recent: dict[bytes, deque[bytes]] = {}
    moving: dict[bytes, dict[str, object]] = {}  # an episode each; it moves at the project's next event
    for count, (key, value) in enumerate(events):
        yield key, value
        mine = recent.setdefault(key, deque(maxlen=RECENT))
        mine.append(value)
        created = moving.pop(key, None)
        if created and b'"episode.deleted"' not in value:
            yield key, _moved(created, msgspec.json.decode(value)["occurred_at"], f"moved-{count}", chance)
        drawn = chance.random()
        if drawn < RESENT:
            yield key, chance.choice(mine)
        elif drawn > 1 - MOVED and b'"episode.created"' in value:
            moving[key] = msgspec.json.decode(value)


def _moved(created: dict[str, object], occurred_at: str, event_id: str, chance: random.Random) -> bytes:
    """The episode gets the number beside its own; half of the events say which one it had."""
    number = created["episode_number"]
    assert isinstance(number, int)
    moved: dict[str, object] = {
        "event_id": event_id,
        "type": "episode.renumbered",
        "project_id": created["project_id"],
        "occurred_at": occurred_at,
        "episode_id": created["episode_id"],
        "episode_number": max(1, number + chance.choice((-1, 1))),
    }
    if chance.random() < 0.5:
        moved["old_number"] = number
    return msgspec.json.encode(moved)


EQUAL = TroubledShape("equal", "1 000 projects with every kind of trouble", 1000, conflict_ratio=0.04)
