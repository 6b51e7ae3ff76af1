"""The busy seconds of a minute, each as a tally and the bins of its first durations; and minutes as a whole.

While every second knows its bins the sketch follows from them; only a crowded minute keeps one.
"""

from array import array

from mypy_extensions import i64, mypyc_attr

from streams.base import packed_counts
from streams.base.sketch import Sketch, bin_of

MAX_BINS_A_SECOND = 8  # a busier second keeps its counts only; its durations are in the minute's sketch


@mypyc_attr(acyclic=True)
class Seconds:
    """`counts` maps a second of the minute to its tally; `bins` maps one with two durations or more to their bins, two
    bytes each, in an object that the garbage collector never looks at."""

    __slots__ = ("_sketch", "bins", "counts", "crowded", "total")

    def __init__(self) -> None:
        self.total = 0
        self.counts: dict[int, int] = {}
        self.bins: dict[int, bytes] = {}
        self.crowded = False  # some second dropped its bins, or all seconds were dropped
        self._sketch: Sketch = {}

    @property
    def sketch(self) -> Sketch:
        """Counts by bin; not to be changed."""
        if self.crowded:
            return self._sketch
        sketch: Sketch = {}
        for second, counts in self.counts.items():
            for key in self._bins_of(second, counts) or ():
                sketch[key] = sketch.get(key, 0) + 1
        return sketch

    def crowd(self, sketch: Sketch) -> None:
        """From now on the sketch is kept, and it is this one."""
        self._sketch, self.crowded = sketch, True

    def _crowd(self) -> None:
        """To be called before any second forgets its bins."""
        if not self.crowded:
            self.crowd(self.sketch)

    def has(self, second: i64) -> bool:
        """Whether this second is one of them."""
        return int(second) in self.counts

    def between(self, first: i64, last: i64) -> int:
        """The tally of the seconds from the first to the last."""
        total = 0
        for second, counts in self.counts.items():
            if first <= second <= last:
                total += counts
        return total

    def add(self, second: int, operation: int, latency_bin: int | None) -> None:
        """Count one operation, given as a tally, in a second of the minute."""
        self.total += operation
        counted = self.counts.get(second)
        if counted is not None:
            if latency_bin is not None:
                self._add_bin(second, counted, latency_bin)
            operation += counted
        if self.crowded and latency_bin is not None:
            self._sketch[latency_bin] = self._sketch.get(latency_bin, 0) + 1
        self.counts[second] = operation

    def _add_bin(self, second: int, counted: int, latency_bin: int) -> None:
        """Bins are kept for two to eight durations; keeping the first few of more would depend on their order."""
        timed = packed_counts.field(counted, packed_counts.TIMED)
        if timed == 1:
            self.bins[second] = _packed(bin_of(counted >> packed_counts.MICROSECONDS)) + _packed(latency_bin)
        elif timed and second in self.bins:
            if timed == MAX_BINS_A_SECOND:
                self._crowd()
                del self.bins[second]
            else:
                self.bins[second] += _packed(latency_bin)

    def remove(self, second: int, operation: int, latency_bin: int | None) -> None:
        """Take back what `add` counted. Only what was added may be removed."""
        self.total -= operation
        if self.crowded and latency_bin is not None:
            self._take(latency_bin)
        counted = self.counts.get(second, 0)
        known = self._bins_of(second, counted)
        if counted == operation:
            del self.counts[second]
        else:
            self.counts[second] = counted - operation
        if known and latency_bin in known:
            known.remove(latency_bin)
            self._keep_bins(second, known)

    def _bins_of(self, second: int, counted: int) -> list[int] | None:
        """The bins of a second's durations; those of a single one follow from its duration. None: not kept."""
        timed = packed_counts.field(counted, packed_counts.TIMED)
        if timed < 2:
            return [bin_of(counted >> packed_counts.MICROSECONDS)] if timed else []
        packed = self.bins.get(second)
        return None if packed is None else _unpacked(packed)

    def _keep_bins(self, second: int, bins: list[int]) -> None:
        if len(bins) > 1:
            self.bins[second] = b"".join([_packed(one) for one in bins])
        else:
            self.bins.pop(second, None)

    def add_many(self, second: int, operations: int, bins: Sketch) -> None:
        """Count many operations at once in a second of the minute; counts may be negative, to take back."""
        before = self.counts.get(second, 0)
        known = self._bins_of(second, before)
        if known is not None and sum(bins.values(), len(known)) > MAX_BINS_A_SECOND:
            known = None
        if known is None:
            self._crowd()
        self._add_whole(operations, bins)
        if before + operations:
            self.counts[second] = before + operations
        else:
            self.counts.pop(second, None)
        self._keep_bins(second, [] if known is None else _changed(known, bins))

    def absorb(self, operations: int, bins: Sketch) -> None:
        """Count many operations at once without their seconds; counts may be negative, to take back."""
        self._crowd()
        self._add_whole(operations, bins)

    def _add_whole(self, operations: int, bins: Sketch) -> None:
        self.total += operations
        if self.crowded:
            for key, count in bins.items():
                self._sketch[key] = self._sketch.get(key, 0) + count
                if not self._sketch[key]:
                    del self._sketch[key]

    def add_total(self, operation: int, latency_bin: int | None, sign: int) -> None:
        """Count (+1) or take back (-1) one operation without its second."""
        self._crowd()
        self.total += operation * sign
        if latency_bin is not None:
            if sign > 0:
                self._sketch[latency_bin] = self._sketch.get(latency_bin, 0) + 1
            else:
                self._take(latency_bin)

    def _take(self, latency_bin: int) -> None:
        left = self._sketch.get(latency_bin, 0) - 1
        if left > 0:
            self._sketch[latency_bin] = left
        else:
            self._sketch.pop(latency_bin, None)

    def drop_seconds(self) -> None:
        """Keep only the minute as a whole."""
        self._crowd()
        self.counts, self.bins = {}, {}

    def forget(self, fields: int) -> None:
        """Drop these fields, given as a tally's bits, of all that is counted."""
        self.total &= ~fields
        self.counts = {second: counts & ~fields for second, counts in self.counts.items()}

    def sketch_between(self, first: int, last: int) -> Sketch | None:
        """Counts by bin in these seconds; None where one of them does not keep its bins."""
        sketch: Sketch = {}
        for second, counts in self.counts.items():
            if first <= second <= last:
                bins = self._bins_of(second, counts)
                if bins is None:
                    return None
                for key in bins:
                    sketch[key] = sketch.get(key, 0) + 1
        return sketch

    def kept_bins(self, second: int) -> list[int]:
        """The bins of a second that keeps several; else none."""
        return _unpacked(self.bins.get(second, b""))

    def restore(self, second: int, counts: int, bins: list[int]) -> None:
        """Take a second as it was stored, with `kept_bins`."""
        self.counts[second] = counts
        self.total += counts
        self._keep_bins(second, bins)


def _changed(bins: list[int], by: Sketch) -> list[int]:
    for key, count in by.items():
        bins.extend([key] * count)
        for _ in range(-count):
            bins.remove(key)
    return bins


def _packed(latency_bin: int) -> bytes:
    return latency_bin.to_bytes(2, "little", signed=True)


def _unpacked(packed: bytes) -> list[int]:
    return array("h", packed).tolist()
