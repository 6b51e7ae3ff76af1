"""Latency quantiles from counts by logarithmic bin: a DDSketch kept as a plain dictionary, so that it can be merged,
taken back and stored in a few bytes. The bins are those of the ddsketch library; the relative error is at most 1 %.
"""

from collections.abc import Iterable
from math import ceil, log
from typing import Final

from ddsketch.mapping import LogarithmicMapping
from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

RELATIVE_ACCURACY = 0.01
ZERO_KEY: Final = -(2**15)  # durations below a microsecond; under every real bin, so that sorting keeps it first

_mapping = LogarithmicMapping(RELATIVE_ACCURACY)
# `_mapping.key` of seconds, with its two logarithms to base 2 taken out of the way: 0.1 µs instead of 0.3.
_BINS_A_LOGARITHM: Final[float] = 1.0 / log(_mapping.gamma)
_BIN_OF_A_MICROSECOND: Final[float] = log(1e-6) * _BINS_A_LOGARITHM

_LOWEST_BIN: Final = -691  # of a microsecond it is one more, of the longest duration 806
_BINS: Final = 1500

Sketch = dict[int, int]  # bin -> count


def bin_of(duration_us: i64) -> int:
    """The bin of a duration in microseconds."""
    if duration_us <= 0:
        return ZERO_KEY
    return ceil(log(float(duration_us)) * _BINS_A_LOGARITHM + _BIN_OF_A_MICROSECOND)


def merge(sketches: Iterable[Sketch]) -> Sketch:
    """The sketch of all that any of them has seen."""
    merged: Sketch = {}
    for one in sketches:
        for key, count in one.items():
            merged[key] = merged.get(key, 0) + count
    return merged


@mypyc_attr(acyclic=True)
class BinCounts:
    """A sketch while very many durations are counted: a column takes each in a tenth of a dictionary's time."""

    __slots__ = ("_counts", "_zeros")

    def __init__(self) -> None:
        self._zeros: i64 = 0
        self._counts = vec[i64]([0] * _BINS)

    def add(self, duration_us: i64) -> None:
        """Count a duration in microseconds."""
        if duration_us <= 0:
            self._zeros += 1
        else:
            place: i64 = bin_of(duration_us) - _LOWEST_BIN
            self._counts[place] += 1

    def add_sketch(self, sketch: Sketch) -> None:
        """Count what a sketch has seen."""
        for key, count in sketch.items():
            if key == ZERO_KEY:
                self._zeros += count
            else:
                self._counts[key - _LOWEST_BIN] += count

    @property
    def sketch(self) -> Sketch:
        """Of all that was counted."""
        found: Sketch = {ZERO_KEY: int(self._zeros)} if self._zeros else {}
        for place in range(_BINS):
            count: i64 = self._counts[place]
            if count:
                found[place + _LOWEST_BIN] = int(count)
        return found


def quantile_seconds(sketch: Sketch, quantile: float) -> float | None:
    """The smallest value that at least this share of the durations do not exceed, within 1 %; None without any.

    By this definition (nearest rank) p95 is above a limit exactly where more than 5 % took longer, as the rules say.
    """
    count = sum(sketch.values())
    if count == 0:
        return None
    rank, seen = -(-round(quantile * 1000) * count // 1000), 0
    for key in sorted(sketch):
        seen += sketch[key]
        if seen >= rank:
            return 0.0 if key == ZERO_KEY else float(_mapping.value(key))
    raise AssertionError("a sketch with a count has a bin at every rank")
