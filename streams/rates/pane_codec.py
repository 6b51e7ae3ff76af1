"""A pane as bytes, and back. The same operations are always the same bytes, however they are kept in memory.

pane    = msgpack [summary, seconds]    both are flat arrays of integers
summary = (nothing)                     it follows from the seconds, as long as each of them has its bins
        | counts (bin count)*           sums and sketch of the whole pane
seconds = (clean | busy)*               by second
clean   = second duration_us            one operation of the kind CLEAN
busy    = 64+second counts n bin{n}     n = 0 where the bin of a single duration follows from it, or there is none
counts  = present duration_us count*    one count for each bit of `present`: `packed_counts.unpack`
"""

from typing import Final

import msgspec
from librt.vecs import vec
from mypy_extensions import i64

from streams.base import packed_counts
from streams.base.outcome_flags import CLEAN, CLEAN_TALLY, TALLIES, TIMED
from streams.base.sketch import bin_of
from streams.rates.busy_seconds import Seconds
from streams.rates.packed_operation import duration_of, kind_of, second_of
from streams.rates.panes import Pane

_BUSY: Final = 64  # above every second
_NOTHING_FOLDED: Final = Seconds()
_pack: Final = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[list[int]]).decode
# By kind: the counts of one operation in four bits each, enough for the few of one second (twice as fast as tallies).
_FEW: Final = vec[i64](
    [
        sum(1 << 4 * place for place, shift in enumerate(packed_counts.FIELDS) if packed_counts.field(one, shift))
        for one in TALLIES
    ]
)


def encode(pane: Pane) -> bytes:
    """The bytes of a pane; kept with it until it changes."""
    encoded = pane.encoded
    if encoded is None:
        summary: list[int] = []
        if pane.folded is not None and pane.folded.crowded:
            sketch = pane.sketch
            summary = packed_counts.unpack(pane.total)
            summary += [number for key in sorted(sketch) for number in (key, sketch[key])]
        encoded = pane.encoded = _pack([summary, _seconds_of(pane)])
    return encoded


def _seconds_of(pane: Pane) -> list[int]:
    flat: list[int] = []
    entries, folded = pane.entries, pane.folded or _NOTHING_FOLDED
    folded_seconds = sorted(folded.counts, reverse=True)
    at: i64 = 0
    count: i64 = len(entries)
    while at < count:
        second: i64 = second_of(entries[at])
        while folded_seconds and folded_seconds[-1] < second:
            _put_folded(flat, folded, folded_seconds.pop())
        end: i64 = at + 1
        while end < count and second_of(entries[end]) == second:
            end += 1
        if end == at + 1 and kind_of(entries[at]) == CLEAN:
            flat.append(int(second))
            flat.append(int(duration_of(entries[at])))
        else:
            _put_entries(flat, second, entries, at, end)
        at = end
    while folded_seconds:
        _put_folded(flat, folded, folded_seconds.pop())
    return flat


def _put_folded(flat: list[int], folded: Seconds, second: int) -> None:
    counts = folded.counts[second]
    duration_us = packed_counts.microseconds(counts)
    if counts - (duration_us << packed_counts.MICROSECONDS) == CLEAN_TALLY:
        flat.append(second)
        flat.append(duration_us)
    else:
        flat.append(second + _BUSY)
        flat.extend(packed_counts.unpack(counts))
        _put_bins(flat, folded.kept_bins(second))


def _put_entries(flat: list[int], second: i64, entries: vec[i64], at: i64, end: i64) -> None:
    """A busy second of 15 entries at most: in four bits a larger count has no room."""
    bins = list[int]()
    few: i64 = 0
    duration_us: i64 = 0
    while at < end:
        entry: i64 = entries[at]
        few += _FEW[kind_of(entry)]
        duration_us += duration_of(entry)
        if kind_of(entry) & TIMED:
            bins.append(bin_of(duration_of(entry)))
        at += 1
    flat.append(int(second) + _BUSY)
    present: i64 = 0
    bit: i64 = 1
    counts = list[int]()
    while few:
        if few & 15:
            present |= bit
            counts.append(int(few & 15))
        few >>= 4
        bit <<= 1
    flat.append(int(present))
    flat.append(int(duration_us))
    flat.extend(counts)
    _put_bins(flat, bins if len(bins) > 1 else [])


def _put_bins(flat: list[int], bins: list[int]) -> None:
    bins.sort()
    flat.append(len(bins))
    flat.extend(bins)


def decode(encoded: bytes) -> Pane:
    """Inverse of `encode`."""
    summary, flat = _unpack(encoded)
    pane = Pane()
    at = 0
    while at < len(flat):
        if flat[at] < _BUSY:
            pane.add(flat[at], CLEAN, flat[at + 1])
            at += 2
        else:
            at = _read_busy(pane, flat, at)
    if summary:
        end = packed_counts.length(summary[0])
        sketch = dict(zip(summary[end::2], summary[end + 1 :: 2], strict=True))
        pane.restore_whole(packed_counts.pack(summary[:end]), sketch)
    pane.encoded = encoded
    return pane


def _read_busy(pane: Pane, flat: list[int], at: int) -> int:
    """Read a busy second; answers where the next one begins."""
    end = at + 1 + packed_counts.length(flat[at + 1])
    next_one = end + 1 + flat[end]
    pane.restore_second(flat[at] - _BUSY, packed_counts.pack(flat[at + 1 : end]), flat[end + 1 : next_one])
    return next_one
