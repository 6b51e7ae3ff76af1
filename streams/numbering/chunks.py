"""Who holds the numbers of one chunk, 256 in a row. Where no number between is free and all ids are of one length, as
services give them, the owners are kept as the rows that are stored; otherwise one by one.

Stored are the first offset, the common prefix of the owners and the rest of each up to the last; None where nobody
holds the number. A chunk of the same owners is always stored as the same bytes.
"""

from typing import Final

import msgspec
from mypy_extensions import i64, mypyc_attr

CHUNK_SHIFT: Final = 8  # numbers are kept in chunks of 256, each a bounded part of the stored state
CHUNK_NUMBERS: Final = 1 << CHUNK_SHIFT

_MAX_REST: Final = 255  # bytes; the length of a longer one takes two bytes
_BYTES: Final = b"\xc4"  # these are msgpack's: bytes of which the length is in the next byte
_BYTES_MARK: Final = 0xC4
_LIST_OF_3: Final = 0x93
_BYTE_NUMBER: Final = 0xCC
_SHORT_LIST: Final = 0x90
_SHORT_LIST_MAX: Final = 15
_LIST_MARK: Final = 0xDC
_HEADS: Final = [_BYTES + bytes([length]) for length in range(_MAX_REST + 1)]
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
        self._width: i64 = 2  # bytes of a row: two that tell the length, then the rest of the owner
        self._prefix = b""
        self._rows = b""

    def put(self, offset: i64, episode: bytes) -> None:
        """It holds this number; who held it does so no more."""
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
        """Nobody holds this number; says whether somebody holds another one."""
        self.is_changed = True
        self._loosen()
        owners = self._loose
        assert owners is not None
        owners[offset] = None
        while owners and owners[-1] is None:
            owners.pop()
        return bool(owners)

    def owner(self, offset: i64) -> bytes | None:
        """Who holds this number."""
        owners = self._loose
        if owners is not None:
            return owners[offset] if offset < len(owners) else None
        place = offset - self._first
        if place < 0 or place >= self._size:
            return None
        begin = place * self._width
        return self._prefix + self._rows[begin + 2 : begin + self._width]

    def owners(self) -> list[bytes | None]:
        """Of all numbers from the chunk's first on, up to the last that somebody holds."""
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
        """How many numbers somebody holds."""
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
        if not self._widen(cut):
            return False
        self._rows += _HEADS[self._width - 2] + episode[cut:]
        self._size += 1
        return True

    def _widen(self, cut: i64) -> bool:
        """Make rows of what is in common only in the first `cut` bytes."""
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
            start = _pack([self._first, self._prefix, None])[:-1]
            if self._size <= _SHORT_LIST_MAX:
                return start + bytes([_SHORT_LIST + self._size]) + self._rows
            return start + bytes([_LIST_MARK, self._size >> 8, self._size & 0xFF]) + self._rows
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
        """Take the rows as they are; False where they are not alike. Two looks along them cost less than a decoding."""
        end: i64 = len(content)
        if end < 5 or content[0] != _LIST_OF_3:
            return False
        at: i64 = 2
        first: i64 = content[1]
        if first == _BYTE_NUMBER:
            first, at = content[2], 3
        if first >= CHUNK_NUMBERS or content[at] != _BYTES_MARK:
            return False
        begin: i64 = at + 2 + content[at + 1]
        size: i64 = content[begin] - _SHORT_LIST
        rows: i64 = begin + 1
        if content[begin] == _LIST_MARK:
            size, rows = content[begin + 1] << 8 | content[begin + 2], begin + 3
        if size <= 0 or rows + 2 > end or content[rows] != _BYTES_MARK:
            return False
        rest: i64 = content[rows + 1]
        width: i64 = rest + 2
        if end - rows != size * width:
            return False
        if content[rows::width] != _BYTES * size or content[rows + 1 :: width] != bytes([rest]) * size:
            return False
        self._first, self._size, self._width, self._loose = first, size, width, None
        self._prefix, self._rows = content[at + 2 : begin], content[rows:]
        return True


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
