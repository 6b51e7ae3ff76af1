"""Checks from a worker's start on that the project service's table can be read, before a check needs it."""

import asyncio

import structlog

from episode_monitor.checks.table_comparison import OpenReader
from episode_monitor.service_database.errors import ServiceDatabaseError

log = structlog.get_logger(__name__)

LOOK_SECONDS = 60.0


class TableLook:
    """`status` is `ok`, or one sentence that says why the table cannot be read."""

    def __init__(self, open_reader: OpenReader) -> None:
        self._open_reader = open_reader
        self.status = "The project service's database has not been queried yet."

    async def run(self) -> None:
        """For as long as the worker runs."""
        while True:
            await self.once()
            await asyncio.sleep(LOOK_SECONDS)

    async def once(self) -> None:
        """One look. The same trouble is logged once."""
        try:
            async with self._open_reader():
                status = "ok"
        except ServiceDatabaseError as error:
            status = str(error)
        if status not in ("ok", self.status):
            log.warning("the project service's table cannot be read", reason=status)
        self.status = status
