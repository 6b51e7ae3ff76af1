"""Long work in short slices, so that heartbeats go out and views stay quick while it is done."""

import asyncio
import time
from collections.abc import Generator
from typing import TypeVar

SLICE_SECONDS = 0.002

T = TypeVar("T")


async def in_slices(steps: Generator[None, None, T], slice_seconds: float = SLICE_SECONDS) -> T:
    """Run steps to their end and answer their result; the loop gets its turn after every slice."""
    pause_at = time.perf_counter() + slice_seconds
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        if time.perf_counter() > pause_at:
            await asyncio.sleep(0)
            pause_at = time.perf_counter() + slice_seconds
