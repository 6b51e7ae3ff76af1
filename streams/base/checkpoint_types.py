"""What a partition reads from storage, and what it says is to be written there."""

from collections.abc import Iterator
from typing import Protocol

import msgspec


class Store(Protocol):
    """Stored values of one partition."""

    def get(self, key: bytes, /) -> bytes | None:
        """The value, None where there is none."""

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All of them, in any order."""


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Up to where a partition is complete: the next offset, and the clock (event time, ms) that had been reached."""

    next_offset: int
    clock_ms: int


class Changes(msgspec.Struct, frozen=True):
    """What to write, in this order and all of it before the cursor; None removes. `garbage` may go after it."""

    writes: list[tuple[bytes, bytes | None]]
    cursor: Cursor
    garbage: list[bytes]
