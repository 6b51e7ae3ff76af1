"""Ends a worker whose work does not move although Kafka answers; a consumer can stop fetching for good and only log it.

While Kafka itself is away it only says so: a restart would lose what the views can still show and gain nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator

import structlog
from faust.types import TP

from agents.engine.engine import Engine
from agents.engine.ownership import Owned

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
        self._asked: dict[Owned, float] = {}  # partitions that are asked for, and when that was first seen
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
        return any(wall_clock - at > AWAY_AFTER_SECONDS for at in self._heard_at(wall_clock))

    def _heard_at(self, wall_clock: float) -> Iterator[float]:
        """When each partition that is asked for was last answered, or else first seen to be asked for: the way to a
        broker may be cut before its first answer."""
        engine, known = self._engine, self._asked
        asked = [owned for owned in engine.owned.values() if engine.is_asked_for(owned)]
        self._asked = {owned: known.get(owned, wall_clock) for owned in asked}
        for owned, since in self._asked.items():
            answered_at = engine.answered_at(owned)
            yield since if answered_at is None else answered_at

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
