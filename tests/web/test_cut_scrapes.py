"""A scrape of /metrics that is cut off costs nothing: no error, no descriptor, no wrong sample in the next one."""

import asyncio
import logging
import os
import socket
import struct

import httpx
import pytest
from structlog.testing import capture_logs

from episode_monitor.web.server import HttpServer, serve
from episode_monitor.web.settings import WebSettings
from tests.web.fake_views import FakeViews, fake_app

SERIES = 20_000
CUTS = 60
RESET = struct.pack("ii", 1, 0)  # close at once, with what was not read


class LargePage(FakeViews):
    """A page that is longer than a socket's buffers."""

    async def metrics(self, accept: str = "") -> tuple[bytes, str]:
        lines = [f'filling{{number="{number:060d}"}} {number}\n' for number in range(SERIES)]
        return "".join(lines).encode(), "text/plain; version=0.0.4; charset=utf-8"


async def cut(server: HttpServer, taken: int) -> None:
    """Ask, read so many bytes, and reset the connection."""
    loop = asyncio.get_running_loop()
    with socket.socket() as connection:
        connection.setblocking(False)
        await loop.sock_connect(connection, ("127.0.0.1", server.port))
        await loop.sock_sendall(connection, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        if taken:
            assert await loop.sock_recv(connection, taken)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


async def test_scrapes_that_are_cut_off_leave_nothing_and_the_next_one_is_whole(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = await serve(fake_app(LargePage(), WebSettings(), audit=lambda entry: None), "127.0.0.1", 0)
    try:
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
            before = (await client.get("/metrics")).text
            descriptors = len(os.listdir("/proc/self/fd"))
            with capture_logs() as logged:
                for number in range(CUTS):
                    await cut(server, taken=(0, 1, 4096)[number % 3])
                async with asyncio.timeout(30):
                    while len(os.listdir("/proc/self/fd")) > descriptors:  # noqa: ASYNC110 - a socket has no event
                        await asyncio.sleep(0.01)
            assert [entry for entry in logged if entry["log_level"] in ("warning", "error", "critical")] == []
            assert [each for each in caplog.records if each.levelno >= logging.WARNING] == [], "of the server's library"
            after = (await client.get("/metrics")).text
            assert (await client.get("/livez")).status_code == 200
    finally:
        await server.stop()
    assert _of(after, "filling") == _of(before, "filling")
    assert len(_of(after, "filling")) == SERIES


def _of(page: str, name: str) -> list[str]:
    return [line for line in page.splitlines() if line.startswith(f"{name}{{")]
