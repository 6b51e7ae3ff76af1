"""On a real socket: a taken port, HEAD, bodies of every size, a name in the Host header, stopping."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from episode_monitor.listening import CannotListen, listen
from episode_monitor.settings.api_tokens import parse_api_tokens
from episode_monitor.storage.audit import AuditEntry
from episode_monitor.web.server import HttpServer, serve
from episode_monitor.web.settings import WebSettings
from tests.web.fake_views import FakeViews, fake_app

ROOT = "/monitoring/episodes"


@asynccontextmanager
async def running(
    registry: CollectorRegistry | None = None, *, is_traced: bool = False
) -> AsyncIterator[tuple[HttpServer, httpx.AsyncClient]]:
    app = fake_app(FakeViews(), WebSettings(), registry=registry, audit=lambda entry: None, is_traced=is_traced)
    server = await serve(app, "127.0.0.1", 0)
    try:
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
            yield server, client
    finally:
        await server.stop()


async def exchange(server: HttpServer, request: bytes) -> bytes:
    """What the server says to these bytes until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_it_answers_as_soon_as_serve_returns_and_is_gone_after_stop() -> None:
    async with running() as (server, client):
        assert (await client.get("/livez")).json() == {"alive": True}
        assert server.url == f"http://127.0.0.1:{server.port}"
    await server.stop()
    assert server.task.exception() is None
    with pytest.raises(httpx.ConnectError):
        async with httpx.AsyncClient(trust_env=False) as late:
            await late.get(f"{server.url}/livez")


async def test_a_taken_port_is_said_in_one_sentence() -> None:
    async with running() as (server, _):
        with pytest.raises(CannotListen) as caught:
            await serve(fake_app(FakeViews(), WebSettings()), "127.0.0.1", server.port)
    assert str(caught.value) == (
        f"Port {server.port} on 127.0.0.1 is in use by another program: "
        "stop that one or set MONITORING_PORT to another."
    )


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "a..b", "x" * 70 + ".example"])
def test_an_address_of_another_machine_is_said_so(host: str) -> None:
    with pytest.raises(CannotListen, match="is not an address of this machine: set MONITORING_HOST"):
        listen(host, 0)


@pytest.mark.parametrize("port", [-1, 65_536, 70_000])
def test_a_port_that_cannot_be_is_refused(port: int) -> None:
    with pytest.raises(CannotListen, match=f"^{port} is not a port"):
        listen("127.0.0.1", port)


async def test_it_listens_on_ipv6_too() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    server = await serve(fake_app(FakeViews(), WebSettings(host="::1")), "::1", 0)
    try:
        assert server.url == f"http://[::1]:{server.port}"
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{server.url}/livez")).status_code == 200
    finally:
        await server.stop()


async def test_answers_do_not_wait_to_be_joined_with_later_ones() -> None:
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def look(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    listener = listen("127.0.0.1", 0)
    async with await asyncio.start_server(look, sock=listener):
        _, writer = await asyncio.open_connection(*listener.getsockname())
        nodelay = await accepted
        writer.close()
        await writer.wait_closed()
    assert nodelay == 1


async def test_signals_stay_with_the_caller() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    async with running():
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


async def test_head_has_a_length_and_no_body_on_the_wire() -> None:
    async with running() as (server, client):
        length = len((await client.get(f"{ROOT}/integrity/summary")).content)
        lines = (
            f"HEAD {ROOT}/integrity/summary HTTP/1.1",
            f"Host: 127.0.0.1:{server.port}",
            "Connection: close",
        )
        answer = await exchange(server, "\r\n".join((*lines, "", "")).encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert f"content-length: {length}".encode() in head.lower()
    assert b"\r\nserver:" not in head.lower()
    assert body == b""


@pytest.mark.parametrize("size_bytes", [64 * 1024 + 1, 5_000_000])
async def test_a_big_body_is_413_and_the_server_goes_on(size_bytes: int) -> None:
    async with running() as (_, client):
        headers = {"content-type": "application/json"}
        answer = await client.post(f"{ROOT}/alerts/r:p/resolve", content=b" " * size_bytes, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert (await client.get("/livez")).status_code == 200


async def test_a_big_body_in_chunks_is_413_too() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(80):
            yield b" " * 1024

    async with running() as (_, client):
        headers = {"content-type": "application/json"}
        answer = await client.post(f"{ROOT}/alerts/r:p/resolve", content=chunks(), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert (await client.get("/livez")).status_code == 200


async def test_a_claimed_peer_is_not_believed_on_the_wire() -> None:
    entries: list[AuditEntry] = []
    tokens = parse_api_tokens("operator:s3cret")
    app = fake_app(FakeViews(), WebSettings(api_tokens=tokens), audit=entries.append)
    server = await serve(app, "127.0.0.1", 0)
    try:
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
            headers = {"authorization": "Bearer s3cret", "x-forwarded-for": "192.0.2.7"}
            await client.post(f"{ROOT}/alerts/r:p/acknowledge", json={"by": "mina"}, headers=headers)
    finally:
        await server.stop()
    assert [entry.request["peer"] for entry in entries] == ["127.0.0.1"]


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /monitoring/episodes/integrity/project/.. HTTP/1.1",
        b"GET /monitoring/episodes/integrity/project/a%2F..%2Fb HTTP/1.1",
        b"GET //monitoring/episodes HTTP/1.1",
        b"GET /monitoring/episodes/integrity/project/\xff HTTP/1.1",
        b"GET /static/../app.py HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"TRACE / HTTP/1.1",
        b"BREW /livez HTTP/1.1",
        b"GET http://evil.example/livez HTTP/1.1",
    ],
)
async def test_odd_request_lines_never_break_it(request_line: bytes) -> None:
    async with running() as (server, client):
        host = f"Host: 127.0.0.1:{server.port}".encode()
        answer = await exchange(server, b"\r\n".join((request_line, host, b"Connection: close", b"", b"")))
        status = int(answer.split(b" ", 2)[1])
        assert 200 <= status < 500, answer
        assert (await client.get("/livez")).status_code == 200


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_error() -> None:
    registry = CollectorRegistry()
    async with running(registry=registry) as (server, client):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        lines = (
            f"POST {ROOT}/alerts/r:p/resolve HTTP/1.1",
            f"Host: 127.0.0.1:{server.port}",
            "Content-Type: application/json",
            "Content-Length: 100",
            "Expect: 100-continue",
        )
        writer.write("\r\n".join((*lines, "", "")).encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")  # now the body is waited for
        writer.write(b"{")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        labels = {"method": "POST", "route": f"{ROOT}/alerts/{{alert_key}}/resolve", "status": "499"}
        async with asyncio.timeout(10):
            while registry.get_sample_value("episode_monitor_http_requests_total", labels) is None:
                assert (await client.get("/livez")).status_code == 200


async def test_requests_are_counted_by_route_and_status_and_never_by_path() -> None:
    registry = CollectorRegistry()
    async with running(registry=registry) as (_, client):
        for path in (f"{ROOT}/integrity/project/p1", f"{ROOT}/integrity/project/p2", "/nothing/p3"):
            await client.get(path)
        await client.head(f"{ROOT}/integrity/project/p1")
        await client.request("BREW", "/livez")
    counted = {
        (sample.labels["method"], sample.labels["route"], sample.labels["status"]): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "episode_monitor_http_requests_total"
    }
    assert counted == {
        ("GET", f"{ROOT}/integrity/project/{{project_id}}", "200"): 2.0,
        ("HEAD", f"{ROOT}/integrity/project/{{project_id}}", "200"): 1.0,
        ("GET", "_unmatched", "404"): 1.0,
        ("OTHER", "/livez", "405"): 1.0,
    }
    text = generate_latest(registry)
    assert b"p1" not in text
    assert b"episode_monitor_http_request_duration_seconds_bucket" in text


async def test_the_callers_trace_is_an_exemplar_of_the_requests_time_where_tracing_is_on() -> None:
    headers = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    for is_traced in (False, True):
        registry = CollectorRegistry()
        async with running(registry=registry, is_traced=is_traced) as (_, client):
            await client.get("/livez", headers=headers)
            await client.get("/livez", headers={"traceparent": "nonsense"})
            await client.get("/livez")
        exemplars = [
            sample.exemplar.labels for family in registry.collect() for sample in family.samples if sample.exemplar
        ]
        assert exemplars == ([{"trace_id": "0af7651916cd43dd8448eb211c80319c"}] if is_traced else [])
