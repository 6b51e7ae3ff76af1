"""Work that the worker cannot do without: where it fails, the process ends."""

from collections.abc import Awaitable, Callable

import structlog

from agents.kafka.refusals import RIGHTS, told

log = structlog.get_logger(__name__)


async def vital(work: Awaitable[None], stop: Callable[[str], None]) -> None:
    """Await it; `stop` ends the process at once where it raises. Being cancelled is no failure."""
    try:
        await work
    except Exception as error:
        log.error("a part of the worker failed", exc_info=not isinstance(error, RIGHTS))
        stop(f"a part of the worker failed: {told(error)}")
