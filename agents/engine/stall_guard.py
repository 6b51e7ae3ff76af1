"""Keeps a worker that was frozen from writing: after a stall longer than half the session time-out it must not go on.

A process that sleeps past its session (SIGSTOP, a machine that was suspended) has lost its partitions without knowing
it. Its successor may be writing already, so it must end before the next record leaves it.
"""

import asyncio
import time
from collections.abc import Callable

TICK_SECONDS = 0.25


def running_seconds() -> float:
    """A clock that goes on while the process is stopped and, where the system can tell, while the machine sleeps."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class StoodStill(RuntimeError):
    """The process stood still for too long to write anything."""


class StallGuard:
    """`check` is called before every request that writes or sends. `stop` ends the process at once."""

    def __init__(self, session_timeout_seconds: float, stop: Callable[[str], None], now: Callable[[], float]) -> None:
        self.limit_seconds = session_timeout_seconds / 2
        self.longest_stall_seconds = 0.0
        self._stop = stop
        self._now = now
        self._ticked_at: float | None = None  # none before `run`

    def check(self) -> None:
        """Stop the process if the loop has stood still for too long. Raises StoodStill where `stop` comes back."""
        if self._ticked_at is None:
            return
        stalled = self._now() - self._ticked_at
        self.longest_stall_seconds = max(self.longest_stall_seconds, stalled - TICK_SECONDS)
        if stalled > self.limit_seconds:
            reason = f"the process stood still for {stalled:.1f} s and may have lost its partitions"
            self._stop(reason)
            raise StoodStill(reason)

    async def run(self) -> None:
        """Tick for ever; each tick checks first, for it may be what wakes up first."""
        self._ticked_at = self._now()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.check()
            self._ticked_at = self._now()
