"""Bounded memories of what was seen: the newest by event time stay, so that the order of arrival does not matter."""

from collections.abc import Iterator
from typing import Generic, TypeVar

V = TypeVar("V")


class RecentMap(Generic[V]):
    """The `limit` entries newest by (event time, key). Keys are 64-bit hashes."""

    __slots__ = ("_newest_ms", "entries", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.entries: dict[int, tuple[int, V]] = {}  # key -> (event time in ms, value), oldest first
        self._newest_ms = 0

    def put(self, key: int, at_ms: int, value: V) -> None:
        """Remember, and forget the oldest if there are too many."""
        entries = self.entries
        if key in entries:
            del entries[key]
        entries[key] = (at_ms, value)
        if at_ms >= self._newest_ms:
            self._newest_ms = at_ms
        else:
            self._sort()
        if len(entries) > self.limit:
            self._forget_oldest()

    def _sort(self) -> None:
        self.entries = dict(sorted(self.entries.items(), key=lambda item: (item[1][0], item[0])))
        self._newest_ms = max(self._newest_ms, next(reversed(self.entries.values()))[0])

    def _forget_oldest(self) -> None:
        items = iter(self.entries.items())
        oldest, (oldest_ms, _) = next(items)
        for key, (at_ms, _) in items:  # arrival order decides nothing among equal times
            if at_ms != oldest_ms:
                break
            oldest = min(oldest, key)
        del self.entries[oldest]

    def in_order(self) -> Iterator[tuple[int, tuple[int, V]]]:
        """Entries by (event time, key)."""
        return iter(sorted(self.entries.items(), key=lambda item: (item[1][0], item[0])))


class SequenceMemory:
    """Which sequence numbers each source has sent, as intervals: a re-send is recognised however long ago it was."""

    __slots__ = ("sources",)

    MAX_SOURCES = 16  # a restarted producer is a new source; the one that was heard of longest ago is forgotten
    MAX_INTERVALS = 16  # holes beyond it are closed from below: what is that old and missing counts as seen

    def __init__(self) -> None:
        self.sources: dict[str, tuple[int, list[list[int]]]] = {}  # source -> newest event time, intervals

    def is_news(self, source: str, sequence: int, at_ms: int) -> bool:
        """Whether it was not seen before; it is remembered in either case."""
        known = self.sources.get(source)
        if known is None:
            self.sources[source] = (at_ms, [[sequence, sequence]])
            if len(self.sources) > self.MAX_SOURCES:
                del self.sources[min(self.sources, key=lambda name: (self.sources[name][0], name))]
            return True
        newest_ms, intervals = known
        if at_ms > newest_ms:
            self.sources[source] = (at_ms, intervals)
        last = intervals[-1]
        if sequence == last[1] + 1:
            last[1] = sequence
            return True
        return self._insert(intervals, sequence)

    def _insert(self, intervals: list[list[int]], sequence: int) -> bool:
        at = next((i for i, (start, _) in enumerate(intervals) if start > sequence), len(intervals))
        if at and intervals[at - 1][1] >= sequence:
            return False
        intervals.insert(at, [sequence, sequence])
        for left in (at, at - 1):
            if 0 <= left < len(intervals) - 1 and intervals[left][1] + 1 == intervals[left + 1][0]:
                intervals[left][1] = intervals.pop(left + 1)[1]
        if len(intervals) > self.MAX_INTERVALS:
            intervals[0][1] = intervals.pop(1)[1]
        return True
