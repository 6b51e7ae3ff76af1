"""Time without events: the one place where the clock on the wall moves a partition on, and only one that is idle.

The clock is stored before anything is told of it, so that a restart comes to the same conclusions.
"""

from collections.abc import Callable

from agents.engine.clock import run_clock
from agents.engine.engine import Engine
from agents.engine.ownership import Owned, Phase, cursor_record
from streams.partition import Cursor


class IdleClocks:
    """`now_ms` is the clock on the wall; an idle partition's clock follows it at a distance of `idle_ms`."""

    def __init__(self, engine: Engine, now_ms: Callable[[], int], idle_ms: int) -> None:
        self._engine = engine
        self._now_ms = now_ms
        self._idle_ms = idle_ms

    async def run(self) -> None:
        """Move on every partition that is read to its end, where something is due."""
        due = [owned for owned in list(self._engine.owned.values()) if self._due_ms(owned) is not None]
        if not due:
            return
        await self._engine.flush()
        for owned in due:
            async with self._engine.flushing, owned.turn:
                # Nothing is being stored now, so a cursor claims nothing that the broker may lack.
                clock_ms = self._due_ms(owned)
                if clock_ms is not None and not owned.partition.is_dirty:
                    await self._move_on(owned, clock_ms)
        await self._engine.flush()

    async def _move_on(self, owned: Owned, clock_ms: int) -> None:
        await self._engine.write(owned, [cursor_record(Cursor(owned.partition.next_offset, clock_ms))])
        if owned.phase is Phase.LIVE:
            await run_clock(owned.partition, clock_ms)
            await self._engine.tell(owned, [])

    def _due_ms(self, owned: Owned) -> int | None:
        """What the clock should show, None where nothing would come of it."""
        clock_ms = self._now_ms() - self._idle_ms
        if owned.phase is not Phase.LIVE or clock_ms <= owned.partition.clock_ms:
            return None
        due_ms = owned.partition.next_deadline_ms()
        if due_ms is None or due_ms > clock_ms or not self._engine.is_caught_up(owned, self._idle_ms / 1000):
            return None
        return clock_ms
