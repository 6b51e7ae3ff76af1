"""One operation of a minute as a number of 62 bits: its second, kind and duration, in this order.

Sorted entries stand in the order of their seconds, and are the same for the same operations.
"""

from typing import Final

from mypy_extensions import i64

from streams.base.outcome_flags import DURATION_BITS, DURATION_MASK, KIND_BITS, KIND_MASK, bin_if_timed, tally_of

SECOND_SHIFT: Final = DURATION_BITS + KIND_BITS


def entry_of(second: i64, kind: i64, duration_us: i64) -> i64:
    """The entry of an operation in a second of the minute."""
    return second << SECOND_SHIFT | kind << DURATION_BITS | duration_us


def second_of(entry: i64) -> i64:
    """The second of the minute."""
    return entry >> SECOND_SHIFT


def kind_of(entry: i64) -> i64:
    """The operation's kind, as `streams.base.outcome_flags` has them."""
    return entry >> DURATION_BITS & KIND_MASK


def duration_of(entry: i64) -> i64:
    """The operation's duration in microseconds."""
    return entry & DURATION_MASK


def tally_in(entry: i64) -> int:
    """The operation as a tally."""
    return tally_of(kind_of(entry), duration_of(entry))


def bin_in(entry: i64) -> int | None:
    """The bin of its duration; None where it has none."""
    return bin_if_timed(kind_of(entry), duration_of(entry))
