"""Bounded memories of what was seen: the newest by event time stay, so that the order of arrival does not matter."""

from typing import Final

from librt.vecs import append, vec
from mypy_extensions import i64, mypyc_attr

from streams.base.open_table import OpenTable

MAX_SOURCES: Final = 16  # a restarted producer is a new source; the source that has been silent longest is forgotten
MAX_INTERVALS: Final = 32  # a source; sequence numbers that lie apart need one each, and the lowest are forgotten
FEW: Final = 8  # keys
_SIGN: Final = -(2**63)


@mypyc_attr(acyclic=True)
class RecentKeys:
    """The `limit` keys newest by (event time, key). Keys are 64-bit hashes.

    Older ones go a batch at a time, which is much cheaper than one by one; `has` knows none of them meanwhile. Both
    columns are packed and in order; the table only says whether a key is among them.
    """

    __slots__ = ("_table", "keys", "limit", "times")

    def __init__(self, limit: int) -> None:
        self.limit: i64 = limit
        self.keys = vec[i64]()  # oldest first
        self.times = vec[i64]()  # of each of them, event time in ms
        self._table: OpenTable | None = None  # of many keys; few are all looked at

    def __len__(self) -> int:
        return len(self.keys)

    def holds(self, key: i64) -> bool:
        """Whether it is there at all, perhaps beside newer ones that are enough."""
        table = self._table
        return self.place_of(key) >= 0 if table is None else table.has(key)

    def has(self, key: i64) -> bool:
        """Whether it is one of the newest."""
        table = self._table
        if not (self.place_of(key) >= 0 if table is None else table.has(key)):  # `holds`, without its call
            return False
        if len(self.keys) > self.limit:
            self.settle()
            return self.holds(key)
        return True

    def put(self, key: i64, at_ms: i64) -> i64:
        """Remember one that is not there; answers its place."""
        if len(self.keys) >= 2 * self.limit:
            self.settle()
        times, keys = self.times, self.keys
        place: i64 = len(times)
        if not place or times[place - 1] < at_ms:  # mostly
            self.keys, self.times = append(keys, key), append(times, at_ms)
        else:
            while place and (
                times[place - 1] > at_ms or (times[place - 1] == at_ms and is_below(key, keys[place - 1]))
            ):
                place -= 1
            self.keys, self.times = with_one(keys, place, key), with_one(times, place, at_ms)
        table = self._table
        if table is not None:
            table.put(key)
        elif len(self.keys) > FEW:
            self._make_table()
        return place

    def restore(self, keys: vec[i64], times: vec[i64]) -> None:
        """Take keys with their event times, in order, as they were given out."""
        self.keys, self.times = keys, times
        self._make_table()

    def settle(self) -> i64:
        """Forget what is too much; answers how many that were, all of them at the front."""
        return self._forget(len(self.keys) - self.limit)

    def first_since(self, horizon_ms: i64) -> i64:
        """The place of the first that is neither older nor too much."""
        times = self.times
        end: i64 = len(times)
        place: i64 = end - self.limit if end > self.limit else 0
        while place < end:
            middle: i64 = (place + end) // 2
            if times[middle] < horizon_ms:
                place = middle + 1
            else:
                end = middle
        return place

    def forget_before(self, horizon_ms: i64) -> i64:
        """Forget what is older or too much; answers how many that were, all of them at the front."""
        return self._forget(self.first_since(horizon_ms))

    def drop(self, key: i64) -> i64:
        """Forget one that is there; answers its place."""
        place = self.place_of(key)
        self.keys, self.times = without(self.keys, place), without(self.times, place)
        if self._table is not None:
            self._table.remove(key)
        return place

    def place_of(self, key: i64) -> i64:
        """Where it stands; -1 where it does not."""
        keys = self.keys
        place: i64 = len(keys) - 1
        while place >= 0 and keys[place] != key:
            place -= 1
        return place

    def _forget(self, count: i64) -> i64:
        if count <= 0:
            return 0
        self.keys, self.times = self.keys[count:], self.times[count:]
        self._make_table()
        return count

    def _make_table(self) -> None:
        self._table = None
        if len(self.keys) > FEW:
            self._table = table = OpenTable(4 * len(self.keys))  # with room for as many again
            for key in self.keys:
                table.put(key)


def is_below(key: i64, other: i64) -> bool:
    """The order of keys: as numbers without a sign."""
    return key ^ _SIGN < other ^ _SIGN


def with_one(column: vec[i64], place: i64, value: i64) -> vec[i64]:
    """The column with a value put in before a place."""
    at: i64 = len(column)
    column = append(column, value)
    if at == place:
        return column
    while at > place:
        column[at] = column[at - 1]
        at -= 1
    column[place] = value
    return column


def without(column: vec[i64], place: i64) -> vec[i64]:
    """The column without what stands at a place."""
    for at in range(place, len(column) - 1):
        column[at] = column[at + 1]
    return column[: len(column) - 1]


@mypyc_attr(acyclic=True)
class Source:
    """One sender: its newest event time, and which of its sequence numbers were seen: first … last, and what lies
    below that as closed intervals.

    What was seen below `floor` is no longer known.
    """

    __slots__ = ("first", "floor", "last", "lower", "newest_ms")

    def __init__(self, newest_ms: int, floor: int, intervals: list[list[int]]) -> None:
        self.newest_ms = newest_ms
        self.floor = floor
        self.first, self.last = intervals[-1]
        self.lower = intervals[:-1]

    @property
    def intervals(self) -> list[list[int]]:
        """All of them, in order."""
        return [*self.lower, [self.first, self.last]]


@mypyc_attr(acyclic=True)
class SequenceMemory:
    """Which sequence numbers each source has sent, as intervals: a re-send is recognised however long ago it was."""

    __slots__ = ("sources",)

    def __init__(self) -> None:
        self.sources: dict[str, Source] = {}

    def is_news(self, source: str, sequence: int, at_ms: int, horizon_ms: int) -> bool:
        """Whether it was not seen before; it is remembered in either case.

        Where that is no longer known, its event time decides: a re-send has the old one.
        """
        known = self.sources.get(source)
        if known is None:
            self.sources[source] = Source(at_ms, 0, [[sequence, sequence]])
            if len(self.sources) > MAX_SOURCES:
                del self.sources[min(self.sources, key=lambda name: (self.sources[name].newest_ms, name))]
            return True
        if at_ms > known.newest_ms:
            known.newest_ms = at_ms
        if sequence < known.floor:
            return at_ms >= horizon_ms
        if sequence == known.last + 1:
            known.last = sequence
        elif sequence > known.last:
            known.lower.append([known.first, known.last])
            known.first = known.last = sequence
            _bound(known)
        elif sequence >= known.first:
            return False
        else:
            return _insert(known, sequence)
        return True


def _insert(known: Source, sequence: int) -> bool:
    """Put in a number below the highest interval; False where it was there."""
    intervals = known.intervals
    at = next((i for i, (start, _) in enumerate(intervals) if start > sequence), len(intervals))
    if at and intervals[at - 1][1] >= sequence:
        return False
    intervals.insert(at, [sequence, sequence])
    for left in (at, at - 1):
        if 0 <= left < len(intervals) - 1 and intervals[left][1] + 1 == intervals[left + 1][0]:
            intervals[left][1] = intervals.pop(left + 1)[1]
    known.lower, (known.first, known.last) = intervals[:-1], intervals[-1]
    _bound(known)
    return True


def _bound(known: Source) -> None:
    if len(known.lower) >= MAX_INTERVALS:
        del known.lower[0]
        known.floor = known.lower[0][0]
