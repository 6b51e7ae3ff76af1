"""What was fetched for a partition and was not taken yet, within bounds of records and bytes."""

import asyncio
from collections import deque

from agents.fetching.consumer_thread import Fetched

ENOUGH_RECORDS = 5_000  # more than one answer of a broker holds, so that the next one is asked for meanwhile
ENOUGH_BYTES = 64 * 1024 * 1024  # of all partitions together, by a guess of what they take in memory
LEAST_BYTES = 1024 * 1024  # of one of very many


class Inbox:
    """A queue whose `put` never waits; the fetcher looks at `is_full`."""

    def __init__(self, enough_bytes: int = ENOUGH_BYTES) -> None:
        self.records = 0
        self.size_bytes = 0
        self._enough_bytes = enough_bytes
        self._waiting: deque[Fetched] = deque()
        self._filled = asyncio.Event()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether no more should be asked for now."""
        return self.records >= ENOUGH_RECORDS or self.size_bytes >= self._enough_bytes

    def put(self, fetched: Fetched) -> None:
        """Add to the end."""
        self._waiting.append(fetched)
        self.records += len(fetched.records)
        self.size_bytes += fetched.size_bytes
        self._filled.set()

    async def get(self) -> Fetched:
        """The first, waiting for one."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        fetched = self._waiting.popleft()
        self.records -= len(fetched.records)
        self.size_bytes -= fetched.size_bytes
        return fetched
