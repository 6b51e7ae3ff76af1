"""Time without events: the one place where the clock on the wall moves a partition on, and only one that is idle.

The clock is stored before anything follows from it, so that a restart comes to the same conclusions.
"""

import time
from collections.abc import Callable

import structlog

from agents.engine.checkpoint import cursor_record
from agents.engine.clock import run_clock
from agents.engine.engine import Engine
from agents.engine.ownership import Change, Owned
from streams.base.checkpoint_types import Cursor
from streams.project.step import NO_CLOCK

log = structlog.get_logger(__name__)


FLEET_STEP_MS = 5_000  # so often an idle partition closes seconds where there are rules on all projects
STEP_MS = 2_000  # so far the clock on the wall leaves the steady one only if it is set
TRUST_AFTER_MS = 60_000  # a clock that was set is often set back, and time that has passed stays passed


def steady_ms() -> int:
    """A clock that is never set; on Linux it goes on while the machine sleeps."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return (time.monotonic_ns() if clock is None else time.clock_gettime_ns(clock)) // 1_000_000


class IdleClocks:
    """`now_ms` is the clock on the wall; an idle partition's clock follows it at a distance of `idle_ms`.

    Not while it may be wrong: for `TRUST_AFTER_MS` after it was set, by `steady`, nothing follows it.
    """

    def __init__(
        self, engine: Engine, now_ms: Callable[[], int], idle_ms: int, steady: Callable[[], int] = steady_ms
    ) -> None:
        self._engine = engine
        self._now_ms = now_ms
        self._idle_ms = idle_ms
        self._steady = steady
        self._ahead_ms: int | None = None  # of the wall's clock before the steady one
        self._trusted_from_ms = 0  # by the steady one

    async def run(self) -> None:
        """Advance the clock of every partition that is read to its end and has a deadline due."""
        if not self._is_trusted():
            return
        due = [owned for owned in list(self._engine.owned.values()) if self._due_ms(owned) is not None]
        if not due:
            return
        await self._engine.flusher.flush()
        for owned in due:
            async with self._engine.flusher.lock, owned.locked() as change:
                # Nothing is being stored now, so a cursor claims nothing that the broker may lack.
                clock_ms = self._due_ms(owned)
                if change is not None and clock_ms is not None and not owned.partition.is_dirty:
                    await self._move_on(change, clock_ms)
        await self._engine.flusher.flush()

    def _is_trusted(self) -> bool:
        now_ms = self._steady()
        ahead_ms = self._now_ms() - now_ms
        if self._ahead_ms is not None and abs(ahead_ms - self._ahead_ms) > STEP_MS:
            self._trusted_from_ms = now_ms + TRUST_AFTER_MS
            log.warning("the wall clock was changed; idle partitions do not follow it for a while",
                        by_seconds=round((ahead_ms - self._ahead_ms) / 1000, 1))  # fmt: skip
        self._ahead_ms = ahead_ms
        return now_ms >= self._trusted_from_ms

    async def _move_on(self, change: Change, clock_ms: int) -> None:
        owned = change.owned
        await self._engine.flusher.write(owned, [cursor_record(Cursor(owned.partition.next_offset, clock_ms))])
        if owned.is_live:
            await run_clock(owned.partition, clock_ms)
            await self._engine.emitter.emit(change)

    def _due_ms(self, owned: Owned) -> int | None:
        """What the clock should show; None if it would change nothing."""
        clock_ms = self._now_ms() - self._idle_ms
        if not owned.is_live or clock_ms <= owned.partition.clock_ms:
            return None
        due_ms = owned.partition.next_deadline_ms()
        if owned.partition.totals.fleet is not None:  # the fleet waits for its seconds to be closed
            due_ms = min(due_ms or NO_CLOCK, owned.partition.clock_ms + FLEET_STEP_MS)
        if due_ms is None or due_ms > clock_ms or not self._engine.progress.is_caught_up(owned, self._idle_ms / 1000):
            return None
        return clock_ms
