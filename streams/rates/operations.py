"""Joins an operation's conflicts to its ending, so that it counts once, at the time of its latest event.

What an operation counts for is a function of its events alone: a later-arriving event first takes back what the
operation counted for so far, then counts it anew. Order and repetition make no difference.
"""

from heapq import heapify, heappop, heappush
from typing import Final

from librt.vecs import append, vec
from mypy_extensions import i64, mypyc_attr

from streams.base.outcome_flags import OPEN, SAID_CONFLICT, SLOW
from streams.rates.dedup_window import RecentKeys, with_one, without

MAX_DURATION_US: Final = 10**13  # 115 days; longer is kept as this, so that sums stay within 64 bits
FLAG_BITS: Final = 8
FLAGS: Final = (1 << FLAG_BITS) - 1


def microseconds_of(seconds: float) -> int:
    """A duration as it is kept: `round`, without the interpreter's calls for it. `seconds` is 0 at least."""
    exact = seconds * 1e6
    if exact >= MAX_DURATION_US:
        return MAX_DURATION_US
    whole = int(exact)
    left = exact - whole
    return whole + 1 if left > 0.5 or (left == 0.5 and whole & 1) else whole


@mypyc_attr(acyclic=True)
class Counter:
    """Where operations are counted; times are event time in milliseconds.

    A base class, not a protocol: compiled code calls its methods as C functions.
    """

    __slots__ = ()

    def count(self, at_ms: i64, kind: i64, duration_us: i64) -> None:
        """Count an operation."""
        raise NotImplementedError

    def take_back(self, at_ms: i64, kind: i64, duration_us: i64) -> None:
        """Take back what was counted."""
        raise NotImplementedError


@mypyc_attr(acyclic=True)
class Operation:
    """What is known of one operation. Times are event time in ms, 0 where there was no such event."""

    __slots__ = ("duration_us", "ended_ms", "first_conflict_ms", "flags", "last_conflict_ms")

    def __init__(self, ended_ms: int, flags: int, duration_us: int) -> None:
        self.ended_ms = ended_ms
        self.flags = flags
        self.duration_us = duration_us
        self.first_conflict_ms = 0
        self.last_conflict_ms = 0

    @property
    def at_ms(self) -> int:
        """Event time of the latest event."""
        return max(self.ended_ms, self.last_conflict_ms)

    @property
    def kind(self) -> int:
        """What the operation counts for: as conflicted if the ending says so, or a conflict came before it."""
        if not self.ended_ms:
            return OPEN
        return self.flags | SAID_CONFLICT if 0 < self.first_conflict_ms <= self.ended_ms else self.flags

    @property
    def ending_conflicts(self) -> int:
        """1 where the ending says `had_conflict` and no conflict event came."""
        return int(bool(self.flags & SAID_CONFLICT) and not self.first_conflict_ms)

    @property
    def rank(self) -> tuple[int, int, int]:
        """Of two endings of one operation the one with the higher rank counts."""
        return self.ended_ms, self.flags, self.duration_us


@mypyc_attr(acyclic=True)
class Open:
    """Operations without an ending, bounded; the oldest by (event time, key) goes first."""

    __slots__ = ("_by_age", "by_key", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.by_key: dict[int, Operation] = {}
        self._by_age: list[tuple[int, int]] = []  # a heap; entries that no longer hold are left in it for a while

    def put(self, key: int, operation: Operation) -> None:
        """Remember it at its latest event time."""
        self.by_key[key] = operation
        heappush(self._by_age, (operation.at_ms, key))
        while len(self.by_key) > self.limit:
            at_ms, oldest = heappop(self._by_age)
            known = self.by_key.get(oldest)
            if known is not None and known.at_ms == at_ms:
                del self.by_key[oldest]
        if len(self._by_age) > 100 + 2 * len(self.by_key):
            self._by_age = [(known.at_ms, key) for key, known in self.by_key.items()]
            heapify(self._by_age)

    def drop(self, key: int) -> None:
        """Forget it."""
        del self.by_key[key]

    def in_order(self) -> list[tuple[int, Operation]]:
        """Key and operation, oldest first."""
        return sorted(self.by_key.items(), key=_by_time_then_key)


@mypyc_attr(acyclic=True)
class Ended:
    """Operations that ended within the grace, the newest of them, in columns; older ones go a batch at a time."""

    __slots__ = ("conflicts", "details", "recent")

    def __init__(self, limit: int) -> None:
        self.recent = RecentKeys(limit)  # by their latest event times
        self.details = vec[i64]()  # of each of them, flags and duration in one number
        self.conflicts: dict[int, tuple[int, int, int]] = {}  # key -> ended, first and last conflict, if there was one

    def find(self, key: i64, horizon_ms: i64) -> Operation | None:
        """A copy of what is known of an operation that ended, unless before the horizon: then it is over for good."""
        recent = self.recent
        if not recent.holds(key):
            return None
        place = recent.place_of(key)
        if recent.times[place] < horizon_ms or place < len(recent) - recent.limit:
            return None
        return self.at(place)

    def put(self, key: i64, operation: Operation, horizon_ms: i64) -> None:
        """Remember it at its latest event time."""
        recent = self.recent
        if recent.holds(key):
            self.details = without(self.details, recent.drop(key))
            self.conflicts.pop(key, None)
        elif len(recent) >= 2 * recent.limit:  # what `recent` would forget by itself
            self.forget_before(horizon_ms)
        place = recent.put(key, operation.at_ms)
        details, detail = self.details, operation.flags | operation.duration_us << FLAG_BITS
        self.details = append(details, detail) if place == len(details) else with_one(details, place, detail)
        if operation.last_conflict_ms:
            conflicts = (operation.ended_ms, operation.first_conflict_ms, operation.last_conflict_ms)
            self.conflicts[key] = conflicts

    def shrink(self, horizon_ms: i64) -> None:
        """`forget_before`, once that is half of all: whatever stays is sorted in anew."""
        recent = self.recent
        if 2 * recent.first_since(horizon_ms) > len(recent):
            self.forget_before(horizon_ms)

    def forget_before(self, horizon_ms: i64) -> None:
        """Forget what is over for good, and what is too much."""
        before = self.recent.keys
        gone = self.recent.forget_before(horizon_ms)
        if gone:
            self.details = self.details[gone:]
            if self.conflicts:
                for place in range(gone):
                    self.conflicts.pop(before[place], None)

    def at(self, place: i64) -> Operation:
        """What is known of the operation at a place."""
        key, detail = self.recent.keys[place], self.details[place]
        operation = Operation(self.recent.times[place], detail & FLAGS, detail >> FLAG_BITS)
        conflicts = self.conflicts.get(key) if self.conflicts else None
        if conflicts is not None:
            operation.ended_ms, operation.first_conflict_ms, operation.last_conflict_ms = conflicts
        return operation

    def forget_flags(self, flags: i64) -> None:
        """Drop some of what endings say."""
        for place in range(len(self.details)):
            self.details[place] &= ~flags


def _by_time_then_key(entry: tuple[int, Operation]) -> tuple[int, int]:
    return entry[1].at_ms, entry[0]


@mypyc_attr(acyclic=True)
class Operations:
    """Operations that may still change: open ones, and those that ended within two graces.

    Two, for what happened within a grace after an ending belongs to it, and may itself arrive a grace late.
    """

    __slots__ = ("ended", "grace_ms", "open")

    def __init__(self, open_max: int, ended_max: int, grace_ms: int = 60_000) -> None:
        self.open = Open(open_max)
        self.ended = Ended(ended_max)
        self.grace_ms = grace_ms

    def end(self, key: i64, ending: Operation, horizon_ms: i64, counter: Counter) -> int:
        """Take the ending of an operation; returns the change of the number of conflicts known from endings alone."""
        over_ms = horizon_ms - self.grace_ms
        waiting = self.open.by_key.get(key) if self.open.by_key else None
        known = waiting or self.ended.find(key, over_ms)
        if known is not None and waiting is None and ending.ended_ms - known.ended_ms > self.grace_ms:
            known = None  # so long ago that this is another of that name
        if known is None:  # mostly
            counter.count(ending.ended_ms, ending.kind, ending.duration_us)
            self.ended.put(key, ending, over_ms)
            return 1 if ending.flags & SAID_CONFLICT else 0
        before = known.ending_conflicts
        if known.ended_ms and known.rank >= ending.rank:
            return 0
        counter.take_back(known.at_ms, known.kind, known.duration_us)
        ending.first_conflict_ms, ending.last_conflict_ms = known.first_conflict_ms, known.last_conflict_ms
        if waiting is not None:
            self.open.drop(key)
        counter.count(ending.at_ms, ending.kind, ending.duration_us)
        self.ended.put(key, ending, over_ms)
        return ending.ending_conflicts - before

    def conflict(self, key: i64, at_ms: i64, horizon_ms: i64, counter: Counter) -> int:
        """Take a conflict; returns the change of the number of conflicts known from endings alone."""
        operation = self.ended.find(key, horizon_ms - self.grace_ms)
        if operation is None or at_ms - operation.ended_ms > self.grace_ms:  # so long ago that this is another
            operation = self.open.by_key.get(key)
        before = 0
        if operation is None:
            operation = Operation(0, 0, 0)
        else:
            before = operation.ending_conflicts
            counter.take_back(operation.at_ms, operation.kind, operation.duration_us)
        operation.first_conflict_ms = min(at_ms, operation.first_conflict_ms or at_ms)
        operation.last_conflict_ms = max(at_ms, operation.last_conflict_ms)
        counter.count(operation.at_ms, operation.kind, operation.duration_us)
        if operation.ended_ms:
            self.ended.put(key, operation, horizon_ms - self.grace_ms)
        else:
            self.open.put(key, operation)
        return operation.ending_conflicts - before

    def late_ending(self, key: i64, horizon_ms: i64) -> int:
        """An ending that comes too late to count says `had_conflict`; answers as `end` does."""
        known = self.open.by_key.get(key) or self.ended.find(key, horizon_ms)
        return 0 if known is not None and (known.first_conflict_ms or known.ending_conflicts) else 1

    def late_conflict(self, key: i64, at_ms: i64, horizon_ms: i64) -> int:
        """A conflict comes too late to count; answers as `conflict` does."""
        known = self.ended.find(key, horizon_ms)
        if known is None or not known.ending_conflicts:
            return 0
        known.first_conflict_ms = known.last_conflict_ms = at_ms
        self.ended.put(key, known, horizon_ms)
        return -1

    def forget_slow(self) -> None:
        """Drop what endings say of latency limits that no longer hold, so that it is not taken back either."""
        self.ended.forget_flags(sum(SLOW))
