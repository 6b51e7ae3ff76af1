"""A store of one partition that can lose the end of what was written to it, as a changelog does in a crash."""

from collections.abc import Iterator

import msgspec

from streams.base import changelog_keys
from streams.base.checkpoint_types import Changes, Cursor

Write = tuple[bytes, bytes | None]


def cursor_write(cursor: Cursor) -> Write:
    """The record that says up to where a partition is complete."""
    return changelog_keys.CURSOR, msgspec.msgpack.encode(cursor)


class Stored:
    """Values by key; `log` is everything ever written, in order."""

    def __init__(self, log: list[Write] | None = None) -> None:
        self.values: dict[bytes, bytes] = {}
        self.log: list[Write] = []
        for write in log or ():
            self.write(write)

    def get(self, key: bytes, /) -> bytes | None:
        """The value, None where there is none."""
        return self.values.get(key)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All of them."""
        return iter(list(self.values.items()))

    def write(self, write: Write) -> None:
        """Append one record."""
        key, value = write
        self.log.append(write)
        if value is None:
            self.values.pop(key, None)
        else:
            self.values[key] = value

    def flush(self, changes: Changes) -> list[Write]:
        """Store what a partition collected: writes, then the cursor, then what may be thrown away."""
        records = [*changes.writes, cursor_write(changes.cursor), *((key, None) for key in changes.garbage)]
        for record in records:
            self.write(record)
        return records

    def after(self, records: int) -> "Stored":
        """The store as it is if only the first so many records were written."""
        return Stored(self.log[:records])
