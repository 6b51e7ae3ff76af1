"""Runs the web app inside a loop that is already there. It listens before it returns and leaves signals to others."""

import asyncio
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from episode_monitor.addresses import local_url
from episode_monitor.listening import BACKLOG, listen
from episode_monitor.web.timeouts import (
    DescriptorWatch,
    Patience,
    connections_for,
    descriptor_limit,
    protocol_for,
)

_KEEP_ALIVE_SECONDS = 30  # longer than clients keep an idle connection (httpx: 5), so that they close first
_JUST_COME_SECONDS = 0.5
_SHUTDOWN_SECONDS = 3  # for answers under way; a page asks every two seconds


class _Server(uvicorn.Server):
    """Uvicorn without signal handlers, with an event for when it accepts connections."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()
        self._descriptors = DescriptorWatch()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.accepting.set()

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:  # a tick is a tenth of a second
            self._descriptors.look(time.monotonic())
        return await super().on_tick(counter)


class HttpServer:
    """A server that runs. `task` ends when it has stopped, with an error if it broke."""

    def __init__(self, server: _Server, task: asyncio.Task[None], host: str, port: int) -> None:
        self._server = server
        self.task = task
        self.host = host
        self.port = port

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        return local_url(self.host, self.port)

    async def leave(self) -> None:
        """Take no more connections, and wait a moment for the requests of those that have just come: a connection
        without a request is closed at a stop, and its caller would see no answer."""
        for listening in self._server.servers:
            listening.close()
        await asyncio.sleep(_JUST_COME_SECONDS)

    async def stop(self) -> None:
        """Let answers under way end, then close; at most a few seconds. May be called twice."""
        self._server.should_exit = True
        await asyncio.wait([self.task])


async def serve(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    access_log: bool = False,
    patience: Patience | None = None,
    listener: socket.socket | None = None,
) -> HttpServer:
    """Listen, start answering in the background, and return. `listener` is a socket that listens already, which other
    processes may share. Raises CannotListen."""
    if listener is None:
        listener = listen(host, port)
    patience = patience or Patience(connections=connections_for(descriptor_limit()))
    config = uvicorn.Config(
        app,
        http=protocol_for(patience),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="info" if access_log else "warning",
        access_log=access_log,
        proxy_headers=False,  # on, uvicorn believes X-Forwarded-For from this machine, and with it our loopback rule
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        backlog=BACKLOG,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="http server")
    accepting = asyncio.create_task(server.accepting.wait())
    try:
        await asyncio.wait([task, accepting], return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        task.cancel()
        listener.close()
        raise
    finally:
        accepting.cancel()
    if task.done():
        listener.close()
        await task
    return HttpServer(server, task, host, listener.getsockname()[1])
