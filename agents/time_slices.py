"""Long work in short slices, so that heartbeats go out and views stay quick while it is done."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from typing import TypeVar

SLICE_SECONDS = 0.002

T = TypeVar("T")


async def let_others() -> None:
    """Everybody else has a turn."""
    await asyncio.sleep(0)


class Slice:
    """What a coroutine's loop has of the event loop before others have their turn, by `give_way`."""

    def __init__(
        self, slice_seconds: float = SLICE_SECONDS, give_way: Callable[[], Awaitable[None]] = let_others
    ) -> None:
        self._seconds = slice_seconds
        self._give_way = give_way
        self._ends_at = time.perf_counter() + slice_seconds

    async def step(self) -> None:
        """To be awaited between two steps: lets others have their turn where the slice is over."""
        if time.perf_counter() > self._ends_at:
            await self._give_way()
            self._ends_at = time.perf_counter() + self._seconds


async def in_slices(
    steps: Generator[None, None, T],
    slice_seconds: float = SLICE_SECONDS,
    give_way: Callable[[], Awaitable[None]] = let_others,
) -> T:
    """Run steps to their end and answer their result; the loop gets its turn after every slice."""
    one = Slice(slice_seconds, give_way)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        await one.step()
