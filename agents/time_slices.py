"""Runs long work in short slices, so that heartbeats go out and views stay fast meanwhile."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from typing import TypeVar

SLICE_SECONDS = 0.002

T = TypeVar("T")


async def let_others() -> None:
    """Let all other tasks run once."""
    await asyncio.sleep(0)


class Slice:
    """The time that a coroutine's loop may use before `give_way` lets other tasks run."""

    def __init__(
        self, slice_seconds: float = SLICE_SECONDS, give_way: Callable[[], Awaitable[None]] = let_others
    ) -> None:
        self._seconds = slice_seconds
        self._give_way = give_way
        self._ends_at = time.perf_counter() + slice_seconds

    async def step(self) -> None:
        """Awaited between two steps: lets other tasks run when the slice is over."""
        if time.perf_counter() > self._ends_at:
            await self._give_way()
            self._ends_at = time.perf_counter() + self._seconds


async def in_slices(
    steps: Generator[None, None, T],
    slice_seconds: float = SLICE_SECONDS,
    give_way: Callable[[], Awaitable[None]] = let_others,
) -> T:
    """Run steps to their end and return their result; other tasks run after every slice."""
    one = Slice(slice_seconds, give_way)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        await one.step()
