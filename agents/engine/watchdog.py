"""Ends a worker whose work does not move although Kafka answers; a consumer can stop fetching for good and only log it.

While Kafka itself is away it only says so: a restart would lose what the views can still show and gain nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

import structlog
from faust.types import TP

from agents.engine.engine import Engine

log = structlog.get_logger(__name__)

LOOK_EVERY_SECONDS = 2.0
AWAY_AFTER_SECONDS = 5.0  # without an answer, before it is said


class Watchdog:
    """`stalled_seconds`: for so long may records wait without one being taken, reading go without any answer, and a
    flush stand still. `backlogs` gives partition, position and records waiting of all that should move on; `is_there`
    asks Kafka by a connection of its own."""

    def __init__(
        self,
        engine: Engine,
        backlogs: Callable[[], Iterable[tuple[TP, int, int]]],
        stalled_seconds: float,
        is_there: Callable[[], Awaitable[bool]],
        stop: Callable[[str], None],
    ) -> None:
        self.kafka_is_away = False
        self._engine = engine
        self._backlogs = backlogs
        self._stalled_seconds = stalled_seconds
        self._is_there = is_there
        self._stop = stop
        self._silent_since: float | None = None
        self._moved: dict[TP, tuple[int | None, float]] = {}  # position, when it was first seen there

    async def look(self, now: float, wall_clock: float) -> None:
        """`now` is a monotonic clock, `wall_clock` what brokers' answers are stamped with, both in seconds."""
        if self._is_silent(now, wall_clock):
            self._silent_since = now if self._silent_since is None else self._silent_since
            self._note(is_away=not await self._is_there())
        else:
            self._silent_since = None
            self._note(is_away=False)
        if self.kafka_is_away:
            self._silent_since = None
            self._moved.clear()
            return
        if self._silent_since is not None and now - self._silent_since > self._stalled_seconds:
            self._stop(f"Kafka answers, but nothing was read or stored for {now - self._silent_since:.0f} s")
        for tp, position, waiting in self._backlogs():
            self._look_at(tp, position, waiting, now)

    def _look_at(self, tp: TP, position: int, waiting: int, now: float) -> None:
        known, since = self._moved.get(tp, (None, now))
        if not waiting or position != known:
            self._moved[tp] = (position, now)
        elif now - since > self._stalled_seconds:
            self._stop(
                f"partition {tp.partition} of {tp.topic} has {waiting} records waiting and none was taken for "
                f"{now - since:.0f} s"
            )

    def _is_silent(self, now: float, wall_clock: float) -> bool:
        """Whether a fetch or a flush has gone without an answer for some time."""
        moved = self._engine.flush_moved_at
        if moved is not None and now - moved > AWAY_AFTER_SECONDS:
            return True
        answered = [self._engine.answered_at(owned) for owned in self._engine.owned.values()]
        return any(at is not None and wall_clock - at > AWAY_AFTER_SECONDS for at in answered)

    def _note(self, *, is_away: bool) -> None:
        if is_away != self.kafka_is_away:
            self.kafka_is_away = is_away
            if is_away:
                log.warning("Kafka does not answer; waiting for it")
            else:
                log.info("Kafka answers again")

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            await self.look(time.monotonic(), time.time())
