"""What a partition reads from storage, and the writes that it returns."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

import msgspec

from models.alert import Alert


class Store(Protocol):
    """Stored values of one partition."""

    def get(self, key: bytes, /) -> bytes | None:
        """The value, None where there is none."""

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All of them, in any order. None may change until they are read."""


class SegmentFile(Protocol):
    """Where a `streams.base.value_log.ValueLog` puts its segments."""

    def write(self, at: int, content: memoryview, /) -> bool:
        """False where there is no room: the caller keeps it."""

    def read(self, at: int, length: int, /) -> bytes:
        """So many bytes of what was written, fewer at the end of all that was. Raises where they cannot be had."""


class Section(Protocol):
    """State that a partition stores beside its projects, under keys of its own. Its owner changes it."""

    is_dirty: bool  # changed since it was last stored; reset by the partition

    def writes(self) -> Mapping[bytes, bytes]:
        """The values to store."""

    def garbage(self) -> Iterable[bytes]:
        """Keys to remove once the values are stored. Asked for after `writes`."""

    def read(self, store: Store) -> None:
        """Restore what is stored, or be as new where nothing is."""

    def active(self) -> Iterator[Alert]:
        """Its firing alerts, listed with those of the projects."""


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Up to where a partition is complete: the next offset, and the clock (event time, ms) that had been reached."""

    next_offset: int
    clock_ms: int


class Changes(msgspec.Struct, frozen=True):
    """What to write, in this order and all of it before the cursor; None removes. `garbage` may go after it."""

    writes: list[tuple[bytes, bytes | None]]
    cursor: Cursor
    garbage: list[bytes]
