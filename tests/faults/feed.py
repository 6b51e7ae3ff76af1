"""Records for a fault run: plausible lives of many projects, with every trouble that rules and numbering know, and
records that are none. The same seed makes the same records.

Event time lies ahead of the clock on the wall (less than a worker would refuse), so that idle partitions' clocks, which
follow the wall, never matter: what comes out depends on the records alone.
"""

import json
import random
from collections.abc import Iterator
from typing import Any

import msgspec

AHEAD_MS = 20_000  # of the wall clock, at the beginning
SPAN_MS = 240_000  # of event time in one run; both together stay under the five minutes that are refused
PROJECTS = 60


class Record(msgspec.Struct, frozen=True):
    """What to send."""

    key: bytes | None
    value: bytes | None


class _Project:
    def __init__(self, name: str, rnd: random.Random) -> None:
        self.name = name
        self.next_number = 1
        self.episodes: dict[str, int] = {}
        self.lost: list[int] = []
        self.sequence = 0
        self.fails = rnd.choice((0.0, 0.0, 0.02, 0.2))
        self.fights = rnd.choice((0.0, 0.0, 0.05, 0.3))
        self.slow = rnd.choice((0.0, 0.0, 0.3))
        self.loses = rnd.choice((0.0, 0.0, 0.01, 0.05))


class Feed:
    """Makes records, `count` in all, from `start_ms` of event time on."""

    def __init__(self, seed: int, count: int, start_ms: int) -> None:
        self._rnd = random.Random(seed)
        self._count = count
        self._start_ms = start_ms + AHEAD_MS
        self._projects = [_Project(f"proj_{number:03d}", self._rnd) for number in range(PROJECTS)]
        self._made = 0
        self._events = 0

    def records(self) -> Iterator[Record]:
        """All of them, in order."""
        recent: list[Record] = []
        while self._made < self._count:
            for record in self._some():
                self._made += 1
                yield record
                recent.append(record)
            if self._rnd.random() < 0.02:
                yield self._rnd.choice(recent[-50:])  # sent again
            del recent[:-50]

    def _now_ms(self) -> int:
        jitter = self._rnd.choice((0, 0, 0, -400, -5_000, -30_000, -90_000))
        return self._start_ms + SPAN_MS * self._made // self._count + jitter

    def _some(self) -> list[Record]:
        rnd = self._rnd
        if rnd.random() < 0.01:
            return [self._useless()]
        project = rnd.choice(self._projects)
        kind = rnd.random()
        if kind < 0.03 and project.episodes:
            episode = rnd.choice(list(project.episodes))
            del project.episodes[episode]
            return [self._event(project, "episode.deleted", episode_id=episode)]
        if kind < 0.06 and project.episodes:
            episode = rnd.choice(list(project.episodes))
            number = rnd.choice([*project.lost, project.next_number])
            project.episodes[episode] = number
            return [self._event(project, "episode.renumbered", episode_id=episode, episode_number=number)]
        return self._creation(project)

    def _creation(self, project: _Project) -> list[Record]:
        rnd = self._rnd
        operation = f"op-{project.name}-{self._events}"
        duration = round(rnd.uniform(5.1, 9) if rnd.random() < project.slow else rnd.uniform(0.1, 2), 3)
        fought = rnd.random() < project.fights
        told: list[Record] = []
        if fought and rnd.random() < 0.7:
            told.append(self._event(project, "episode.creation_conflict", operation_id=operation))
        fields: dict[str, Any] = {"operation_id": operation, "duration_seconds": duration, "had_conflict": fought}
        if fought or rnd.random() < 0.03:
            fields["retry_count"] = rnd.randint(1, 3)
        if rnd.random() < project.fails:
            return [*told, self._event(project, "episode.creation_failed", error="boom", **fields)]
        if rnd.random() < project.loses:
            project.lost.append(project.next_number)
            project.next_number += 1
        number = project.next_number
        if project.lost and rnd.random() < 0.2:
            number = project.lost.pop()
        elif rnd.random() < project.loses and project.episodes:
            number = rnd.choice(list(project.episodes.values()))
        else:
            project.next_number += 1
        episode = f"ep-{project.name}-{self._events}"
        project.episodes[episode] = number
        fields |= {"episode_id": episode, "episode_number": number}
        return [*told, self._event(project, "episode.created", **fields)]

    def _event(self, project: _Project, kind: str, **fields: Any) -> Record:
        self._events += 1
        wire = {"event_id": f"ev-{self._events}", "type": kind, "project_id": project.name,
                "occurred_at": self._now_ms(), **fields}  # fmt: skip
        if self._events % 3 == 0:
            project.sequence += 1
            wire |= {"source": "svc", "sequence": project.sequence}
        return Record(project.name.encode(), json.dumps(wire).encode())

    def _useless(self) -> Record:
        key = self._rnd.choice(self._projects).name.encode()
        return self._rnd.choice(
            (
                Record(key, b"{not json"),
                Record(key, b'{"event_id": "x", "type": "episode.eaten", "project_id": "p", "occurred_at": 1}'),
                Record(key, b'{"event_id": "x", "type": "episode.created"}'),
                Record(key, b"x" * 70_000),
                Record(None, b"[]"),
                Record(key, None),
            )
        )
