"""Runs the web app inside a loop that is already there. It listens before it returns and leaves signals to others."""

import asyncio
import errno
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from episode_monitor.web.timeouts import (
    DescriptorWatch,
    Patience,
    connections_for,
    descriptor_limit,
    protocol_for,
)

_KEEP_ALIVE_SECONDS = 30  # longer than clients keep an idle connection (httpx: 5), so that they close first
_SHUTDOWN_SECONDS = 3  # for answers under way; a page asks every two seconds
_BACKLOG = 2048  # connections that may wait while the loop is busy with a batch


class CannotListen(Exception):
    """The address cannot be listened on; the message is one sentence for people."""


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
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)
        return f"http://{f'[{shown}]' if ':' in shown and not shown.startswith('[') else shown}:{self.port}"

    async def stop(self) -> None:
        """Let answers under way end, then close; at most a few seconds. May be called twice."""
        self._server.should_exit = True
        await asyncio.wait([self.task])


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections already; port 0 means any free one. Raises CannotListen."""
    if not 0 <= port <= 65_535:  # the resolver would take the port modulo 65536 without a word
        raise CannotListen(f"{port} is not a port: set MONITORING_PORT to a number from 0 to 65535.")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        made = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
        # asyncio sends small answers at once only on sockets that say TCP; without it each waits 40 ms for an ACK.
        return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno=made.detach())
    except (OSError, UnicodeError) as error:
        raise CannotListen(_sentence(host, port, error)) from error


def _sentence(host: str, port: int, error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, socket.gaierror | UnicodeError) or number == errno.EADDRNOTAVAIL:
        return f"{host}:{port} is not an address of this machine: set MONITORING_HOST to one of its addresses."
    if number == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use by another program: stop that one or set MONITORING_PORT to another."
    if number == errno.EACCES:
        return f"Port {port} on {host} is reserved for the system: set MONITORING_PORT to one above 1023."
    return f"Cannot listen on {host}:{port} ({error}): check MONITORING_HOST and MONITORING_PORT."


async def serve(
    app: ASGIApp, host: str, port: int, *, access_log: bool = False, patience: Patience | None = None
) -> HttpServer:
    """Listen, start answering in the background, and return. Raises CannotListen."""
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
        backlog=_BACKLOG,
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
