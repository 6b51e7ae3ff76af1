"""Two streams of digests in lockstep: which records of the one have no equal at their place in the other.

Memory is bounded by the windows: a differing region that does not end within them is named as a whole.
"""

from collections.abc import Hashable, Iterator, Sequence
from difflib import SequenceMatcher
from operator import ne
from typing import Any, Final, NamedTuple

import msgspec

_STEP: Final = 1_000  # digests compared at once
_GROWTH: Final = 8

Digests = Sequence[Hashable]
Span = tuple[int, int, int, int]  # places of the own from, to; of the copy from, to (exclusive)


class SearchLimits(msgspec.Struct, frozen=True):
    """How far to look for the end of a differing region, in records of each side."""

    first_window: int = 2_000
    last_window: int = 128_000
    window_bytes: int = 64 * 1024 * 1024
    confirmed_by: int = 32  # equal digests in a row that end a differing region


class Place(NamedTuple):
    """One record of a side: its number from 0 on, and what its reader says of it."""

    number: int
    mark: Any


class Difference(NamedTuple):
    """Records `own` where the copy has `copy`. One of each: substituted; else one side is empty; or a whole region.

    `after` and `before` are the neighbours in the own. `own_count` and `copy_count` count all records of a region, of
    which the first and the last are given.
    """

    own: tuple[Place, ...]
    copy: tuple[Place, ...]
    after: Place | None
    before: Place | None
    own_count: int
    copy_count: int


class Window:
    """What has been read of one side and not been matched yet."""

    def __init__(self) -> None:
        self.digests: list[Hashable] = []
        self.marks: list[Any] = []
        self.taken = 0  # records before these
        self.size_bytes = 0
        self.ended = False

    def add(self, digests: list[Hashable], marks: list[Any], size_bytes: int = 0) -> None:
        """What comes next."""
        self.digests += digests
        self.marks += marks
        self.size_bytes += size_bytes

    def drop(self, count: int) -> None:
        """They have been dealt with."""
        if count:
            self.size_bytes -= self.size_bytes * count // len(self.digests)
            del self.digests[:count], self.marks[:count]
            self.taken += count

    def place(self, at: int) -> Place | None:
        """The record at this place of the window; None behind it."""
        return Place(self.taken + at, self.marks[at]) if 0 <= at < len(self.marks) else None

    def places(self, start: int, end: int) -> tuple[Place, ...]:
        """Records of the window."""
        return tuple(Place(self.taken + at, self.marks[at]) for at in range(start, end))


class Alignment:
    """Add to `own` and `copy` while they are wanted, then take the differences of `step`, until `is_done`."""

    def __init__(self, limits: SearchLimits | None = None) -> None:
        self.own, self.copy = Window(), Window()
        self._limits = limits or SearchLimits()
        self._needed = 1
        self.tail: Place | None = None  # the first of the own after the copy's end
        self._last_own: Place | None = None

    @property
    def is_done(self) -> bool:
        """Nothing is left."""
        return self._is_at_end(self.own) and self._is_at_end(self.copy)

    @staticmethod
    def _is_at_end(window: Window) -> bool:
        return window.ended and not window.digests

    def wants(self, window: Window) -> bool:
        """Whether more of this side is needed before anything can be said."""
        is_full = len(window.digests) >= self._needed or (
            self._needed > 1 and window.size_bytes >= self._limits.window_bytes
        )
        return not window.ended and not is_full

    def step(self) -> Iterator[Difference]:
        """What can be said now."""
        while not (self.wants(self.own) or self.wants(self.copy) or self.is_done):
            self._skip_equal()
            own, copy = self.own.digests, self.copy.digests
            if own and copy:
                yield from self._resolve()
            elif self._is_at_end(self.own) or self._is_at_end(self.copy):
                self.tail = self.tail or self.own.place(0)
                yield from self._edits([(0, len(own), 0, len(copy))])
                self._drop(len(own), len(copy))

    def _skip_equal(self) -> None:
        own, copy = self.own.digests, self.copy.digests
        equal, end = 0, min(len(own), len(copy))
        while equal < end and own[equal : equal + _STEP] == copy[equal : equal + _STEP]:
            equal += _STEP
        while equal < end and own[equal] == copy[equal]:
            equal += 1
        self._drop(min(equal, end), min(equal, end))
        if equal >= end:
            self._needed = 1

    def _drop(self, own: int, copy: int) -> None:
        if own:
            self._last_own = self.own.place(own - 1)
        self.own.drop(own)
        self.copy.drop(copy)

    def _resolve(self) -> Iterator[Difference]:
        """The heads differ. Where it cannot be said why, more is needed, up to the bound."""
        own, copy, limits = self.own, self.copy, self._limits
        if self._needed == 1:
            self._needed = limits.first_window
            return
        is_all = own.ended and copy.ended
        spans = _matched(own.digests[: limits.first_window], copy.digests[: limits.first_window], limits.confirmed_by)
        if spans is None:
            run = first_common_run(own.digests, copy.digests, limits.confirmed_by)
            if run is None and self._needed < limits.last_window and not is_all:
                self._needed = min(self._needed * _GROWTH, limits.last_window)
                return
            ends = run or (len(own.digests), len(copy.digests))
            spans = [(0, ends[0], 0, ends[1])]
        yield from self._edits(spans)
        self._drop(spans[-1][1], spans[-1][3])
        self._needed = 1

    def _edits(self, spans: list[Span]) -> Iterator[Difference]:
        """One by one where each has its place or there are few, else as a whole."""
        for begin, end, start, stop in spans:
            own, copy = end - begin, stop - start
            if own == copy:
                for at in range(own):
                    if self.own.digests[begin + at] != self.copy.digests[start + at]:
                        yield self._difference(begin + at, start + at, 1, 1)
            elif min(own, copy) > self._limits.confirmed_by:
                yield self._difference(begin, start, own, copy)
            else:
                for at in range(begin, end):
                    yield self._difference(at, start, 1, 0)
                for at in range(start, stop):
                    yield self._difference(end, at, 0, 1)

    def _difference(self, own: int, copy: int, own_count: int, copy_count: int) -> Difference:
        after = self.own.place(own - 1) if own else self._last_own
        return Difference(
            _ends(self.own.places(own, own + own_count)),
            _ends(self.copy.places(copy, copy + copy_count)),
            after,
            self.own.place(own + own_count),
            own_count,
            copy_count,
        )


def _ends(places: tuple[Place, ...]) -> tuple[Place, ...]:
    return places if len(places) < 2 else (places[0], places[-1])


def _matched(own: Digests, copy: Digests, confirmed_by: int) -> list[Span] | None:
    """The differing spans up to the first run of `confirmed_by` that both have, else up to the last equal digest.

    None where less than half of the digests are equal. Place by place, if that explains as much with as few edits.
    """
    matcher = SequenceMatcher(None, own, copy)  # what occurs very often anchors nothing, which bounds its time
    spans: list[Span] = []
    own_end = copy_end = equal = 0
    for own_start, copy_start, size in matcher.get_matching_blocks()[:-1]:
        if (own_start, copy_start) != (own_end, copy_end):
            spans.append((own_end, own_start, copy_end, copy_start))
        own_end, copy_end, equal = own_start + size, copy_start + size, equal + size
        if size >= confirmed_by:
            break
    else:
        if 2 * equal < min(len(own), len(copy)):
            return None
    own_end, copy_end = spans[-1][1], spans[-1][3]
    edits = sum(max(end - begin, stop - start) for begin, end, start, stop in spans)
    if own_end == copy_end and sum(map(ne, own[:own_end], copy[:copy_end])) <= edits:
        return [(0, own_end, 0, copy_end)]
    return spans


def first_common_run(own: Digests, copy: Digests, length: int) -> tuple[int, int] | None:
    """The places of the first run of `length` digests that both have, by the sum of the places."""
    places: dict[int, int] = {}
    for place in range(len(own) - length, -1, -1):
        places[hash(tuple(own[place : place + length]))] = place
    best: tuple[int, int] | None = None
    for place in range(len(copy) - length + 1):
        if best is not None and place >= sum(best):
            break
        own_place = places.get(hash(tuple(copy[place : place + length])))
        if own_place is not None and (best is None or own_place + place < sum(best)):
            best = own_place, place
    return best
