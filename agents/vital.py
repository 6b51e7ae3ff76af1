"""Work that the worker cannot do without: where it fails, the process ends."""

from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)


async def vital(work: Awaitable[None], stop: Callable[[str], None]) -> None:
    """Await it; `stop` ends the process at once where it raises. Being cancelled is no failure."""
    try:
        await work
    except Exception as error:
        log.exception("a part of the worker failed")
        stop(f"a part of the worker failed: {error!r}")
