"""How late the worker's event loop is: what every answer, heartbeat and commit of this process waits at least.

It sleeps for a moment again and again and notes by how much it woke too late.
"""

import asyncio
import time

from prometheus_client import CollectorRegistry

from episode_monitor.observe import catalogue

EVERY_SECONDS = 0.05


class LoopLag:
    """Registers its metric; `run` belongs to the loop that is watched."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = catalogue.LOOP_LAG.histogram(registry)

    async def run(self) -> None:
        """Look for ever; to be cancelled."""
        while True:
            due_at = time.monotonic() + EVERY_SECONDS
            await asyncio.sleep(EVERY_SECONDS)
            self._seconds.observe(max(0.0, time.monotonic() - due_at))
