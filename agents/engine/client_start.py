"""Starts a Kafka client without leaving connections open."""

import asyncio
from collections.abc import Coroutine
from typing import Any

PATIENCE_SECONDS = 2.0


async def to_its_end(start: Coroutine[Any, Any, None]) -> None:
    """Await a client's `start`. If the caller is cancelled, wait briefly for `start` to finish; an interrupted start
    leaves open connections."""
    starting = asyncio.ensure_future(start)
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait([starting], timeout=PATIENCE_SECONDS)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        raise
