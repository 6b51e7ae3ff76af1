"""Joins an operation's conflicts to its ending, so that it counts once, at the time of its latest event.

What an operation counts for is a function of its events alone: a later-arriving event first takes back what the
operation counted for so far, then counts it anew. Order and repetition make no difference.
"""

from collections.abc import Callable

from streams import tally
from streams.memory import RecentMap

MAX_DURATION_US = 10**13  # 115 days; longer is kept as this, so that sums stay within 64 bits

Count = Callable[[int, int, int | None, int], None]  # event time ms, tally, latency bin, +1 or -1

_OPEN = (1 << tally.ATTEMPTED) | (1 << tally.CONFLICTED)
_CONFLICTED = 1 << tally.CONFLICTED


class Ending:
    """How an operation ended: its event time, what it counts for, and whether its ending itself said `had_conflict`."""

    __slots__ = ("at_ms", "counts_for", "latency_bin", "said_conflict")

    def __init__(self, at_ms: int, counts_for: int, latency_bin: int | None, said_conflict: bool) -> None:
        self.at_ms = at_ms
        self.counts_for = counts_for
        self.latency_bin = latency_bin
        self.said_conflict = said_conflict

    def rank(self) -> tuple[int, int, bool]:
        """Of two endings of one operation the one with the higher rank counts."""
        return self.at_ms, self.counts_for, self.said_conflict


class Operation:
    """What is known of one operation. `first_conflict_ms` and `last_conflict_ms` are 0 without conflicts."""

    __slots__ = ("ending", "first_conflict_ms", "last_conflict_ms")

    def __init__(self, ending: Ending | None, first_conflict_ms: int = 0, last_conflict_ms: int = 0) -> None:
        self.ending = ending
        self.first_conflict_ms = first_conflict_ms
        self.last_conflict_ms = last_conflict_ms

    @property
    def at_ms(self) -> int:
        """Event time of the latest event."""
        return self.last_conflict_ms if self.ending is None else max(self.ending.at_ms, self.last_conflict_ms)

    @property
    def is_conflicted(self) -> bool:
        """The ending says so, or a conflict came before it."""
        ending = self.ending
        return ending is None or ending.said_conflict or 0 < self.first_conflict_ms <= ending.at_ms

    @property
    def counts_for(self) -> int:
        """The operation's tally."""
        if self.ending is None:
            return _OPEN
        return self.ending.counts_for | (_CONFLICTED if self.is_conflicted else 0)

    @property
    def untold_conflicts(self) -> int:
        """1 where the ending tells of a conflict that sent no event of its own."""
        return int(self.ending is not None and self.ending.said_conflict and not self.first_conflict_ms)


class Operations:
    """Operations that may still change: open ones, and those that ended within the grace."""

    __slots__ = ("ended", "open")

    def __init__(self, open_max: int, ended_max: int) -> None:
        self.open: RecentMap[Operation] = RecentMap(open_max)
        self.ended: RecentMap[Operation] = RecentMap(ended_max)

    def find(self, key: int, horizon_ms: int) -> Operation | None:
        """The operation, unless it ended before the horizon: then it is over for good."""
        known = self.open.entries.get(key)
        if known is not None:
            return known[1]
        known = self.ended.entries.get(key)
        return known[1] if known is not None and known[0] >= horizon_ms else None

    def end(self, key: int, ending: Ending, horizon_ms: int, count: Count) -> int:
        """Take an ending; answers by how much the number of untold conflicts changes."""
        known = self.find(key, horizon_ms) if self.open.entries or key in self.ended.entries else None
        if known is None:
            operation = Operation(ending)
            before = 0
        else:
            operation, before = known, known.untold_conflicts
            if known.ending is not None and known.ending.rank() >= ending.rank():
                return 0
            self._take_back(known, count)
            self.open.entries.pop(key, None)
            operation.ending = ending
        self._count(operation, count)
        self.ended.put(key, operation.at_ms, operation)
        return operation.untold_conflicts - before

    def conflict(self, key: int, at_ms: int, horizon_ms: int, count: Count) -> int:
        """Take a conflict; answers by how much the number of untold conflicts changes."""
        known = self.find(key, horizon_ms)
        if known is None:
            operation, before = Operation(None, at_ms, at_ms), 0
        else:
            operation, before = known, known.untold_conflicts
            self._take_back(known, count)
            operation.first_conflict_ms = min(at_ms, operation.first_conflict_ms or at_ms)
            operation.last_conflict_ms = max(at_ms, operation.last_conflict_ms)
        self._count(operation, count)
        memory = self.open if operation.ending is None else self.ended
        memory.put(key, operation.at_ms, operation)
        return operation.untold_conflicts - before

    @staticmethod
    def _count(operation: Operation, count: Count) -> None:
        ending = operation.ending
        count(operation.at_ms, operation.counts_for, None if ending is None else ending.latency_bin, +1)

    @staticmethod
    def _take_back(operation: Operation, count: Count) -> None:
        ending = operation.ending
        count(operation.at_ms, operation.counts_for, None if ending is None else ending.latency_bin, -1)
