"""Ends a worker whose backlog does not move: a consumer can stop fetching for good and only log it."""

import asyncio
import time
from collections.abc import Callable

from agents.engine.engine import Engine
from agents.engine.ownership import Phase

LOOK_EVERY_SECONDS = 2.0


class Watchdog:
    """`stalled_seconds`: for so long may records wait without one of their partition being taken."""

    def __init__(self, engine: Engine, stalled_seconds: float, stop: Callable[[str], None]) -> None:
        self._engine = engine
        self._stalled_seconds = stalled_seconds
        self._stop = stop
        self._moved: dict[int, tuple[int | None, float]] = {}  # partition -> position, when it was first seen there

    def look(self, now: float) -> None:
        """`now` is a monotonic clock in seconds."""
        for number, owned in self._engine.owned.items():
            position, since = self._moved.get(number, (None, now))
            waits = owned.phase is Phase.LIVE and self._engine.lag(owned) > 0
            if not waits or owned.position != position:
                self._moved[number] = (owned.position, now)
            elif now - since > self._stalled_seconds:
                self._stop(
                    f"partition {number} has {self._engine.lag(owned)} records waiting and none was taken for "
                    f"{now - since:.0f} s"
                )

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            self.look(time.monotonic())
