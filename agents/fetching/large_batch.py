"""One large batch decompressed at a time in each thread, so that those of many partitions do not add up.

Its holder reads it to its end first: decompressing it again for each piece would take all the time there is.
"""

import threading
import time
import weakref
from typing import Protocol

IDLE_SECONDS = 1.0  # a partition that is not read for so long gives way, and decompresses its batch again later


class Holder(Protocol):
    """The reader of a large batch."""

    @property
    def is_within_batch(self) -> bool:
        """Whether it has one open."""

    def close_batch(self) -> None:
        """Release the decompressed bytes; reading continues at the same record."""


class LargeBatch(threading.local):
    """The large batch of this thread."""

    _holder: "weakref.ref[Holder] | None" = None
    _used_at = 0.0

    def take(self, reader: Holder) -> bool:
        """Whether `reader` may decompress a large batch now; if not, it asks again later."""
        holder = None if self._holder is None else self._holder()
        if holder is not None and holder is not reader and holder.is_within_batch:
            if time.monotonic() - self._used_at < IDLE_SECONDS:
                return False
            holder.close_batch()
        self._holder = weakref.ref(reader)
        self.note_use()
        return True

    def note_use(self) -> None:
        """Its holder has read on."""
        self._used_at = time.monotonic()


large_batch = LargeBatch()
