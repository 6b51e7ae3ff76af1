"""Keeps a worker that was frozen from writing: after a stall longer than half the session time-out it must not go on.

A process that sleeps past its session (SIGSTOP, a paused machine) has lost its partitions without knowing it. Its
successor may be writing already, so it must end before the next record leaves it.
"""

import asyncio
import time
from collections.abc import Callable

TICK_SECONDS = 0.25


class Fence:
    """`check` before every write. `now` is a monotonic clock in seconds that also runs while the process is stopped."""

    def __init__(self, session_timeout_seconds: float, stop: Callable[[str], None]) -> None:
        self.limit_seconds = session_timeout_seconds / 2
        self.longest_stall_seconds = 0.0
        self._stop = stop
        self._ticked_at = time.monotonic()

    def check(self) -> None:
        """Stop the process if the loop has stood still for too long."""
        stalled = time.monotonic() - self._ticked_at
        self.longest_stall_seconds = max(self.longest_stall_seconds, stalled - TICK_SECONDS)
        if stalled > self.limit_seconds:
            self._stop(f"the process stood still for {stalled:.1f} s and may have lost its partitions")

    async def run(self) -> None:
        """Tick for ever; each tick checks first, for it may be what wakes up first."""
        self._ticked_at = time.monotonic()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.check()
            self._ticked_at = time.monotonic()
