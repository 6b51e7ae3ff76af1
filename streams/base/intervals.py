"""A set of integers kept as disjoint, sorted, maximal intervals: a gap of a million numbers costs two integers."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from mypy_extensions import mypyc_attr


@mypyc_attr(acyclic=True)
class IntervalSet:
    """Integers as closed intervals. `count` is the number of integers."""

    __slots__ = ("_ends", "_starts", "count")

    def __init__(self, intervals: list[tuple[int, int]] | None = None) -> None:
        """`intervals` must be sorted, disjoint and not adjacent, as `list(self)` gives them."""
        self._starts = [start for start, _ in intervals or ()]
        self._ends = [end for _, end in intervals or ()]
        self.count = sum(end - start + 1 for start, end in intervals or ())

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(zip(self._starts, self._ends, strict=True))

    def __len__(self) -> int:
        """How many intervals."""
        return len(self._starts)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._starts, number) - 1
        return at >= 0 and self._ends[at] >= number

    def add(self, start: int, end: int) -> None:
        """Put in all of start … end."""
        low = bisect_left(self._ends, start - 1)
        high = bisect_right(self._starts, end + 1)
        if low < high:
            start, end = min(start, self._starts[low]), max(end, self._ends[high - 1])
            self.count -= sum(self._ends[i] - self._starts[i] + 1 for i in range(low, high))
        self._starts[low:high], self._ends[low:high] = [start], [end]
        self.count += end - start + 1

    def discard(self, start: int, end: int) -> bool:
        """Remove start … end; False if none of it was included."""
        low = bisect_left(self._ends, start)
        high = bisect_right(self._starts, end)
        if low >= high:
            return False
        left = [(self._starts[low], start - 1)] if self._starts[low] < start else []
        right = [(end + 1, self._ends[high - 1])] if self._ends[high - 1] > end else []
        self.count -= sum(self._ends[i] - self._starts[i] + 1 for i in range(low, high))
        kept = left + right
        self._starts[low:high] = [s for s, _ in kept]
        self._ends[low:high] = [e for _, e in kept]
        self.count += sum(e - s + 1 for s, e in kept)
        return True

    def outside(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The parts of start … end that are not in the set, in order."""
        at = bisect_left(self._ends, start)
        while at < len(self._starts) and self._starts[at] <= end:
            if self._starts[at] > start:
                yield start, self._starts[at] - 1
            start = self._ends[at] + 1
            at += 1
        if start <= end:
            yield start, end

    def interval_of(self, number: int) -> tuple[int, int] | None:
        """The interval that the number is in; None where it is in none."""
        at = bisect_right(self._starts, number) - 1
        return (self._starts[at], self._ends[at]) if at >= 0 and self._ends[at] >= number else None

    def discard_above(self, limit: int) -> list[tuple[int, int]]:
        """Take out everything greater than `limit`; the intervals that reached beyond it, as they were."""
        at = bisect_right(self._ends, limit)
        gone = list(zip(self._starts[at:], self._ends[at:], strict=True))
        if gone:
            self.discard(limit + 1, gone[-1][1])
        return gone

    def first_numbers(self, limit: int) -> list[int]:
        """The first `limit` integers, for people."""
        numbers: list[int] = []
        for start, end in self:
            if len(numbers) >= limit:
                break
            numbers.extend(range(start, min(end, start + limit - len(numbers) - 1) + 1))
        return numbers
