"""Runs long work in short slices, so that heartbeats go out and views stay fast meanwhile."""

import asyncio
import time
from collections import deque
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


class Turns:
    """Gives each turn of the event loop to one of the coroutines that ask, in their order.

    Slices of several would add up to one long piece, for which answers and alerts would wait at each of their steps.
    """

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_given = False

    async def mine(self) -> None:
        """Return in a turn that nobody else gets. It need not be given back: it ends when the loop turns."""
        loop = asyncio.get_running_loop()
        if self._is_given:
            waiter: asyncio.Future[None] = loop.create_future()
            self._waiting.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if not waiter.cancelled():  # it was this one's turn
                    self._end()
                raise
        self._is_given = True
        if not self._pass_on():
            loop.call_soon(self._end)

    def _pass_on(self) -> bool:
        """Let the next one run in the next turn of the loop; False where none waits."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return True
        return False

    def _end(self) -> None:
        self._is_given = self._pass_on()
