"""The owners of one chunk of 256 consecutive numbers. If no number in between is free and all ids have one length, as
usual, the owners are kept as the stored rows; otherwise one by one.

A chunk of the same owners is always stored as the same bytes, which are msgpack:

    93                              an array of three
    first                           the offset of the first owner: one byte, from 128 on cc and a byte
    c4 length prefix                what all owners have in common at their beginning; c5 and two bytes where it is long
    9n | dc n n                     how many offsets follow, up to the last owner
    (c4 length rest | c0){n}        what else its owner is; nil where the number is free

Rows are the last part where each is of one length and none is nil.
"""

from typing import Final

import msgspec
from librt.strings import BytesWriter
from mypy_extensions import i64, mypyc_attr

from streams.base.packing import put_array, put_bytes, put_integer

CHUNK_SHIFT: Final = 8  # numbers are kept in chunks of 256, each a bounded part of the stored state
CHUNK_NUMBERS: Final = 1 << CHUNK_SHIFT

_MAX_REST: Final = 255  # bytes; the length of a longer one takes two bytes
_BYTES: Final = 0xC4
_BYTE_NUMBER: Final = 0xCC
_ARRAY_OF_3: Final = 0x93
_SHORT_ARRAY: Final = 0x90
_ARRAY: Final = 0xDC
_HEADS: Final = [bytes([_BYTES, length]) for length in range(_MAX_REST + 1)]
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[int, bytes, list[bytes | None]])


@mypyc_attr(acyclic=True)
class Chunk:
    """Offsets are those of the numbers within the chunk."""

    __slots__ = ("_first", "_loose", "_prefix", "_rows", "_size", "_width", "index", "is_changed")

    def __init__(self, index: int) -> None:
        self.index = index
        self.is_changed = True  # since it was last stored
        self._loose: list[bytes | None] | None = None  # the owners from offset 0 on, where they are no rows
        self._first: i64 = 0
        self._size: i64 = 0  # how many rows
        self._width: i64 = 2  # bytes of a row: two with the mark and the length, then the rest of the owner
        self._prefix = b""
        self._rows = b""

    def put(self, offset: i64, episode: bytes) -> None:
        """The episode holds this number, in place of another one."""
        self.is_changed = True
        rest: i64 = self._width - 2
        cut: i64 = len(self._prefix)
        if (
            self._size and offset == self._first + self._size and len(episode) == cut + rest
            and episode[:cut] == self._prefix
        ):  # fmt: skip
            self._rows += _HEADS[rest] + episode[cut:]
            self._size += 1
            return
        if self._loose is None:
            if self._append(offset, episode):
                return
            self._loosen()
        owners = self._loose
        assert owners is not None
        if offset < len(owners):
            owners[offset] = episode
        else:
            owners.extend([None] * (offset - len(owners)))
            owners.append(episode)

    def clear(self, offset: i64) -> bool:
        """Free the number; returns whether the chunk still has an owner."""
        self.is_changed = True
        self._loosen()
        owners = self._loose
        assert owners is not None
        owners[offset] = None
        while owners and owners[-1] is None:
            owners.pop()
        return bool(owners)

    def owner(self, offset: i64) -> bytes | None:
        """The episode that holds this number; None: free."""
        owners = self._loose
        if owners is not None:
            return owners[offset] if offset < len(owners) else None
        place = offset - self._first
        if place < 0 or place >= self._size:
            return None
        begin = place * self._width
        return self._prefix + self._rows[begin + 2 : begin + self._width]

    def owners(self) -> list[bytes | None]:
        """Of all numbers from the chunk's first on, up to the last that is held; None: free."""
        if self._loose is not None:
            return self._loose
        prefix, rows, width = self._prefix, self._rows, self._width
        owners: list[bytes | None] = [None] * self._first
        for begin in range(2, len(rows) + 2, width):
            owners.append(prefix + rows[begin : begin + width - 2])
        return owners

    def end(self) -> i64:
        """One more than the highest offset that is held."""
        return self._first + self._size if self._loose is None else len(self._loose)

    def held(self) -> i64:
        """How many numbers are held."""
        return self._size if self._loose is None else len(self._loose) - self._loose.count(None)

    def _append(self, offset: i64, episode: bytes) -> bool:
        """Add the first row, or one with less in common; False where it does not go with the others."""
        if self._size == 0:
            self._first, self._size, self._width, self._prefix, self._rows = offset, 1, 2, episode, _HEADS[0]
            return True
        width: i64 = self._width
        if offset != self._first + self._size or len(episode) != len(self._prefix) + width - 2:
            return False
        cut = common_length(self._prefix, episode)
        if cut < len(self._prefix) and not self._widen(cut):
            return False
        self._rows += _HEADS[self._width - 2] + episode[cut:]
        self._size += 1
        return True

    def _widen(self, cut: i64) -> bool:
        """Shorten the common prefix to `cut` bytes."""
        prefix, rows, old = self._prefix, self._rows, self._width
        width: i64 = old + len(prefix) - cut
        if width - 2 > _MAX_REST:
            return False
        head = _HEADS[width - 2] + prefix[cut:]
        self._rows = b"".join([head + rows[at : at + old - 2] for at in range(2, len(rows) + 2, old)])
        self._prefix, self._width = prefix[:cut], width
        return True

    def _loosen(self) -> None:
        if self._loose is None:
            self._loose = self.owners()
            self._rows = self._prefix = b""
            self._size = 0

    # --- storing

    def stored(self) -> bytes:
        """The chunk as bytes."""
        if self._loose is None:
            out = BytesWriter()
            put_array(out, 3)
            put_integer(out, self._first)
            put_bytes(out, self._prefix)
            put_array(out, self._size)
            out.write(self._rows)
            return out.getvalue()
        content = _encode(self._loose)
        self._take_rows(content)
        return content

    def restore(self, content: bytes) -> None:
        """Fill an empty one with what `stored` gave."""
        self.is_changed = False
        if not self._take_rows(content):
            first, prefix, rest = _unpack.decode(content)
            owners: list[bytes | None] = [None] * first
            owners.extend([None if suffix is None else prefix + suffix for suffix in rest])
            self._loose = owners

    def _take_rows(self, content: bytes) -> bool:
        """Take the rows as they are; False where there are none. Two looks along them cost less than a decoding."""
        head = _Head(content)
        if head.byte() != _ARRAY_OF_3:
            return False
        first = head.number()
        prefix = head.short_bytes()
        size = head.array()
        rows = content[head.at :]
        if first < 0 or prefix is None or size <= 0 or len(rows) < 2:
            return False
        width: i64 = 2 + rows[1]
        if not _are_alike(rows, width, size):
            return False
        self._first, self._size, self._width, self._loose = first, size, width, None
        self._prefix, self._rows = prefix, rows
        return True


@mypyc_attr(acyclic=True)
class _Head:
    """Reads the bytes before the rows; -1 and None for an unexpected type or past the end."""

    __slots__ = ("at", "content")

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at: i64 = 0

    def byte(self) -> i64:
        at = self.at
        self.at = at + 1
        return self.content[at] if at < len(self.content) else -1

    def number(self) -> i64:
        mark = self.byte()
        return self.byte() if mark == _BYTE_NUMBER else mark if mark < CHUNK_NUMBERS // 2 else -1

    def short_bytes(self) -> bytes | None:
        if self.byte() != _BYTES:
            return None
        length = self.byte()
        begin = self.at
        self.at = begin + length
        return self.content[begin : self.at]

    def array(self) -> i64:
        mark = self.byte()
        if mark == _ARRAY:
            return self.byte() << 8 | self.byte()
        return mark & 15 if mark & ~15 == _SHORT_ARRAY else -1


def _are_alike(rows: bytes, width: i64, size: i64) -> bool:
    """Whether all rows are bytes of the first one's length: every `width` bytes stand the mark and that length."""
    return len(rows) == size * width and rows[::width] == bytes([_BYTES]) * size and rows[1::width] == rows[1:2] * size


def _encode(owners: list[bytes | None]) -> bytes:
    first, end = 0, len(owners)
    while end and owners[end - 1] is None:
        end -= 1
    while first < end and owners[first] is None:
        first += 1
    present = [owner for owner in owners if owner is not None]
    if not present:
        return _pack([0, b"", []])
    low = min(present)
    cut = common_length(low, max(present))
    return _pack([first, low[:cut], [None if owner is None else owner[cut:] for owner in owners[first:end]]])


def common_length(one: bytes, other: bytes) -> i64:
    """How many bytes at the beginning of both are the same."""
    length: i64 = min(len(one), len(other))
    at: i64 = 0
    while at < length and one[at] == other[at]:
        at += 1
    return at
