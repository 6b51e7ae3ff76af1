"""Records for a fault run: plausible events of many projects, with every trouble that rules and numbering know, and
records that are no events. The same seed makes the same records.

Event time lies behind the wall clock, which therefore bounds nothing, and workers of a fault run let no idle partition
follow it: the outcome depends on the records alone. Some events arrive out of order, a few of them after the grace.
"""

import json
import random
from collections.abc import Iterator
from typing import Any

import msgspec

SPAN_MS = 230_000  # of event time in one run
BEHIND_MS = SPAN_MS + 20_000  # the wall clock, at the beginning
WITHIN_GRACE_MS = (400, 5_000, 30_000)
TOO_LATE_MS = 90_000
PROJECTS = 60


class Record(msgspec.Struct, frozen=True):
    """What to send."""

    key: bytes | None
    value: bytes | None


class _Project:
    """`orderly`: its events come in the order in which they happened. `calm`: nothing happens that raises alerts."""

    def __init__(self, name: str, rnd: random.Random, *, orderly: bool, calm: bool) -> None:
        self.name = name
        self.calm = calm
        self.orderly = orderly
        self.ahead_ms = 0
        self.next_number = 1
        self.episodes: dict[str, int] = {}
        self.lost: list[int] = []
        self.sequence = 0
        self.fails = 0.0 if calm else rnd.choice((0.0, 0.0, 0.02, 0.2))
        self.fights = 0.0 if calm else rnd.choice((0.0, 0.0, 0.05, 0.3))
        self.slow = 0.0 if calm else rnd.choice((0.0, 0.0, 0.3))
        self.loses = 0.0 if calm else rnd.choice((0.0, 0.0, 0.01, 0.05))
        self.arrivals: dict[str, int] = {}  # episode or operation -> arrival of its last event; none overtakes another


class Feed:
    """Makes at least `count` records of `projects` projects, from a little after `start_ms` of event time on. `calm`:
    nothing happens that raises alerts. `ahead_ms`: how far the clock of every third project's producer is ahead."""

    def __init__(
        self, seed: int, count: int, start_ms: int, *, projects: int = PROJECTS, calm: bool = False, ahead_ms: int = 0
    ) -> None:
        self._rnd = random.Random(seed)
        self._count = count
        self._start_ms = start_ms - BEHIND_MS
        self._projects = [
            _Project(f"proj_{number:03d}", self._rnd, orderly=calm or number % 4 == 0, calm=calm)
            for number in range(projects)
        ]
        for project in self._projects[::3]:
            project.ahead_ms = ahead_ms
        self._due: list[tuple[int, int, Record]] = []
        self._events = 0
        self._now_ms = self._start_ms

    def records(self) -> Iterator[Record]:
        """All of them, in the order in which they arrive."""
        made = 0
        while len(self._due) < self._count:
            self._now_ms = self._start_ms + SPAN_MS * made // self._count
            self._happen()
            made = len(self._due)
        recent: list[Record] = []
        for _, _, record in sorted(self._due):
            yield record
            recent = [*recent[-49:], record]
            if self._rnd.random() < 0.02:
                yield self._rnd.choice(recent)  # sent again

    def _happen(self) -> None:
        rnd = self._rnd
        if rnd.random() < 0.01:
            self._put(self._useless(), self._now_ms)
            return
        project = rnd.choice(self._projects)
        kind = 1.0 if project.calm else rnd.random()
        if kind < 0.03 and project.episodes:
            episode = rnd.choice(list(project.episodes))
            del project.episodes[episode]
            self._emit(project, "episode.deleted", episode_id=episode)
        elif kind < 0.06 and project.episodes:
            episode = rnd.choice(list(project.episodes))
            number = rnd.choice([*project.lost, project.next_number])
            project.next_number = max(project.next_number, number + 1)
            project.episodes[episode] = number
            self._emit(project, "episode.renumbered", episode_id=episode, episode_number=number)
        else:
            self._create(project)

    def _create(self, project: _Project) -> None:
        rnd = self._rnd
        operation = f"op-{project.name}-{self._events}"
        duration = round(rnd.uniform(5.1, 9) if rnd.random() < project.slow else rnd.uniform(0.1, 2), 3)
        fought = rnd.random() < project.fights
        if fought and rnd.random() < 0.7:
            self._emit(project, "episode.creation_conflict", operation_id=operation)
        fields: dict[str, Any] = {"operation_id": operation, "duration_seconds": duration, "had_conflict": fought}
        if fought or rnd.random() < 0.03:
            fields["retry_count"] = rnd.randint(1, 3)
        if rnd.random() < project.fails:
            self._emit(project, "episode.creation_failed", error="boom", late=not fought, **fields)
            return
        if rnd.random() < project.loses:
            project.lost.append(project.next_number)
            project.next_number += 1
        number = self._number(project)
        episode = f"ep-{project.name}-{self._events}"
        late = not fought and not project.orderly and rnd.random() < 0.01
        if not late:  # no later event may name an episode whose creation comes too late
            project.episodes[episode] = number
        self._emit(project, "episode.created", late=late, episode_id=episode, episode_number=number, **fields)

    def _number(self, project: _Project) -> int:
        rnd = self._rnd
        if project.lost and rnd.random() < 0.2:
            return project.lost.pop()
        if rnd.random() < project.loses and project.episodes:
            return rnd.choice(list(project.episodes.values()))
        project.next_number += 1
        return project.next_number - 1

    def _emit(self, project: _Project, kind: str, *, late: bool = False, **fields: Any) -> None:
        rnd = self._rnd
        self._events += 1
        wire = {"event_id": f"ev-{self._events}", "type": kind, "project_id": project.name,
                "occurred_at": self._now_ms + project.ahead_ms, **fields}  # fmt: skip
        if self._events % 3 == 0:
            project.sequence += 1
            wire |= {"source": "svc", "sequence": project.sequence}
        delay_ms = 0
        if late and not project.orderly and rnd.random() < 0.3:
            delay_ms = TOO_LATE_MS
        elif not project.orderly and rnd.random() < 0.1:
            delay_ms = rnd.choice(WITHIN_GRACE_MS)
        chains = [f"{name} {fields[name]}" for name in ("episode_id", "operation_id") if name in fields]
        arrives_ms = max([self._now_ms + delay_ms, *(project.arrivals.get(chain, 0) for chain in chains)])
        project.arrivals |= dict.fromkeys(chains, arrives_ms)
        self._put(Record(project.name.encode(), json.dumps(wire).encode()), arrives_ms)

    def _put(self, record: Record, arrives_ms: int) -> None:
        self._due.append((arrives_ms, len(self._due), record))

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
