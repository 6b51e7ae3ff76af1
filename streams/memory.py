"""Bounded memories of what was seen: the newest by event time stay, so that the order of arrival does not matter."""

from collections.abc import Iterable
from itertools import islice
from operator import itemgetter
from typing import Final

from mypy_extensions import mypyc_attr

MAX_SOURCES: Final = 16  # a restarted producer is a new source; the one that was heard of longest ago is forgotten
_BY_TIME_THEN_KEY: Final = itemgetter(1, 0)
MAX_INTERVALS: Final = 32  # a source; sequence numbers that lie apart need one each, and the lowest are forgotten


@mypyc_attr(acyclic=True)
class RecentKeys:
    """The `limit` keys newest by (event time, key). Keys are 64-bit hashes.

    Older ones go a batch at a time, which is much cheaper than one by one; `has` knows none of them meanwhile.
    """

    __slots__ = ("_allowance", "_is_sorted", "_newest_ms", "limit", "times")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.times: dict[int, int] = {}  # key -> event time in ms; exactly the newest, oldest first, after `settle`
        self._allowance = 2 * limit
        self._newest_ms = -1
        self._is_sorted = True

    def has(self, key: int) -> bool:
        """Whether it is one of the newest."""
        if key not in self.times:
            return False
        if len(self.times) > self.limit:
            self.settle()
            return key in self.times
        return True

    def put(self, key: int, at_ms: int) -> None:
        """Remember it at this time."""
        times = self.times
        count = len(times)
        times[key] = at_ms
        if at_ms > self._newest_ms and len(times) > count:
            self._newest_ms = at_ms
        else:
            self._is_sorted = False
        if count >= self._allowance:
            self.settle()

    def restore(self, entries: Iterable[tuple[int, int]]) -> None:
        """Take keys with their event times, in order, as they were given out."""
        self.times = dict(entries)
        self._newest_ms = max(self.times.values(), default=-1)

    def settle(self) -> None:
        """Bring `times` into the order of (event time, key) and forget what is too old."""
        if not self._is_sorted:
            self.times = dict(sorted(self.times.items(), key=_BY_TIME_THEN_KEY))
            self._is_sorted = True
            self._newest_ms = max(self.times.values(), default=-1)
        if len(self.times) > self.limit:
            self.times = dict(islice(self.times.items(), len(self.times) - self.limit, None))


@mypyc_attr(acyclic=True)
class Source:
    """One sender: when it was last heard of, and which of its sequence numbers were seen, as closed intervals.

    What was seen below `floor` is no longer known.
    """

    __slots__ = ("floor", "intervals", "newest_ms")

    def __init__(self, newest_ms: int, floor: int, intervals: list[list[int]]) -> None:
        self.newest_ms = newest_ms
        self.floor = floor
        self.intervals = intervals


@mypyc_attr(acyclic=True)
class SequenceMemory:
    """Which sequence numbers each source has sent, as intervals: a re-send is recognised however long ago it was."""

    __slots__ = ("sources",)

    def __init__(self) -> None:
        self.sources: dict[str, Source] = {}

    def is_news(self, source: str, sequence: int, at_ms: int, horizon_ms: int) -> bool:
        """Whether it was not seen before; it is remembered in either case.

        Where that is no longer known, its event time decides: what is sent again bears its old one.
        """
        known = self.sources.get(source)
        if known is None:
            self.sources[source] = Source(at_ms, 0, [[sequence, sequence]])
            if len(self.sources) > MAX_SOURCES:
                del self.sources[min(self.sources, key=lambda name: (self.sources[name].newest_ms, name))]
            return True
        if at_ms > known.newest_ms:
            known.newest_ms = at_ms
        intervals = known.intervals
        last = intervals[-1]
        if sequence < known.floor:
            return at_ms >= horizon_ms
        if sequence <= last[1]:
            return self._insert(known, sequence)
        if sequence == last[1] + 1:
            last[1] = sequence
        else:
            intervals.append([sequence, sequence])
            self._bound(known)
        return True

    def _insert(self, known: Source, sequence: int) -> bool:
        intervals = known.intervals
        at = next((i for i, (start, _) in enumerate(intervals) if start > sequence), len(intervals))
        if at and intervals[at - 1][1] >= sequence:
            return False
        intervals.insert(at, [sequence, sequence])
        for left in (at, at - 1):
            if 0 <= left < len(intervals) - 1 and intervals[left][1] + 1 == intervals[left + 1][0]:
                intervals[left][1] = intervals.pop(left + 1)[1]
        self._bound(known)
        return True

    def _bound(self, known: Source) -> None:
        if len(known.intervals) > MAX_INTERVALS:
            del known.intervals[0]
            known.floor = known.intervals[0][0]
