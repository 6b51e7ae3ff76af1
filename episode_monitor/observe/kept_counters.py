"""A file in which a process keeps its counters, so that whoever takes its place goes on from them.

The process may be killed while it writes, and another reads meanwhile. There are two halves, written in turn; the
newest whose checksum is right counts.
"""

import os
import struct
import zlib
from typing import Final

HALF_BYTES: Final = 4 << 20
_HEAD: Final = struct.Struct("<QII")  # how many were written before, length, CRC-32


class KeptCounters:
    """`fd` is a file that is open for reading and writing; one process writes to it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._written = self._newest()[0]

    def write(self, content: bytes) -> None:
        """Keep this instead of what was there. What is too large is not kept."""
        if len(content) > HALF_BYTES - _HEAD.size:
            return
        self._written += 1
        head = _HEAD.pack(self._written, len(content), zlib.crc32(content))
        os.pwrite(self._fd, head + content, self._written % 2 * HALF_BYTES)

    def read(self) -> bytes:
        """What was written last; empty: nothing."""
        return self._newest()[1]

    def _newest(self) -> tuple[int, bytes]:
        return max((self._half(place) for place in range(2)), default=(0, b""))

    def _half(self, place: int) -> tuple[int, bytes]:
        head = os.pread(self._fd, _HEAD.size, place * HALF_BYTES)
        if len(head) < _HEAD.size:
            return 0, b""
        written, length, checksum = _HEAD.unpack(head)
        content = os.pread(self._fd, length, place * HALF_BYTES + _HEAD.size)
        return (written, content) if written and zlib.crc32(content) == checksum else (0, b"")
