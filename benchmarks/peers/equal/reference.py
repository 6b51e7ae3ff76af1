"""The job in plain Python, over the same records: what every contender must have come to, project by project.

Events come in the order of their time, but for those that are sent again.
"""

import math
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

REMEMBERED = 256  # event ids of a project
LONG_SECONDS, SHORT_SECONDS = 900, 600
SLOW_SECONDS = 5.0
FAILURES, CONFLICTS, SLOW, INTEGRITY = 1, 2, 4, 8
COUNTED = ("ended", "failed", "conflicted", "slow", "retried")

Counts = tuple[int, ...]  # in the order of COUNTED
NONE: Counts = (0,) * len(COUNTED)


class Event(msgspec.Struct):
    """The fields that the job reads."""

    event_id: str
    type: str
    occurred_at: str
    episode_id: str = ""
    episode_number: int = 0
    old_number: int = 0
    duration_seconds: float = 0.0
    retry_count: int = 0
    had_conflict: bool = False


class Panes:
    """Counts by a unit of time with the sums of both windows. A window holds its newest pane and those before it."""

    def __init__(self, unit_ms: int) -> None:
        self._unit_ms = unit_ms
        self._spans = (LONG_SECONDS * 1000 // unit_ms, SHORT_SECONDS * 1000 // unit_ms)
        self._sums = [list(NONE), list(NONE)]
        self._waiting: tuple[deque[tuple[int, Counts]], ...] = (deque(), deque())  # to leave each window

    def advance(self, at_ms: int) -> None:
        """Let go what a window no longer holds."""
        newest = at_ms // self._unit_ms
        for span, sums, waiting in zip(self._spans, self._sums, self._waiting, strict=True):
            while waiting and waiting[0][0] <= newest - span:
                _add(sums, waiting.popleft()[1], -1)

    def add(self, at_ms: int, counts: Counts) -> None:
        """What ended now."""
        for sums, waiting in zip(self._sums, self._waiting, strict=True):
            waiting.append((at_ms // self._unit_ms, counts))
            _add(sums, counts, 1)

    def sums(self) -> tuple[Counts, Counts]:
        """Of the long window and of the short one."""
        return tuple(self._sums[0]), tuple(self._sums[1])

    def sums_at(self, at_ms: int) -> Counts:
        """Of the long window of a later moment."""
        sums, newest = list(NONE), at_ms // self._unit_ms
        for pane, counts in self._waiting[0]:
            if newest - self._spans[0] < pane <= newest:
                _add(sums, counts, 1)
        return tuple(sums)


def _add(sums: list[int], counts: Counts, times: int) -> None:
    for i, count in enumerate(counts):
        sums[i] += count * times


@dataclass
class Precision:
    """Windows of one precision, which rules they have crossed, and how often that changed."""

    panes: Panes
    firing: int = 0
    alerts: int = 0

    def judge(self, is_unsound: bool) -> None:
        """After every event."""
        long, short = self.panes.sums()
        now = crossed(long, short) | (INTEGRITY if is_unsound else 0)
        self.alerts += (now ^ self.firing).bit_count()
        self.firing = now


def crossed(long: Counts, short: Counts) -> int:
    """Which rules these windows have crossed, as bits: failures 1 %, conflicts 5 %, slow creations 5 %."""
    bits = FAILURES if long[1] * 100 > long[0] else 0
    bits |= CONFLICTS if short[2] * 100 > short[0] * 5 else 0
    return bits | (SLOW if long[3] * 100 > long[0] * 5 else 0)


def bucket(seconds: float) -> int:
    """Of a latency: each is 2 % wide."""
    return math.floor(math.log(max(1, round(seconds * 1e6))) * 50)


@dataclass
class Project:
    """All of one project."""

    events: int = 0
    resent: int = 0
    totals: list[int] = field(default_factory=lambda: list(NONE))
    owners: dict[int, set[str]] = field(default_factory=dict)
    latencies: Counter[int] = field(default_factory=Counter)
    by_second: Precision = field(default_factory=lambda: Precision(Panes(1000)))
    by_minute: Precision = field(default_factory=lambda: Precision(Panes(60_000)))
    minutes: dict[int, list[int]] = field(default_factory=dict)  # all that there ever were, for hopping windows
    _number_of: dict[str, int] = field(default_factory=dict)
    _held_twice: int = 0
    _ids: deque[str] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    @property
    def highest(self) -> int:
        """The highest number held; 0: none."""
        return max(self.owners, default=0)

    @property
    def gaps(self) -> int:
        """Numbers below the highest that nobody holds."""
        return self.highest - len(self.owners)

    @property
    def duplicates(self) -> int:
        """Numbers with several holders."""
        return self._held_twice

    def hopping(self, first_minute: int, minutes: int) -> Counts:
        """Of the window that begins with a minute."""
        sums = list(NONE)
        for minute in range(first_minute, first_minute + minutes):
            _add(sums, tuple(self.minutes.get(minute, NONE)), 1)
        return tuple(sums)

    def take(self, event: Event, at_ms: int) -> None:
        """One more."""
        self.events += 1
        if event.event_id in self._ids:
            self.resent += 1
            return
        self._ids.append(event.event_id)
        self._number(event)
        precisions = (self.by_second, self.by_minute)
        for each in precisions:
            each.panes.advance(at_ms)
        if event.type in ("episode.created", "episode.creation_failed"):
            counts = _outcome(event)
            _add(self.totals, counts, 1)
            self.latencies[bucket(event.duration_seconds)] += 1
            _add(self.minutes.setdefault(at_ms // 60_000, list(NONE)), counts, 1)
            for each in precisions:
                each.panes.add(at_ms, counts)
        is_unsound = self._held_twice > 0 or self._highest > len(self.owners)
        for each in precisions:
            each.judge(is_unsound)

    _highest: int = 0  # as `highest`, which is too slow for every event

    def _number(self, event: Event) -> None:
        if event.type in ("episode.deleted", "episode.renumbered"):
            self._release(event.episode_id)
        if event.type in ("episode.created", "episode.renumbered"):
            holders = self.owners.setdefault(event.episode_number, set())
            holders.add(event.episode_id)
            self._held_twice += len(holders) == 2
            self._number_of[event.episode_id] = event.episode_number
            self._highest = max(self._highest, event.episode_number)

    def _release(self, episode: str) -> None:
        number = self._number_of.pop(episode, 0)
        holders = self.owners.get(number, set())
        self._held_twice -= len(holders) == 2
        holders.discard(episode)
        if not holders:
            self.owners.pop(number, None)
            if number == self._highest:
                self._highest = self.highest


def _outcome(event: Event) -> Counts:
    failed = event.type == "episode.creation_failed"
    return (
        1,
        int(failed),
        int(event.had_conflict),
        int(event.duration_seconds > SLOW_SECONDS),
        int(event.retry_count > 0),
    )


class Reference:
    """All projects, filled while the records pass by."""

    def __init__(self) -> None:
        self._projects: dict[bytes, Project] = {}
        self._decode = msgspec.json.Decoder(Event).decode

    def watched(self, records: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
        """The same records."""
        for key, value in records:
            event = self._decode(value)
            at_ms = round(datetime.fromisoformat(event.occurred_at).timestamp() * 1000)
            self._projects.setdefault(key, Project()).take(event, at_ms)
            yield key, value

    def projects(self) -> Mapping[str, Project]:
        """What everybody must come to."""
        return {key.decode(): project for key, project in self._projects.items()}
