"""Long work leaves the loop to others."""

import asyncio
from collections.abc import Generator

import pytest

from agents.time_slices import in_slices


def count_to(last: int) -> Generator[None, None, int]:
    for _ in range(last):
        yield
    return last


async def test_the_loop_gets_its_turn_after_every_slice() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    assert await in_slices(count_to(50), slice_seconds=-1.0) == 50  # every step is longer than that
    other.cancel()
    assert turns == 50


async def test_short_work_is_done_in_one_go() -> None:
    waiting = asyncio.create_task(asyncio.sleep(0))
    assert await in_slices(count_to(3), slice_seconds=60.0) == 3
    assert not waiting.done()
    await waiting


async def test_an_error_in_a_step_reaches_the_caller() -> None:
    def failing() -> Generator[None, None, None]:
        yield
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        await in_slices(failing())
