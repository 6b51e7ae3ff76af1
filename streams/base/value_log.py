"""Bytes by key in a log of segments: eight bytes a slot of index in memory, the rest where the owner puts segments.

A record is appended and never overwritten. A segment without live records is used again; where more than half of all is
garbage, the emptiest segments are emptied first: what lives in them moves to the end.
"""

import struct
from collections.abc import Callable, Iterator
from typing import Final

from librt.vecs import append, vec
from mypy_extensions import i64, mypyc_attr

from streams.base.checkpoint_types import SegmentFile
from streams.base.open_table import WHOLE, OpenTable

SEGMENT_SHIFT: Final = 20
SEGMENT_BYTES: Final = 1 << SEGMENT_SHIFT
BEGINNING_BYTES: Final = 16  # of a value, that `put_newest` compares
SPARE_SEGMENTS: Final = 4  # of garbage, beside as much as lives
_READ_BYTES: Final = 4096  # at once: most records have less
_UNIT_SHIFT: Final = 4  # records begin at a multiple of 16 bytes
_HASH_BITS: Final = 28  # of a table's entry; above them lies the place, counted from 1
_HASH: Final = (1 << _HASH_BITS) - 1
_FREE: Final = -1
_CONTINUED: Final = -2  # a further segment of a record that is longer than one

_HEAD = struct.Struct("<II")
_HEAD_BYTES: Final = 8
_lengths: Final[Callable[[bytes | bytearray, int], tuple[int, int]]] = _HEAD.unpack_from
_put_head: Final[Callable[[memoryview, int, int, int], None]] = _HEAD.pack_into


def _record_bytes(key_bytes: i64, value_bytes: i64) -> i64:
    return (_HEAD_BYTES + key_bytes + value_bytes + 15) & -16


def _write(content: memoryview, at: i64, key: bytes, value: bytes) -> None:
    key_at: i64 = at + _HEAD_BYTES
    value_at: i64 = key_at + len(key)
    _put_head(content, at, len(key), len(value))
    content[key_at:value_at] = key
    content[value_at : value_at + len(value)] = value


@mypyc_attr(acyclic=True)
class ValueLog:
    """Behaves as a dictionary. What `file` does not take stays in memory, as the last segment does."""

    __slots__ = (
        "_changes", "_count", "_file", "_found", "_found_at", "_held", "_is_new", "_last", "_live", "_position",
        "_table", "_tail", "_used", "_value_bytes", "_view", "in_use", "live_bytes",
    )  # fmt: skip

    def __init__(self, file: SegmentFile) -> None:
        self._file = file
        self._table = OpenTable(0)
        self._held: dict[int, bytes | bytearray] = {}  # segments that are in memory
        self._live = vec[i64]()  # of each segment: bytes of its live records, or _FREE or _CONTINUED
        self._used = vec[i64]()  # of each segment: bytes that were written
        self._count: i64 = 0
        self._changes: i64 = 0
        self.in_use: i64 = 0  # segments
        self.live_bytes: i64 = 0
        self._found: bytes | bytearray = b""  # by `_look`: where the record's bytes are
        self._found_at: i64 = 0  # and its value in them
        self._position: i64 = 0  # and the record in the log
        self._value_bytes: i64 = 0
        self._last: i64 = -1
        self._tail = bytearray(SEGMENT_BYTES)  # what is in the last segment; the same one for all of them
        self._view = memoryview(self._tail)
        self._is_new = False  # a segment was begun since there was a look for garbage
        self._begin()

    def __len__(self) -> int:
        return self._count

    def get(self, key: bytes) -> bytes | None:
        """The value; None where there is none."""
        hashed: i64 = hash(key) & _HASH
        if self._look(key, hashed, max(_READ_BYTES, _HEAD_BYTES + len(key))) < 0:
            return None
        return self._value(self._value_bytes)

    def put(self, key: bytes, value: bytes) -> None:
        """Set it."""
        hashed: i64 = hash(key) & _HASH
        self._put(key, value, hashed, self._look(key, hashed, _HEAD_BYTES + len(key)))

    def put_newest(self, key: bytes, value: bytes, is_older: Callable[[bytes, bytes], bool]) -> None:
        """Set it, unless it is older than the first `BEGINNING_BYTES` of what is there."""
        hashed: i64 = hash(key) & _HASH
        slot = self._look(key, hashed, _HEAD_BYTES + len(key) + BEGINNING_BYTES)
        if slot < 0 or not is_older(value, self._value(min(BEGINNING_BYTES, self._value_bytes))):
            self._put(key, value, hashed, slot)

    def remove(self, key: bytes) -> None:
        """Drop it, if it is there."""
        hashed: i64 = hash(key) & _HASH
        slot = self._look(key, hashed, _HEAD_BYTES + len(key))
        if slot >= 0:
            self._found = b""
            self._changes += 1
            entry: i64 = self._table.slots[slot]
            self._table.remove(entry)
            self._count -= 1
            self._release(_record_bytes(len(key), self._value_bytes))

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All of them, in no order. Raises RuntimeError if one is changed meanwhile."""
        changes = self._changes
        for segment in range(len(self._live)):
            if self._live[segment] > 0:
                content = self._content(segment)
                at, end = 0, self._used[segment]
                while at < end:
                    key_bytes, value_bytes = _lengths(content, at)
                    value_at = at + _HEAD_BYTES + key_bytes
                    key = bytes(content[at + _HEAD_BYTES : value_at])
                    if self._slot_of(key, (segment << SEGMENT_SHIFT) + at) >= 0:
                        yield key, bytes(content[value_at : value_at + value_bytes])
                        if self._changes != changes:
                            raise RuntimeError("stored values changed while all of them were read")
                    at += _record_bytes(key_bytes, value_bytes)

    # --- finding

    def _look(self, key: bytes, hashed: i64, most: i64) -> i64:
        """The slot, -1: none. Reads `most` bytes of a record, and leaves its place in attributes."""
        table = self._table
        slot = table.find(hashed, _HASH, hashed)
        while slot >= 0:
            if self._is_at(((table.slots[slot] >> _HASH_BITS) - 1) << _UNIT_SHIFT, key, most):
                return slot
            slot = table.find(hashed, _HASH, slot + 1)
        return -1

    def _is_at(self, position: i64, key: bytes, most: i64) -> bool:
        found = self._held.get(position >> SEGMENT_SHIFT)
        at: i64 = position & (SEGMENT_BYTES - 1)
        if found is None:
            found, at = self._file.read(position, most), 0
        key_bytes, value_bytes = _lengths(found, at)
        at += _HEAD_BYTES
        if key_bytes != len(key) or found[at : at + key_bytes] != key:
            return False
        self._found, self._found_at, self._position, self._value_bytes = found, at + key_bytes, position, value_bytes
        return True

    def _value(self, length: i64) -> bytes:
        """The beginning of what `_look` found."""
        found, at = self._found, self._found_at
        self._found = b""
        if at + length > len(found):
            return self._file.read(self._position + at, length)
        return bytes(found[at : at + length])

    def _slot_of(self, key: bytes, position: i64) -> i64:
        """Of the record there, -1 where it is garbage."""
        hashed: i64 = hash(key) & _HASH
        entry: i64 = ((position >> _UNIT_SHIFT) + 1) << _HASH_BITS | hashed
        return self._table.find(entry, WHOLE, entry)

    def _content(self, segment: i64) -> bytes | bytearray:
        held = self._held.get(segment)
        return self._file.read(segment << SEGMENT_SHIFT, self._used[segment]) if held is None else held

    # --- changing

    def _put(self, key: bytes, value: bytes, hashed: i64, slot: i64) -> None:
        self._found = b""
        self._changes += 1
        entry = self._append(key, value) << _HASH_BITS | hashed
        if slot < 0:
            self._table.put(entry)
            self._count += 1
        else:
            self._table.slots[slot] = entry
            self._release(_record_bytes(len(key), self._value_bytes))
        if self._is_new:
            self._tidy()

    def _append(self, key: bytes, value: bytes) -> i64:
        """Its place."""
        size = _record_bytes(len(key), len(value))
        if self._used[self._last] + size > SEGMENT_BYTES:
            if size > SEGMENT_BYTES:
                return self._append_long(key, value, size)
            self._begin()
        last = self._last
        at = self._used[last]
        _write(self._view, at, key, value)
        self._live[last] += size
        self._used[last] = at + size
        self.live_bytes += size
        return (((last << SEGMENT_SHIFT) + at) >> _UNIT_SHIFT) + 1

    def _append_long(self, key: bytes, value: bytes, size: i64) -> i64:
        first = self._take((size + SEGMENT_BYTES - 1) >> SEGMENT_SHIFT)
        content = bytearray(size)
        _write(memoryview(content), 0, key, value)
        self._live[first] = self._used[first] = size
        self.live_bytes += size
        self._hand_over(first, content)
        return (first << (SEGMENT_SHIFT - _UNIT_SHIFT)) + 1

    def _begin(self) -> None:
        """The last segment is full: another one is written to, or the same anew where all in it is garbage."""
        if self._last >= 0:
            if not self._live[self._last]:
                self._used[self._last] = 0
                return
            self._hand_over(self._last, self._tail)
        self._last = self._take(1)
        self._held[self._last] = self._tail

    def _hand_over(self, segment: i64, content: bytearray) -> None:
        self._held.pop(segment, None)
        with memoryview(content)[: self._used[segment]] as used:
            if not self._file.write(segment << SEGMENT_SHIFT, used):
                self._held[segment] = bytes(used)

    def _take(self, wanted: i64) -> i64:
        """The first of so many segments in a row that are free, or are new."""
        live = self._live
        first: i64 = 0
        end: i64 = len(live)
        if end - self.in_use >= wanted:
            free: i64 = 0
            for segment in range(end):
                free = free + 1 if live[segment] == _FREE else 0
                if free == wanted:
                    break
            first = segment + 1 - free
        else:
            first = end
        while len(self._live) < first + wanted:
            self._live, self._used = append(self._live, _FREE), append(self._used, 0)
        for segment in range(first, first + wanted):
            self._live[segment] = 0 if segment == first else _CONTINUED
            self._used[segment] = 0
        self.in_use += wanted
        self._is_new = True
        return first

    # --- garbage

    def _release(self, size: i64) -> None:
        """What `_look` found is garbage."""
        segment: i64 = self._position >> SEGMENT_SHIFT
        self._live[segment] -= size
        self.live_bytes -= size
        if not self._live[segment] and segment != self._last:
            self._free(segment)

    def _free(self, segment: i64) -> None:
        self._held.pop(segment, None)
        self._live[segment] = _FREE
        self.in_use -= 1
        segment += 1
        while segment < len(self._live) and self._live[segment] == _CONTINUED:
            self._live[segment] = _FREE
            self.in_use -= 1
            segment += 1

    def _tidy(self) -> None:
        self._is_new = False
        while (self.in_use - SPARE_SEGMENTS) * SEGMENT_BYTES > 2 * self.live_bytes:
            emptiest: i64 = -1
            least: i64 = SEGMENT_BYTES // 2 + 1
            for segment in range(len(self._live)):
                if 0 <= self._live[segment] < least and segment != self._last and self._used[segment] <= SEGMENT_BYTES:
                    emptiest, least = segment, self._live[segment]
            if emptiest < 0:  # what is lost lies behind long records
                break
            self._empty(emptiest)
        self._is_new = False

    def _empty(self, segment: i64) -> None:
        content = self._content(segment)
        at: i64 = 0
        end = self._used[segment]
        while at < end:
            key_bytes, value_bytes = _lengths(content, at)
            value_at: i64 = at + _HEAD_BYTES + key_bytes
            key = bytes(content[at + _HEAD_BYTES : value_at])
            size = _record_bytes(key_bytes, value_bytes)
            slot = self._slot_of(key, (segment << SEGMENT_SHIFT) + at)
            if slot >= 0:
                hashed: i64 = self._table.slots[slot] & _HASH
                place = self._append(key, bytes(content[value_at : value_at + value_bytes]))
                self._table.slots[slot] = place << _HASH_BITS | hashed
                self.live_bytes -= size
            at += size
        self._free(segment)
