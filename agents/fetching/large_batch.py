"""One large batch unfolded at a time in each thread, so that those of many partitions do not add up.

Its holder reads it to its end first: to unfold it anew for each piece would take turns and all the time there is.
"""

import threading
import time
import weakref
from typing import Protocol

IDLE_SECONDS = 1.0  # a partition that is held back for so long gives way, and unfolds its batch again later


class Holder(Protocol):
    """Who reads a large batch."""

    @property
    def is_within_batch(self) -> bool:
        """Whether it has one open."""

    def close_batch(self) -> None:
        """Let go of the unfolded bytes; reading goes on where it was."""


class LargeBatch(threading.local):
    """Of this thread."""

    _holder: "weakref.ref[Holder] | None" = None
    _used_at = 0.0

    def take(self, who: Holder) -> bool:
        """Whether `who` may unfold a large batch now; if not, let it ask again."""
        holder = None if self._holder is None else self._holder()
        if holder is not None and holder is not who and holder.is_within_batch:
            if time.monotonic() - self._used_at < IDLE_SECONDS:
                return False
            holder.close_batch()
        self._holder = weakref.ref(who)
        self.note_use()
        return True

    def note_use(self) -> None:
        """Its holder continues."""
        self._used_at = time.monotonic()


large_batch = LargeBatch()
