"""Ends aiokafka's tasks and connections in bounded time, whatever they wait for."""

import asyncio
import contextlib
from collections.abc import Coroutine, Iterable
from typing import Any

CANCEL_AGAIN_SECONDS = 0.05
CANCELLATIONS = 40
FAREWELL_SECONDS = 0.2


async def end_tasks(tasks: Iterable["asyncio.Task[Any] | None"]) -> None:
    """Cancel tasks until they have ended; ignore their errors. aiokafka's own tasks may swallow a cancellation: the
    fetcher does so while it awaits fetches that it has cancelled itself."""
    open_tasks = {task for task in tasks if task is not None}
    for _ in range(CANCELLATIONS):
        open_tasks = {task for task in open_tasks if not _has_ended(task)}
        if not open_tasks:
            return
        for task in open_tasks:
            task.cancel()
        await asyncio.wait(open_tasks, timeout=CANCEL_AGAIN_SECONDS)


def _has_ended(task: "asyncio.Task[Any]") -> bool:
    if task.done() and not task.cancelled():
        task.exception()  # it was looked at, so that the loop does not complain
    return task.done()


async def farewell(closed: Iterable["asyncio.Future[None] | None"]) -> None:
    """Wait up to FAREWELL_SECONDS for closing connections to be lost: uvloop waits 30 s for a TLS connection on which
    the other side still sends."""
    waiting = [one for one in closed if one is not None and not one.done()]
    if waiting:
        await asyncio.wait(waiting, timeout=2 * FAREWELL_SECONDS)


async def in_turn(closings: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Await each in turn. A cancelled caller still awaits all of them before the cancellation is raised."""
    task = asyncio.current_task()
    cancellations = task.cancelling() if task is not None else 0
    for closing in closings:
        with contextlib.suppress(asyncio.CancelledError):
            await closing
    if task is not None and task.cancelling() > cancellations:
        raise asyncio.CancelledError
