"""Where a worker listens: at one port or, as one of several processes, at its own and at the one that all share.

The process that replaces another serves the shared port only when it is ready or none of its siblings answers: until
then they answer better.
"""

import asyncio
import socket
import time
from typing import Final

import structlog
from starlette.types import ASGIApp

from episode_monitor.listening import listen
from episode_monitor.observe.siblings import OneOfSeveral, Siblings
from episode_monitor.supervising.seat import IS_READY, Line
from episode_monitor.web.server import HttpServer, serve

log = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 0.25
_PATIENCE_SECONDS: Final = 30.0  # to become ready; then it serves all the same


class Doors:
    """Opened once. `own` serves from then on."""

    own: HttpServer

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self._app = app
        self._host = host
        self._port = port

    async def open(self) -> None:
        """Raises CannotListen."""
        self.own = await serve(self._app, self._host, self._port)
        log.info("listening", url=self.own.url)

    async def leave(self) -> None:
        """Take no more questions that another process can answer."""

    async def close(self) -> None:
        """At most a few seconds."""
        await self.own.stop()


class SharedDoors(Doors):
    """Of one of several processes."""

    def __init__(self, app: ASGIApp, host: str, line: Line, here: OneOfSeveral, siblings: Siblings) -> None:
        super().__init__(app, host, 0)
        self._line = line
        self._here = here
        self._siblings = siblings
        self._public: HttpServer | None = None
        self._following: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """See `Doors`."""
        own = listen(self._host, self._line.seat.own_port, is_reserved=True)
        self.own = await serve(self._app, self._host, 0, listener=own)
        if not self._line.seat.is_replacement:
            await self._join()
        self._following = asyncio.create_task(self._follow())
        log.info("listening", url=self.own.url)

    async def leave(self) -> None:
        """See `Doors`."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait([self._following])
        if self._public is not None:
            await self._public.leave()
            await self._public.stop()

    async def _follow(self) -> None:
        """Until it is ready for the first time and serves the shared port."""
        give_up_at, is_ready = time.monotonic() + _PATIENCE_SECONDS, False
        while not is_ready or self._public is None:
            if not is_ready and (await self._here.readiness()).ready:
                is_ready = True
                self._line.say(IS_READY)
            is_late = time.monotonic() >= give_up_at
            if self._public is None and (is_ready or is_late or not await self._siblings.are_alive()):
                await self._join()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _join(self) -> None:
        listener = socket.socket(fileno=self._line.seat.public_fd)
        self._public = await serve(self._app, self._host, 0, listener=listener)
        log.info("listening for all processes", url=self._public.url)
