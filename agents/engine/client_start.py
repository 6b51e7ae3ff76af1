"""Starting a client of Kafka without leaving half of it behind."""

import asyncio
from collections.abc import Coroutine
from typing import Any

PATIENCE_SECONDS = 2.0


async def to_its_end(start: Coroutine[Any, Any, None]) -> None:
    """Await a client's `start`. Where the waiter is cancelled it is let end first, if that does not take long: a start
    that is broken off leaves connections open that cannot be closed any more."""
    starting = asyncio.ensure_future(start)
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait([starting], timeout=PATIENCE_SECONDS)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        raise
