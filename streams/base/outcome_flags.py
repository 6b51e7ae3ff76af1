"""What one operation adds to the counts, as a small number (its kind) and a duration, and sums of many operations.

Nearly every operation is of one kind: it succeeded, with a duration and nothing else. Sums count those by
themselves in native integers; only the others cost an addition of whole tallies (20 ns for each sum).
"""

from typing import Final

from mypy_extensions import i64, mypyc_attr

from streams.base import packed_counts
from streams.base.sketch import bin_of

FAILED: Final = 1  # flags of an ending; a kind is some of them, or OPEN
RETRIED: Final = 2
TIMED: Final = 4
SAID_CONFLICT: Final = 8
SLOW: Final[tuple[int, ...]] = (16, 32, 64, 128)  # slower than the i-th latency limit
OPEN: Final = 256  # no ending yet, only conflicts
CONFLICTED_KINDS: Final = SAID_CONFLICT | OPEN  # flags of what counts as conflicted
KIND_BITS: Final = 9
KIND_MASK: Final = (1 << KIND_BITS) - 1
DURATION_BITS: Final = 44  # MAX_DURATION_US fits
DURATION_MASK: Final = (1 << DURATION_BITS) - 1

CLEAN: Final = TIMED  # the kind of nearly all
LONG_US: Final = 1 << 32  # 71 minutes; clean ones as long count as the others do, so that native sums cannot overflow

_FIELDS = {
    FAILED: packed_counts.FAILED,
    RETRIED: packed_counts.RETRIED,
    TIMED: packed_counts.TIMED,
    SAID_CONFLICT: packed_counts.CONFLICTED,
}
_FIELDS |= dict(zip(SLOW, packed_counts.SLOW, strict=True))
_ENDED = (1 << packed_counts.ATTEMPTED) | (1 << packed_counts.ENDED)
_OPEN = (1 << packed_counts.ATTEMPTED) | (1 << packed_counts.CONFLICTED)


def _tally_of(flags: int) -> int:
    return _ENDED | sum(1 << shift for flag, shift in _FIELDS.items() if flags & flag)


TALLIES: Final[tuple[int, ...]] = (*(_tally_of(flags) for flags in range(OPEN)), _OPEN)  # by kind, without the duration
CLEAN_TALLY: Final = TALLIES[CLEAN]


def tally_of(kind: i64, duration_us: i64) -> int:
    """One operation as a tally."""
    return TALLIES[kind] | int(duration_us) << packed_counts.MICROSECONDS


def bin_if_timed(kind: i64, duration_us: i64) -> int | None:
    """The bin of one operation's duration; None where it has none."""
    return bin_of(duration_us) if kind & TIMED else None


def watched(fields: int) -> int:
    """The flags of all kinds that count for one of these fields, given as a tally's bits."""
    found = sum(flag for flag, shift in _FIELDS.items() if fields & packed_counts.mask(shift))
    return found | OPEN if fields & packed_counts.mask(packed_counts.CONFLICTED) else found


@mypyc_attr(acyclic=True, allow_interpreted_subclasses=False)
class OperationCounts:
    """Takes operations one by one or as a tally. A base class, not a protocol: compiled code calls it as C."""

    __slots__ = ()

    def add(self, kind: i64, duration_us: i64, sign: i64) -> None:
        """Count (+1) or take back (-1) one operation."""
        raise NotImplementedError

    def add_tally(self, tally: int, sign: i64) -> None:
        """Count (+1) or take back (-1) the operations of a tally."""
        raise NotImplementedError


@mypyc_attr(acyclic=True, allow_interpreted_subclasses=False)
class Sums(OperationCounts):
    """A tally in parts: clean operations, the sum of their durations, and all else as a tally.

    Only `total` has a meaning of its own: what was added in one part may have been taken out of another.
    """

    __slots__ = ("clean", "clean_us", "rest")

    def __init__(self) -> None:
        self.clean: i64 = 0
        self.clean_us: i64 = 0
        self.rest = 0

    def add(self, kind: i64, duration_us: i64, sign: i64) -> None:
        """Count (+1) or take back (-1) one operation."""
        if kind == CLEAN and duration_us < LONG_US:
            self.clean += sign
            self.clean_us += sign * duration_us
        elif sign > 0:
            self.rest += tally_of(kind, duration_us)
        else:
            self.rest -= tally_of(kind, duration_us)

    def add_tally(self, tally: int, sign: i64) -> None:
        """Count (+1) or take back (-1) the operations of a tally."""
        self.rest += int(sign) * tally

    @property
    def total(self) -> int:
        """All of it as one tally."""
        return self.rest + int(self.clean) * CLEAN_TALLY + (int(self.clean_us) << packed_counts.MICROSECONDS)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is counted."""
        return not self.clean if not self.rest else not self.total

    def clear(self) -> None:
        """Back to nothing."""
        self.clean = self.clean_us = 0
        self.rest = 0
