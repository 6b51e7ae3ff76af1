"""A real HTTP server on 127.0.0.1 that answers as a test says: well, badly, late, half, or not at all."""

import asyncio
import contextlib
import json
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.alert_sinks.support import Signal


@dataclass(frozen=True)
class Request:
    """One request as it came over the wire; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


Action = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


def answers(status: int, body: bytes = b"ok", **headers: str) -> Action:
    """A whole answer; `retry_after="3"` becomes the header `retry-after: 3`."""

    async def act(request: Request, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)

    return act


def sends(raw: bytes) -> Action:
    """Writes these bytes and closes."""

    async def act(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()
        writer.close()

    return act


def drips(head: bytes, drop: bytes) -> Action:
    """Writes `head`, then `drop` for ever, a little at a time."""

    async def act(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(0.01)

    return act


async def hangs(request: Request, writer: asyncio.StreamWriter) -> None:
    """Never answers."""
    await asyncio.Event().wait()


class Receiver:
    """`requests` holds what came, in order. Each request takes the next of `script`; after it, `default`."""

    def __init__(self, signal: Signal) -> None:
        self.requests: list[Request] = []
        self.script: deque[Action] = deque()
        self.default: Action = answers(200)
        self.choose: Callable[[Request], Action | None] = lambda request: None  # goes before the script
        self.in_flight = 0
        self.most_in_flight = 0
        self._signal = signal
        self._server: asyncio.Server | None = None
        self._handlers: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where to post."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/hook"

    @property
    def titles(self) -> list[str]:
        """The titles of the alerts that webhooks brought."""
        return [request.json["alert"]["title"] for request in self.requests]

    async def got(self, count: int) -> None:
        """Returns when `count` requests have come."""
        await self._signal.until(lambda: len(self.requests) >= count)

    async def start(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Listens on `port`, or on a free one for 0."""
        self._server = await asyncio.start_server(self._handle, "127.0.0.1", port, ssl=tls)

    async def stop(self) -> None:
        """Ends, with every connection."""
        assert self._server is not None
        self._server.close()
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)
        await self._server.wait_closed()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while not writer.is_closing():
                    await self._serve(await _read(reader), writer)
        finally:
            self._handlers.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _serve(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            self.requests.append(request)
            self._signal.fire()
            action = self.choose(request) or (self.script.popleft() if self.script else self.default)
            await action(request, writer)
            await writer.drain()
        finally:
            self.in_flight -= 1


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, body)


@contextlib.asynccontextmanager
async def receiving(signal: Signal, port: int = 0) -> AsyncIterator[Receiver]:
    """A receiver for as long as the block lasts."""
    receiver = Receiver(signal)
    await receiver.start(port)
    try:
        yield receiver
    finally:
        await receiver.stop()
