"""Suspects: holes, and numbers held twice, that have not lasted for the settling time and may still heal.

Many cost no more than few: neither dating holes back nor finding the next to settle visits all of them.
"""

from bisect import bisect_left, bisect_right, insort
from heapq import heapify, heappop, heappush

from mypy_extensions import mypyc_attr

SPARE_STEPS = 64  # of the staircase, before those that no hole needs any longer are dropped


@mypyc_attr(acyclic=True)
class Hole:
    """Numbers start … end without an episode, and since when; `floor_ms`: when the last holder left (0: none).

    Of a hole without a floor `since_ms` is up to date only in what `Suspects.holes` gives.
    """

    __slots__ = ("end", "floor_ms", "since_ms", "start")

    def __init__(self, start: int, end: int, since_ms: int, floor_ms: int = 0) -> None:
        self.start, self.end, self.since_ms, self.floor_ms = start, end, since_ms, floor_ms


@mypyc_attr(acyclic=True)
class Suspects:
    """Holes and shared numbers that have not settled. Event times in milliseconds.

    A number that was jumped over is missing since the earliest event that took a higher one. So the lower of two such
    holes is never the younger one, and a staircase has their times: a hole began at the time of the first step whose
    number is above it. Both numbers and times of the steps rise.
    """

    __slots__ = ("_queue", "_times", "_tops", "jumped", "left", "shared")

    def __init__(self) -> None:
        self.jumped: list[Hole] = []  # never held; sorted, disjoint
        self.left: list[Hole] = []  # whose holders left: never older than that; sorted, disjoint
        self.shared: dict[int, int] = {}  # number -> since when
        self._tops: list[int] = []  # of the staircase
        self._times: list[int] = []
        self._queue: list[
            tuple[int, int]
        ] = []  # since, and the start of a left hole or minus a shared number; may be void

    @property
    def count(self) -> int:
        """How many holes."""
        return len(self.jumped) + len(self.left)

    @property
    def is_any(self) -> bool:
        """Whether there is anything."""
        return bool(self.jumped or self.left or self.shared)

    def replace(self, holes: list[Hole], shared: dict[int, int]) -> None:
        """These holes and shared numbers, and no others."""
        self.shared = {}
        self.restore(holes, shared)

    @property
    def holes(self) -> list[Hole]:
        """All of them in order, each with when it began."""
        for hole in self.jumped:
            hole.since_ms = self._since_ms(hole)
        return sorted([*self.jumped, *self.left], key=_start)

    def open(self, hole: Hole) -> None:
        """There is a new hole."""
        if hole.floor_ms:
            insort(self.left, hole, key=_start)
            heappush(self._queue, (hole.since_ms, hole.start))
        else:
            insort(self.jumped, hole, key=_start)
            self.date_back(hole.end + 1, hole.since_ms)

    def fill(self, number: int) -> None:
        """An episode holds a number; it may have been part of a hole."""
        if _split(self.jumped, number) is None:
            rest = _split(self.left, number)
            if rest is not None and rest.start <= rest.end:
                heappush(self._queue, (rest.since_ms, rest.start))

    def date_back(self, number: int, at_ms: int) -> None:
        """A number taken out of order shows that the holes below it are older."""
        tops, times = self._tops, self._times
        if not self.jumped:
            return
        end = bisect_right(tops, number)
        if end < len(tops) and times[end] <= at_ms:
            return  # a higher number was taken before
        begin = bisect_left(times, at_ms)
        tops[begin:end] = [number]
        times[begin:end] = [at_ms]
        if len(tops) > 2 * len(self.jumped) + SPARE_STEPS:
            self._build_steps()

    def drop_above(self, number: int) -> None:
        """Beyond the highest number nothing is missing."""
        for holes in (self.jumped, self.left):
            while holes and holes[-1].start > number:
                holes.pop()
        at = bisect_right(self._tops, number)
        if at < len(self._tops):  # what lies below is missing since then
            self._tops[at:], self._times[at:] = [number], [self._times[at]]

    def share(self, number: int, at_ms: int) -> None:
        """A number is held twice, since `at_ms` or before."""
        at_ms = max(at_ms, 1)  # stored, 0 means settled
        if at_ms < self.shared.get(number, at_ms + 1):
            self.shared[number] = at_ms
            heappush(self._queue, (at_ms, -number))

    def oldest_ms(self) -> int | None:
        """When the oldest suspect began; None without any."""
        queue = self._queue
        while queue:
            since_ms, which = queue[0]
            if self._find(since_ms, which) is not None:
                break
            heappop(queue)
        queued = queue[0][0] if queue else None
        if not self.jumped:
            return queued
        lowest_ms = self._since_ms(self.jumped[0])
        return lowest_ms if queued is None or lowest_ms < queued else queued

    def settle(self, limit_ms: int) -> tuple[list[Hole], list[tuple[int, int]]]:
        """Take out the holes, and the shared numbers with their times, that began no later than then; in order."""
        holes = self._settle_jumped(limit_ms)
        shared: list[tuple[int, int]] = []
        queue = self._queue
        while queue and queue[0][0] <= limit_ms:
            since_ms, which = heappop(queue)
            at = self._find(since_ms, which)
            if at is None:
                continue
            if which < 0:
                del self.shared[-which]
                shared.append((-which, since_ms))
            else:
                holes.append(self.left.pop(at))
        return sorted(holes, key=_start), sorted(shared)

    def restore(self, holes: list[Hole], shared: dict[int, int]) -> None:
        """Fill one without shared numbers from storage; `holes` as `holes` gave them."""
        self.jumped = [hole for hole in holes if not hole.floor_ms]
        self.left = [hole for hole in holes if hole.floor_ms]
        self.shared.update(shared)
        self._tops, self._times = _steps(self.jumped)
        self._queue = [(hole.since_ms, hole.start) for hole in self.left]
        self._queue.extend((since_ms, -number) for number, since_ms in self.shared.items())
        heapify(self._queue)

    def _settle_jumped(self, limit_ms: int) -> list[Hole]:
        steps = bisect_right(self._times, limit_ms)
        if not steps:
            return []
        settled = bisect_left(self.jumped, self._tops[steps - 1], key=_start)
        holes = self.jumped[:settled]
        for hole in holes:
            hole.since_ms = self._since_ms(hole)
        del self.jumped[:settled], self._tops[:steps], self._times[:steps]
        return holes

    def _since_ms(self, hole: Hole) -> int:
        return self._times[bisect_right(self._tops, hole.start)]

    def _build_steps(self) -> None:
        for hole in self.jumped:
            hole.since_ms = self._since_ms(hole)
        self._tops, self._times = _steps(self.jumped)

    def _find(self, since_ms: int, which: int) -> int | None:
        """The place of a queued hole, 0 for a shared number; None where the entry is void."""
        if which < 0:
            return 0 if self.shared.get(-which) == since_ms else None
        at = bisect_left(self.left, which, key=_start)
        if at == len(self.left) or self.left[at].start != which or self.left[at].since_ms != since_ms:
            return None
        return at


def _split(holes: list[Hole], number: int) -> Hole | None:
    """Remove a number from its hole; returns the rest above it, perhaps empty; None: it was in no hole."""
    at = bisect_right(holes, number, key=_start) - 1
    if at < 0 or holes[at].end < number:
        return None
    hole = holes[at]
    below = Hole(hole.start, number - 1, hole.since_ms, hole.floor_ms)
    above = Hole(number + 1, hole.end, hole.since_ms, hole.floor_ms)
    holes[at : at + 1] = [part for part in (below, above) if part.start <= part.end]
    return above


def _steps(holes: list[Hole]) -> tuple[list[int], list[int]]:
    """The staircase that these holes need: one step for those that began together."""
    tops: list[int] = []
    times: list[int] = []
    for hole in reversed(holes):
        if not times or hole.since_ms < times[-1]:
            tops.append(hole.end + 1)
            times.append(hole.since_ms)
    return tops[::-1], times[::-1]


def _start(hole: Hole) -> int:
    return hole.start
