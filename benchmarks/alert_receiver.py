"""Receives alerts: notes when the first of each project came, be it as Slack's or as Alertmanager's request."""

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any


class Receiver:
    """`arrived` holds `time.monotonic()` by project."""

    def __init__(self) -> None:
        self.arrived: dict[str, float] = {}
        self.port = 0
        self._news = asyncio.Event()

    async def start(self) -> asyncio.Server:
        """Listen on a free port of loopback."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def until_all(self, projects: set[str], seconds: float) -> None:
        """Wait until all have come, or give up quietly: what is missing shows in the figures."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not projects <= self.arrived.keys():
                    self._news.clear()
                    await self._news.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                )
                body = json.loads(await reader.readexactly(length))
                now = time.monotonic()
                for project_id in _projects(body):
                    self.arrived.setdefault(project_id, now)
                self._news.set()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the sender went, or the measurement is over
        finally:
            writer.close()


def _projects(body: dict[str, Any]) -> Iterator[str]:
    for alert in body.get("alerts", ()):  # Alertmanager
        yield alert["labels"]["project_id"]
    for attachment in body.get("attachments", ()):  # Slack
        for field in attachment["fields"]:
            if field["title"] == "Project":
                yield field["value"]
