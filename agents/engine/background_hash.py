"""SHA-256 in a thread: hashing needs no interpreter lock, so the events go on meanwhile."""

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor

INLINE_BYTES = 32 * 1024  # shorter input is hashed sooner than a thread is woken


class BackgroundHash:
    """Takes bytes as `hashlib.sha256()` does. `threads` must have one thread, which keeps their order."""

    __slots__ = ("_hash", "_last", "_threads")

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._hash = hashlib.sha256()
        self._last: Future[None] | None = None
        self._threads = threads

    def update(self, data: bytes) -> None:
        """Hash these bytes next, soon."""
        if len(data) < INLINE_BYTES and (self._last is None or self._last.done()):
            self._hash.update(data)
        else:
            self._last = self._threads.submit(self._hash.update, data)

    def hexdigest(self) -> str:
        """Waits for what is being hashed."""
        if self._last is not None:
            self._last.result()
        return self._hash.hexdigest()
