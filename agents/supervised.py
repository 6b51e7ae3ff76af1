"""Work whose failure ends the process."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from agents.kafka.refusals import RIGHTS, reason_for_log

log = structlog.get_logger(__name__)


async def vital(work: Awaitable[None], stop: Callable[[str], None]) -> None:
    """Await it; if it raises, `stop` ends the process at once. Cancellation is no failure."""
    try:
        await work
    except Exception as error:
        log.error("a part of the worker failed", exc_info=not isinstance(error, RIGHTS))
        stop(f"a part of the worker failed: {reason_for_log(error)}")


async def every(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    """Repeat it for ever, with a pause before each time."""
    while True:
        await asyncio.sleep(seconds)
        await work()
