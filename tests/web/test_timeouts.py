"""Slow callers on real sockets: what is late is closed, and however many hang on, a probe is answered."""

import asyncio
import errno
import os
import resource
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
import structlog.testing
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from episode_monitor.web.server import HttpServer, serve
from episode_monitor.web.settings import WebSettings
from episode_monitor.web.timeouts import DescriptorWatch, Doorkeeper, Patience, connections_for
from tests.web.fake_views import FakeViews, alert, fake_app

NEVER = 3600.0
LARGE = b"x" * 40_000_000
HEAD = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Half: "
POST = b"POST /monitoring/episodes/alerts/r:p/resolve HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def patient(**changes: float) -> Patience:
    """Waits for ever but for what a test names."""
    values = {"head_seconds": NEVER, "body_seconds": NEVER, "answer_seconds": NEVER, "connections": 100, **changes}
    return Patience(**values)  # type: ignore[arg-type]


@asynccontextmanager
async def running(patience: Patience) -> AsyncIterator[HttpServer]:
    views = FakeViews()
    views.alerts = {"r:p": alert("r:p")}
    app = fake_app(views, WebSettings(), audit=lambda entry: None)

    async def with_large(scope: Scope, receive: Receive, send: Send) -> None:
        await (Response(LARGE) if scope.get("path") == "/large" else app)(scope, receive, send)

    server = await serve(with_large, "127.0.0.1", 0, patience=patience)
    try:
        yield server
    finally:
        await server.stop()


async def hang_on(server: HttpServer, sent: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(sent)
    return reader, writer


async def end_of(server: HttpServer, sent: bytes) -> bytes:
    """All that the server says until it closes."""
    reader, writer = await hang_on(server, sent)
    async with asyncio.timeout(60):
        said = await reader.read()
    writer.close()
    return said


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(6000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not come to that within a minute")


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"", b""),
        (b"GET", b"HTTP/1.1 408 "),
        (HEAD, b"HTTP/1.1 408 "),
        (POST + b"Content-Length: 100\r\n", b"HTTP/1.1 408 "),
    ],
    ids=["nothing", "a word", "half a head", "half a head of a change"],
)
async def test_a_head_that_does_not_come_is_closed(sent: bytes, said: bytes) -> None:
    async with running(patient(head_seconds=0.2)) as server:
        assert (await end_of(server, sent))[:13] == said


@pytest.mark.parametrize("framing", [b"Content-Length: 100\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"])
async def test_a_body_that_does_not_come_is_closed(framing: bytes) -> None:
    async with running(patient(body_seconds=0.2)) as server:
        assert (await end_of(server, POST + framing)).startswith(b"HTTP/1.1 408 ")


async def test_a_body_that_nobody_asked_for_is_closed_too() -> None:
    async with running(patient(body_seconds=0.2)) as server:
        said = await end_of(server, b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
    assert said.startswith(b"HTTP/1.1 200 ")
    assert b" 408 " not in said


async def test_a_second_head_on_a_connection_has_its_own_time() -> None:
    async with running(patient(head_seconds=0.2)) as server:
        said = await end_of(server, b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" + HEAD)
    assert said.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 408 " in said


async def test_a_head_that_drips_in_is_no_reason_to_wait_longer() -> None:
    async with running(patient(head_seconds=0.3)) as server:
        reader, writer = await hang_on(server, b"GET /livez HTTP/1.1\r\n")
        reading = asyncio.create_task(reader.read())
        async with asyncio.timeout(60):
            while not reading.done():
                writer.write(b"X: y\r\n")
                await asyncio.wait([reading], timeout=0.05)
        assert reading.result().startswith(b"HTTP/1.1 408 ")
        writer.close()


@pytest.mark.parametrize("ending", [b"", b"Connection: close\r\n"])
async def test_an_answer_that_is_not_taken_is_cut(ending: bytes) -> None:
    async with running(patient(answer_seconds=0.2)) as server:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, ("127.0.0.1", server.port))
            await loop.sock_sendall(client, b"GET /large HTTP/1.1\r\nHost: localhost\r\n" + ending + b"\r\n")
            connections = server._server.server_state.connections
            await until(lambda: len(connections) == 1)
            await until(lambda: not connections)


async def test_an_answer_that_is_taken_slowly_comes_whole() -> None:
    async with running(patient(answer_seconds=30.0)) as server:
        reader, writer = await hang_on(server, b"GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        taken = 0
        async with asyncio.timeout(60):
            while piece := await reader.read(1_000_000):
                taken += len(piece)
                await asyncio.sleep(0)
        writer.close()
    assert taken > len(LARGE)


async def test_however_many_hang_on_a_probe_is_answered_and_they_give_way_the_oldest_first() -> None:
    async with running(patient(connections=5)) as server:
        hanging = [await hang_on(server, HEAD) for _ in range(40)]
        async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=30) as client:
            for _ in range(3):
                assert (await client.get("/livez")).status_code == 200
        async with asyncio.timeout(60):
            for reader, writer in hanging[:36]:
                assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
                writer.close()
        for reader, writer in hanging[36:]:
            assert not reader.at_eof()
            writer.close()


async def test_where_all_places_are_taken_by_requests_under_way_the_next_is_503() -> None:
    async with running(patient(connections=3)) as server:
        under_way = []
        for _ in range(3):
            reader, writer = await hang_on(server, POST + b"Content-Length: 100\r\nExpect: 100-continue\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
            under_way.append(writer)
        with structlog.testing.capture_logs() as logs:
            async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=30) as client:
                answers = [await client.get("/livez") for _ in range(2)]
        for writer in under_way:
            writer.close()
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(503, "too_many_connections")] * 2
    assert answers[0].headers["content-type"] == "application/problem+json"
    assert [entry["event"] for entry in logs] == ["the limit of HTTP connections is reached"]


async def test_an_idle_connection_gives_way_and_one_with_a_request_under_way_does_not() -> None:
    async with running(patient(connections=2)) as server:
        busy, sending = await hang_on(server, POST + b"Content-Length: 13\r\nExpect: 100-continue\r\n\r\n")
        await busy.readuntil(b"\r\n\r\n")
        idle, leaving = await hang_on(server, b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await idle.readuntil(b'{"alive":true}')
        async with httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=30) as client:
            assert (await client.get("/livez")).status_code == 200
        async with asyncio.timeout(60):
            assert await idle.read() == b""
        leaving.close()
        sending.write(b'{"by":"mina"}')
        assert (await busy.readline()).startswith(b"HTTP/1.1 200")
        sending.close()


# --- descriptors


@pytest.mark.parametrize(("descriptors", "connections"), [(20, 16), (256, 64), (1024, 256), (65_536, 1000)])
def test_connections_stay_well_below_the_descriptors(descriptors: int, connections: int) -> None:
    assert connections_for(descriptors) == connections


def test_a_start_raises_the_soft_limit_to_the_hard_one() -> None:
    program = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 300))
from episode_monitor.web.timeouts import descriptor_limit, raise_descriptor_limit
print(descriptor_limit(), raise_descriptor_limit(), resource.getrlimit(resource.RLIMIT_NOFILE))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "100 300 (300, 300)"


def test_that_no_descriptor_is_left_is_said_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(path: str, flags: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    watch = DescriptorWatch()
    with structlog.testing.capture_logs() as logs:
        assert watch.look(0.0)
        with monkeypatch.context() as patched:
            patched.setattr(os, "open", none_left)
            assert [watch.look(now) for now in (1.0, 2.0, 61.5)] == [False, False, False]
        assert watch.look(62.0)
    assert [entry["log_level"] for entry in logs] == ["error", "error"]
    assert logs[0]["limit"] == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_that_all_places_are_taken_is_said_once_a_minute() -> None:
    keeper = Doorkeeper(patient(connections=1))
    with structlog.testing.capture_logs() as logs:
        assert [keeper.make_room(2, now) for now in (0.0, 1.0, 60.5)] == [False, False, False]
    assert len(logs) == 2
