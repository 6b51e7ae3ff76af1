"""One operation of a minute as a number of 62 bits: its second, kind and duration, in this order.

Sorted entries stand in the order of their seconds, and are the same for the same operations.
"""

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64

from streams.base import packed_counts
from streams.base.outcome_flags import (
    DURATION_BITS,
    DURATION_MASK,
    KIND_BITS,
    KIND_MASK,
    TALLIES,
    TIMED,
    bin_if_timed,
    tally_of,
)
from streams.base.sketch import bin_of
from streams.rates.busy_seconds import GENERAL

SECOND_SHIFT: Final = DURATION_BITS + KIND_BITS
# By kind: the fields of a tally in four bits each, enough for a second that is not busy (2 times faster).
_FEW = vec[i64](
    [
        sum(1 << 4 * place for place, shift in enumerate(packed_counts.FIELDS) if packed_counts.field(one, shift))
        for one in TALLIES
    ]
)


def entry_of(second: i64, kind: i64, duration_us: i64) -> i64:
    """The entry of an operation in a second of the minute."""
    return second << SECOND_SHIFT | kind << DURATION_BITS | duration_us


def tally_in(entry: i64) -> int:
    """The operation as a tally."""
    return tally_of(entry >> DURATION_BITS & KIND_MASK, entry & DURATION_MASK)


def bin_in(entry: i64) -> int | None:
    """The bin of its duration; None where it told none."""
    return bin_if_timed(entry >> DURATION_BITS & KIND_MASK, entry & DURATION_MASK)


def encode_run(entries: vec[i64], at: i64, end: i64, flat: list[int]) -> None:
    """Append the stored form of a second with several operations (15 at most), or with one that is not clean."""
    flat.append(int(entries[at] >> SECOND_SHIFT) + GENERAL)
    bins = list[int]()
    few: i64 = 0
    duration_us: i64 = 0
    while at < end:
        entry: i64 = entries[at]
        kind: i64 = entry >> DURATION_BITS & KIND_MASK
        few += _FEW[kind]
        duration_us += entry & DURATION_MASK
        if kind & TIMED:
            bins.append(bin_of(entry & DURATION_MASK))
        at += 1
    place: i64 = 0
    present: i64 = 0
    while few >> 4 * place:
        if few >> 4 * place & 15:
            present |= 1 << place
        place += 1
    flat.append(int(present))
    flat.append(int(duration_us))
    while few:
        if few & 15:
            flat.append(int(few & 15))
        few >>= 4
    if len(bins) < 2:  # the bin of a single duration follows from it
        flat.append(0)
    else:
        bins.sort()
        flat.append(len(bins))
        flat.extend(bins)
