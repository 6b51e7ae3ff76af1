"""Beginning and end in a web application: events look for Kafka at the start, and what waits is sent at the end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from .client import current_client, use_client


async def monitoring_startup_event() -> None:
    """To be awaited at startup; without configuration it logs one line and does nothing."""
    current_client().start()


async def monitoring_shutdown_event(timeout_seconds: float | None = None) -> int:
    """To be awaited at shutdown: sends what waits, within the time limit; answers how many events were left.

    It can be started again afterwards.
    """
    client = use_client(None)
    return 0 if client is None else await client.aclose(timeout_seconds)


@asynccontextmanager
async def lifespan(_: Any = None) -> AsyncIterator[None]:
    """Both, for `FastAPI(lifespan=lifespan)` or inside a lifespan of your own."""
    await monitoring_startup_event()
    try:
        yield
    finally:
        await monitoring_shutdown_event()
