"""How late the worker's event loop is: what every answer, heartbeat and commit of this process waits at least.

It sleeps for a moment again and again and notes by how much it woke too late.
"""

import asyncio
import time

from prometheus_client import CollectorRegistry, Histogram

EVERY_SECONDS = 0.02
_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class LoopLag:
    """Registers its metric; `run` belongs to the loop that is watched."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "episode_monitor_loop_lag_seconds",
            "Delay of the worker's event loop, in seconds",
            buckets=_BUCKETS_SECONDS,
            registry=registry,
        )

    async def run(self) -> None:
        """Look for ever; to be cancelled."""
        while True:
            due_at = time.monotonic() + EVERY_SECONDS
            await asyncio.sleep(EVERY_SECONDS)
            self._seconds.observe(max(0.0, time.monotonic() - due_at))
