"""One minute of operations: totals, latency sketch and, while windows may still need it, every second by itself.

A closed minute no longer changes, so its encoded form is kept and written again without work.
"""

from array import array
from collections.abc import Sequence

import msgspec
from mypy_extensions import mypyc_attr

from streams import tally
from streams.sketch import Sketch, bin_of

MAX_BINS_A_SECOND = 8  # a busier second keeps its counts only; its durations are in the minute's sketch
_GENERAL = 64  # added to the second of a bucket that is not one clean timed operation
_CLEAN = (1 << tally.ATTEMPTED) | (1 << tally.ENDED) | (1 << tally.TIMED)
_CLEAN_MASK = (1 << tally.MICROSECONDS) - 1

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[list[int]]).decode


@mypyc_attr(acyclic=True)
class Pane:
    """A minute or an hour. `seconds` maps a second of the minute to its tally; `bins` maps one with two durations or
    more to their bins, two bytes each, in an object that the garbage collector never looks at.

    While every second knows its bins the sketch follows from them; only a crowded pane keeps one.
    """

    __slots__ = ("_sketch", "bins", "crowded", "encoded", "seconds", "total")

    def __init__(self) -> None:
        self.total = 0
        self.seconds: dict[int, int] = {}
        self.bins: dict[int, bytes] = {}
        self.crowded = False  # some second dropped its bins, or all seconds were dropped
        self._sketch: Sketch = {}
        self.encoded: bytes | None = None

    @property
    def sketch(self) -> Sketch:
        """Counts by bin; not to be changed."""
        if self.crowded:
            return self._sketch
        sketch: Sketch = {}
        for second, counts in self.seconds.items():
            for key in self._bins_of(second, counts) or ():
                sketch[key] = sketch.get(key, 0) + 1
        return sketch

    def _crowd(self) -> None:
        """From now on the sketch is kept. To be called before any second forgets its bins."""
        if not self.crowded:
            self._sketch = self.sketch
            self.crowded = True

    def add(self, second: int, operation: int, latency_bin: int | None) -> None:
        """Count one operation, given as a tally, in a second of the minute."""
        self.encoded = None
        self.total += operation
        counted = self.seconds.get(second)
        if counted is not None:
            if latency_bin is not None:
                self._add_bin(second, counted, latency_bin)
            operation += counted
        if self.crowded and latency_bin is not None:
            self._sketch[latency_bin] = self._sketch.get(latency_bin, 0) + 1
        self.seconds[second] = operation

    def _add_bin(self, second: int, counted: int, latency_bin: int) -> None:
        """Bins are kept for two to eight durations; keeping the first few of more would depend on their order."""
        timed = tally.field(counted, tally.TIMED)
        if timed == 1:
            self.bins[second] = _packed(bin_of(counted >> tally.MICROSECONDS)) + _packed(latency_bin)
        elif timed and second in self.bins:
            if timed == MAX_BINS_A_SECOND:
                self._crowd()
                del self.bins[second]
            else:
                self.bins[second] += _packed(latency_bin)

    def remove(self, second: int, operation: int, latency_bin: int | None) -> None:
        """Take back what `add` counted. Only what was added may be removed."""
        self.encoded = None
        self.total -= operation
        if self.crowded and latency_bin is not None:
            self._take(latency_bin)
        counted = self.seconds.get(second, 0)
        known = self._bins_of(second, counted)
        if counted == operation:
            del self.seconds[second]
        else:
            self.seconds[second] = counted - operation
        if known and latency_bin in known:
            known.remove(latency_bin)
            self._keep_bins(second, known)

    def _bins_of(self, second: int, counted: int) -> list[int] | None:
        """The bins of a second's durations; those of a single one follow from its duration. None: not kept."""
        timed = tally.field(counted, tally.TIMED)
        if timed < 2:
            return [bin_of(counted >> tally.MICROSECONDS)] if timed else []
        packed = self.bins.get(second)
        return None if packed is None else _unpacked(packed)

    def _keep_bins(self, second: int, bins: list[int]) -> None:
        if len(bins) > 1:
            self.bins[second] = b"".join([_packed(one) for one in bins])
        else:
            self.bins.pop(second, None)

    def add_many(self, second: int | None, operations: int, bins: Sketch) -> None:
        """Count many operations at once, in a second of the minute or, where that no longer matters, without it."""
        self.encoded = None
        before = 0 if second is None else self.seconds.get(second, 0)
        known = None if second is None else self._bins_of(second, before)
        if known is None or sum(bins.values(), len(known)) > MAX_BINS_A_SECOND:
            self._crowd()
            known = None
        self.total += operations
        if self.crowded:
            for key, count in bins.items():
                self._sketch[key] = self._sketch.get(key, 0) + count
                if not self._sketch[key]:
                    del self._sketch[key]
        if second is None:
            return
        if before + operations:
            self.seconds[second] = before + operations
        else:
            self.seconds.pop(second, None)
        if known is None:
            self.bins.pop(second, None)
            return
        for key, count in bins.items():
            known.extend([key] * count)
            for _ in range(-count):
                known.remove(key)
        self._keep_bins(second, known)

    def add_total(self, operation: int, latency_bin: int | None, count: int) -> None:
        """Count (+1) or take back (-1) one operation without its second."""
        self.encoded = None
        self._crowd()
        self.total += operation * count
        if latency_bin is not None:
            if count > 0:
                self._sketch[latency_bin] = self._sketch.get(latency_bin, 0) + count
            else:
                self._take(latency_bin)

    def _take(self, latency_bin: int) -> None:
        left = self._sketch.get(latency_bin, 0) - 1
        if left > 0:
            self._sketch[latency_bin] = left
        else:
            self._sketch.pop(latency_bin, None)

    def absorb(self, other: "Pane") -> None:
        """Add another pane's totals, as an hour takes its minutes."""
        self.encoded = None
        self._crowd()
        self.total += other.total
        for key, count in other.sketch.items():
            self._sketch[key] = self._sketch.get(key, 0) + count

    def drop_seconds(self) -> None:
        """Keep only the minute as a whole."""
        if self.seconds:
            self._crowd()
            self.seconds, self.bins = {}, {}
            self.encoded = None

    def exact_bins(self, seconds: Sequence[int]) -> list[int] | None:
        """The bins of these seconds; None where one of them does not keep its bins."""
        found: list[int] = []
        for second in seconds:
            bins = self._bins_of(second, self.seconds.get(second, 0))
            if bins is None:
                return None
            found.extend(bins)
        return found

    def encode(self) -> bytes:
        """The pane in as few bytes as its history needs; kept until the pane changes."""
        if self.encoded is None:
            summary = [*tally.unpack(self.total), *_flat(self._sketch)] if self.crowded else []
            self.encoded = _pack([summary, self._encode_seconds()])
        return self.encoded

    def _encode_seconds(self) -> list[int]:
        flat: list[int] = []
        for second in sorted(self.seconds):
            counts = self.seconds[second]
            if counts & _CLEAN_MASK == _CLEAN:
                flat.append(second)
                flat.append(counts >> tally.MICROSECONDS)
            else:
                bins = sorted(_unpacked(self.bins.get(second, b"")))
                flat += (second + _GENERAL, *tally.unpack(counts), len(bins), *bins)
        return flat

    @classmethod
    def decode(cls, encoded: bytes) -> "Pane":
        """Inverse of `encode`."""
        summary, flat = _unpack(encoded)
        pane = cls()
        pane._decode_seconds(flat)
        if summary:
            end = tally.length(summary[0])
            pane.total = tally.pack(summary[:end])
            pane._sketch = dict(zip(summary[end::2], summary[end + 1 :: 2], strict=True))
            pane.crowded = True
        pane.encoded = encoded
        return pane

    def _decode_seconds(self, flat: list[int]) -> None:
        at = 0
        while at < len(flat):
            second = flat[at]
            if second < _GENERAL:
                duration_us = flat[at + 1]
                self.add(second, _CLEAN | duration_us << tally.MICROSECONDS, bin_of(duration_us))
                at += 2
                continue
            second -= _GENERAL
            end = at + 1 + tally.length(flat[at + 1])
            counts = tally.pack(flat[at + 1 : end])
            bins = flat[end + 1 : end + 1 + flat[end]]
            at = end + 1 + len(bins)
            self.seconds[second] = counts
            self.total += counts
            self._keep_bins(second, bins)


def _packed(latency_bin: int) -> bytes:
    return latency_bin.to_bytes(2, "little", signed=True)


def _unpacked(packed: bytes) -> list[int]:
    return array("h", packed).tolist()


def _flat(sketch: Sketch) -> list[int]:
    return [number for key in sorted(sketch) for number in (key, sketch[key])]
