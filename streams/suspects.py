"""What is wrong with the numbers, but not for long enough yet: holes, and numbers held twice, that may still right
themselves. A queue by their beginnings tells which is next to become a finding, so that many cost no more than few.
"""

from bisect import bisect_left, bisect_right, insort
from heapq import heapify, heappop, heappush


class Hole:
    """Numbers start … end that nobody holds, and since when; `floor_ms`: when the last holder left (0: none)."""

    __slots__ = ("end", "floor_ms", "since_ms", "start")

    def __init__(self, start: int, end: int, since_ms: int, floor_ms: int = 0) -> None:
        self.start, self.end, self.since_ms, self.floor_ms = start, end, since_ms, floor_ms


class Suspects:
    """Holes and shared numbers that have not settled. Event times in milliseconds."""

    __slots__ = ("_newest_ms", "_queue", "holes", "shared")

    def __init__(self) -> None:
        self.holes: list[Hole] = []  # sorted, disjoint
        self.shared: dict[int, int] = {}  # number -> since when
        self._queue: list[tuple[int, int]] = []  # since, and a hole's start or a shared number negated; may be void
        self._newest_ms = 0  # no hole began later

    def open(self, hole: Hole) -> None:
        """There is a new hole."""
        insort(self.holes, hole, key=_start)
        self._newest_ms = max(self._newest_ms, hole.since_ms)
        heappush(self._queue, (hole.since_ms, hole.start))

    def fill(self, number: int) -> None:
        """Somebody holds a number; it may have been part of a hole."""
        at = bisect_right(self.holes, number, key=_start) - 1
        if at < 0 or self.holes[at].end < number:
            return
        hole = self.holes[at]
        kept = [Hole(hole.start, number - 1, hole.since_ms, hole.floor_ms)] if hole.start < number else []
        if number < hole.end:
            kept.append(Hole(number + 1, hole.end, hole.since_ms, hole.floor_ms))
            heappush(self._queue, (hole.since_ms, number + 1))
        self.holes[at : at + 1] = kept

    def date_back(self, number: int, at_ms: int) -> None:
        """A number taken out of order shows that the holes below it are older than they seemed."""
        if at_ms >= self._newest_ms:
            return
        for hole in self.holes[: bisect_left(self.holes, number, key=_start)]:
            since_ms = max(at_ms, hole.floor_ms)
            if since_ms < hole.since_ms:
                hole.since_ms = since_ms
                heappush(self._queue, (since_ms, hole.start))

    def drop_above(self, number: int) -> None:
        """Beyond the highest number nothing is missing."""
        while self.holes and self.holes[-1].start > number:
            self.holes.pop()

    def share(self, number: int, at_ms: int) -> None:
        """A number is held twice, since then at the latest."""
        if at_ms < self.shared.get(number, at_ms + 1):
            self.shared[number] = at_ms
            heappush(self._queue, (at_ms, -number))

    def oldest_ms(self) -> int | None:
        """When the oldest suspect began; None without any."""
        queue = self._queue
        while queue and self._find(*queue[0]) is None:
            heappop(queue)
        return queue[0][0] if queue else None

    def settle(self, limit_ms: int) -> tuple[list[Hole], list[int]]:
        """Take out the holes and the shared numbers that began no later than then."""
        holes: list[Hole] = []
        shared: list[int] = []
        queue = self._queue
        while queue and queue[0][0] <= limit_ms:
            since_ms, which = heappop(queue)
            at = self._find(since_ms, which)
            if at is None:
                continue
            if which < 0:
                del self.shared[-which]
                shared.append(-which)
            else:
                holes.append(self.holes.pop(at))
        if not self.holes:
            self._newest_ms = 0
        return holes, shared

    def _find(self, since_ms: int, which: int) -> int | None:
        """The place of a queued hole, 0 for a shared number; None where the entry is void."""
        if which < 0:
            return 0 if self.shared.get(-which) == since_ms else None
        at = bisect_left(self.holes, which, key=_start)
        if at == len(self.holes) or self.holes[at].start != which or self.holes[at].since_ms != since_ms:
            return None
        return at

    def requeue(self) -> None:
        """Must follow the filling of `holes` and `shared` from storage."""
        self._newest_ms = max((hole.since_ms for hole in self.holes), default=0)
        self._queue = [(hole.since_ms, hole.start) for hole in self.holes]
        self._queue.extend((since_ms, -number) for number, since_ms in self.shared.items())
        heapify(self._queue)


def _start(hole: Hole) -> int:
    return hole.start
