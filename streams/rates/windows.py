"""One sliding window `(T - W, T]` of a series, as counts of what is in it; the series moves it."""

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64, mypyc_attr

from streams.base import packed_counts
from streams.base.outcome_flags import CLEAN, CONFLICTED_KINDS, FAILED, OPEN, RETRIED, SLOW, TIMED, OperationCounts

PLACES: Final = len(packed_counts.FIELDS)
_ATTEMPTED: Final = 0  # places of fields; a test compares them with the shifts of `packed_counts`
_ENDED: Final = 1
_FAILED: Final = 2
_CONFLICTED: Final = 3
_RETRIED: Final = 4
_TIMED: Final = 5
_SLOW: Final = 6


def place_of(shift: int) -> int:
    """Where `Window.field` finds a field of a tally."""
    return shift // packed_counts.FIELD_BITS


@mypyc_attr(acyclic=True)
class Window(OperationCounts):
    """Counts over the last `length_seconds`, without durations; `tail` is the last second that has left it.

    No operation of the window lies before second `oldest`; it follows the tail lazily. Clean operations are counted by
    themselves. What was added as clean may be taken out as part of a tally: only `field` has a meaning of its own.
    """

    __slots__ = ("clean", "length_seconds", "oldest", "others", "tail")

    def __init__(self, length_seconds: int) -> None:
        self.length_seconds: i64 = length_seconds
        self.oldest: i64 = 0
        self.tail: i64 = 0
        self.clean: i64 = 0
        self.others = vec[i64]([0] * PLACES)

    def field(self, place: i64) -> i64:
        """One count of the operations in the window."""
        count: i64 = self.others[place]
        return count + self.clean if place <= _ENDED or place == _TIMED else count

    def add(self, kind: i64, duration_us: i64, sign: i64) -> None:
        """Count (+1) or take back (-1) one operation."""
        if kind == CLEAN:
            self.clean += sign
            return
        others = self.others
        others[_ATTEMPTED] += sign
        if kind & CONFLICTED_KINDS:
            others[_CONFLICTED] += sign
        if kind == OPEN:
            return
        others[_ENDED] += sign
        if kind & FAILED:
            others[_FAILED] += sign
        if kind & RETRIED:
            others[_RETRIED] += sign
        if kind & TIMED:
            others[_TIMED] += sign
        for place in range(len(SLOW)):
            if kind & (SLOW[0] << place):
                others[_SLOW + place] += sign

    def add_tally(self, tally: int, sign: i64) -> None:
        """Count (+1) or take back (-1) the operations of a tally."""
        others = self.others
        for place in range(PLACES):
            count: i64 = packed_counts.field(tally, place * packed_counts.FIELD_BITS)
            others[place] += sign * count

    @property
    def attempted(self) -> i64:
        """How many operations are in the window."""
        return self.others[_ATTEMPTED] + self.clean

    def clear(self) -> None:
        """Back to nothing."""
        self.clean = 0
        self.others = vec[i64]([0] * PLACES)

    def forget_slow(self) -> None:
        """Drop what was counted against latency limits that no longer hold."""
        for place in range(_SLOW, PLACES):
            self.others[place] = 0
