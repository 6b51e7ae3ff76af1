"""Changes without API_TOKENS: a program of this machine may, whatever forwards may not, the file's token may."""

import asyncio
import os
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import structlog.testing

from episode_monitor.cli.calling import WorkerClient as Caller
from episode_monitor.composition import web_settings
from episode_monitor.exits import Failure
from episode_monitor.settings.api_tokens import ApiToken, Role
from episode_monitor.settings.settings import load_settings
from episode_monitor.web import local_caller
from episode_monitor.web.local_changes import demands_token, places_elsewhere, read_token, token_of_start
from episode_monitor.web.server import HttpServer, serve
from episode_monitor.web.settings import WebSettings
from tests.web.conftest import Connect
from tests.web.fake_views import FakeViews, alert, fake_app

SILENCE = "/monitoring/episodes/alerts/r:p/silence"
BODY = b'{"by": "mina"}'
LOCAL = ApiToken.of(Role.OPERATOR, "the-token-of-the-file")


@pytest.fixture(autouse=True)
def one_alert(views: FakeViews) -> None:
    views.alerts = {"r:p": alert("r:p")}


async def change(client: httpx.AsyncClient, headers: dict[str, str] | None = None) -> tuple[int, str | None]:
    answer = await client.post(SILENCE, json={"by": "mina"}, headers=headers)
    return answer.status_code, answer.json().get("code")


@pytest.mark.parametrize(
    "header",
    [
        "Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port",
        "X-Forwarded-Prefix", "X-Forwarded", "X-Forwarded-Client-Cert", "Forwarded-For", "X-Real-IP", "X-Real-Port",
        "CF-Connecting-IP", "CF-Ray", "CF-Visitor", "True-Client-IP", "X-Client-IP", "Client-IP",
        "X-Cluster-Client-IP", "X-Envoy-External-Address", "X-Envoy-Original-Path", "Fastly-Client-IP", "Fastly-SSL",
        "X-Original-URL", "X-Original-Host", "X-Original-Forwarded-For", "X-Remote-IP", "X-Remote-Addr",
        "X-Amzn-Trace-Id", "X-Azure-ClientIP", "X-Appengine-User-IP", "X-ARR-SSL", "X-Scheme", "X-Url-Scheme",
        "Front-End-Https", "X-ProxyUser-Ip", "Proxy-Client-IP", "WL-Proxy-Client-IP", "X-Vercel-Id", "CDN-Loop",
        "Fly-Client-IP", "X-NF-Client-Connection-IP", "X-Varnish", "Tailscale-User-Login", "X-Auth-Request-User",
        "CloudFront-Viewer-Address", "Surrogate-Capability", "Ali-CDN-Real-IP",
    ],
)  # fmt: skip
async def test_any_header_of_a_proxy_takes_the_right_away(connect: Connect, header: str) -> None:
    assert await change(connect(), {header: "127.0.0.1"}) == (403, "loopback_only")
    assert await change(connect(WebSettings(host="0.0.0.0")), {header: ""}) == (403, "loopback_only")


@pytest.mark.parametrize(
    "header",
    ["Traceparent", "X-Request-Id", "X-B3-TraceId", "X-Requested-With", "Accept-Language", "Cookie", "Referer", "DNT"],
)
async def test_what_programs_and_browsers_send_themselves_does_not(connect: Connect, header: str) -> None:
    assert await change(connect(), {header: "1"}) == (200, None)


async def test_with_the_token_of_the_file_a_forwarded_change_is_taken_from_this_machine_alone(
    connect: Connect,
) -> None:
    settings = WebSettings(host="0.0.0.0", local_token=LOCAL)
    forwarded = {"x-forwarded-for": "192.0.2.7", "authorization": "Bearer the-token-of-the-file"}
    assert await change(connect(settings), forwarded) == (200, None)
    assert await change(connect(settings), {**forwarded, "authorization": "Bearer another"}) == (403, "loopback_only")
    assert await change(connect(settings, peer="192.0.2.7"), forwarded) == (403, "loopback_only")


async def test_where_the_token_is_demanded_the_address_alone_does_not_do(connect: Connect) -> None:
    settings = WebSettings(local_token=LOCAL, demands_local_token=True)
    assert await change(connect(settings)) == (401, "unauthorized")
    assert await change(connect(settings), {"authorization": "Bearer another"}) == (401, "unauthorized")
    assert await change(connect(settings), {"authorization": "Bearer the-token-of-the-file"}) == (200, None)
    assert await change(connect(WebSettings(demands_local_token=True))) == (401, "unauthorized")


# --- over real connections


@asynccontextmanager
async def running(views: FakeViews) -> AsyncIterator[HttpServer]:
    server = await serve(fake_app(views, WebSettings(), audit=lambda entry: None), "127.0.0.1", 0)
    try:
        yield server
    finally:
        await server.stop()


def request_of(port: int, version: str) -> bytes:
    """What nginx's plain `proxy_pass` sends, but for the version it can be told to use."""
    lines = (
        f"POST {SILENCE} HTTP/{version}", f"Host: 127.0.0.1:{port}", "Connection: close",
        f"Content-Length: {len(BODY)}", "Content-Type: application/json", "", "",
    )  # fmt: skip
    return "\r\n".join(lines).encode() + BODY


@pytest.mark.parametrize(("version", "status"), [("1.0", 403), ("1.1", 200)])
async def test_what_comes_as_http_1_0_is_taken_for_forwarded(views: FakeViews, version: str, status: int) -> None:
    async with running(views) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request_of(server.port, version))
        answer = await reader.read()
        writer.close()
    assert answer.startswith(f"HTTP/1.1 {status}".encode())
    assert len(views.asked) == (1 if status == 200 else 0)


_SENDER = """
import os, socket, sys
"".encode("idna")  # loaded while its file can still be read
os.setuid(int(sys.argv[1]))
with socket.create_connection(("127.0.0.1", int(sys.argv[2]))) as connection:
    connection.sendall(sys.stdin.buffer.read())
    print(connection.recv(12).decode())
"""


@pytest.mark.parametrize(("user", "answer"), [(0, "HTTP/1.1 200"), (65_534, "HTTP/1.1 403")])
async def test_a_program_of_another_user_is_taken_for_a_forwarder(views: FakeViews, user: int, answer: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can start a program as another user")
    async with running(views) as server:
        command = [sys.executable, "-S", "-c", _SENDER, str(user), str(server.port)]
        sent = request_of(server.port, "1.1")
        done = await asyncio.to_thread(subprocess.run, command, input=sent, capture_output=True, timeout=30)
    assert done.stdout.decode().strip() == answer, done.stderr


HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
V4 = "  {n}: 0100007F:{local:04X} 0100007F:{remote:04X} 01 00000000:00000000 00:00000000 00000000 {uid} 0 {inode} 1\n"
MAPPED = V4.replace("0100007F", "0000000000000000FFFF00000100007F")


def tables(folder: Path, four: str, six: str = "") -> tuple[Path, Path]:
    if sys.byteorder == "big":
        pytest.skip("the lines are written as a little-endian kernel writes them")
    (folder / "tcp").write_text(HEAD + four)
    (folder / "tcp6").write_text(HEAD + six)
    return folder / "tcp", folder / "tcp6"


@pytest.mark.parametrize(
    ("uid", "inode", "own"),
    [(os.geteuid(), 7, True), (0, 7, True), (33_333, 7, False), (0, 0, False), (os.geteuid(), 0, False)],
    ids=["ours", "root's", "another's", "nobody holds it open", "ours, closed meanwhile"],
)
@pytest.mark.parametrize("family", [V4, MAPPED])
def test_the_systems_tables_say_whose_the_other_end_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uid: int, inode: int, own: bool, family: str
) -> None:
    ours = V4.format(n=0, local=8002, remote=50_000, uid=os.geteuid(), inode=5)
    theirs = family.format(n=1, local=50_000, remote=8002, uid=uid, inode=inode)
    other = V4.format(n=2, local=50_000, remote=9000, uid=33_333, inode=8)
    monkeypatch.setattr(local_caller, "SOCKET_TABLES", tables(tmp_path, ours + other, theirs))
    assert local_caller._is_own_program(("127.0.0.1", 50_000), ("127.0.0.1", 8002)) is own


def test_a_caller_whose_end_is_gone_from_the_tables_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = V4.format(n=0, local=8002, remote=50_000, uid=0, inode=5)
    monkeypatch.setattr(local_caller, "SOCKET_TABLES", tables(tmp_path, ours))
    assert not local_caller._is_own_program(("127.0.0.1", 50_000), ("127.0.0.1", 8002))


# --- the file and the settings


def test_a_start_makes_a_token_that_only_this_user_can_read_and_keeps_it(tmp_path: Path) -> None:
    settings = load_settings({"STATE_DIR": str(tmp_path / "new" / "state")})
    token = token_of_start(settings)
    (file,) = (tmp_path / "new" / "state").iterdir()
    assert (file.name, stat.S_IMODE(file.stat().st_mode)) == ("operator-token", 0o600)
    assert token is not None
    assert len(token) >= 32
    assert token_of_start(settings) == read_token(settings) == token
    assert web_settings(settings).local_token == ApiToken.of(Role.OPERATOR, token)


def test_a_token_that_others_could_read_is_replaced(tmp_path: Path) -> None:
    settings = load_settings({"STATE_DIR": str(tmp_path)})
    first = token_of_start(settings)
    (tmp_path / "operator-token").chmod(0o644)
    assert read_token(settings) is None
    second = token_of_start(settings)
    assert second not in (None, first)
    assert read_token(settings) == second
    assert [path.name for path in tmp_path.iterdir()] == ["operator-token"]


def test_with_tokens_of_the_settings_or_a_folder_that_takes_no_file_there_is_none(tmp_path: Path) -> None:
    assert token_of_start(load_settings({"STATE_DIR": str(tmp_path), "API_TOKENS": "operator:x"})) is None
    assert list(tmp_path.iterdir()) == []
    with structlog.testing.capture_logs() as logs:
        assert token_of_start(load_settings({"STATE_DIR": "/dev/null/state"})) is None
    assert [entry["event"] for entry in logs] == ["the local operator token could not be written"]


@pytest.mark.parametrize(
    ("given", "elsewhere", "demanded"),
    [
        ({}, [], False),
        ({"DASHBOARD_URL": "http://localhost:8002", "WORKER_URL": "http://[::1]:8002"}, [], False),
        ({"DASHBOARD_URL": "https://ops.example/episodes"}, ["DASHBOARD_URL"], True),
        ({"WORKER_URL": "http://monitor-1:8002"}, ["WORKER_URL"], True),
        ({"MONITORING_ALLOWED_HOSTS": "ops.example"}, ["MONITORING_ALLOWED_HOSTS"], True),
        ({"MONITORING_HOST": "0.0.0.0"}, ["MONITORING_HOST"], False),
        (
            {"MONITORING_HOST": "0.0.0.0", "DASHBOARD_URL": "http://box:8002"},
            ["DASHBOARD_URL", "MONITORING_HOST"], False,
        ),
        (
            {"MONITORING_HOST": "0.0.0.0", "DASHBOARD_URL": "https://ops.example"},
            ["DASHBOARD_URL", "MONITORING_HOST"], True,
        ),
        ({"DASHBOARD_URL": "https://ops.example", "LOOPBACK_CHANGES": "direct"}, ["DASHBOARD_URL"], False),
        ({"LOOPBACK_CHANGES": "Token"}, [], True),
    ],
)  # fmt: skip
def test_a_monitor_that_is_named_from_elsewhere_warns_and_may_demand_the_token(
    tmp_path: Path, given: dict[str, str], elsewhere: list[str], demanded: bool
) -> None:
    settings = load_settings({"STATE_DIR": str(tmp_path), **given})
    assert (places_elsewhere(settings), demands_token(settings)) == (elsewhere, demanded)
    with structlog.testing.capture_logs() as logs:
        assert web_settings(settings).demands_local_token is demanded
    assert [entry["because_of"] for entry in logs] == ([elsewhere] if elsewhere else [])
    assert all("API_TOKENS" in entry["event"] for entry in logs)
    with structlog.testing.capture_logs() as logs:
        web_settings(load_settings({"STATE_DIR": str(tmp_path), "API_TOKENS": "operator:x", **given}))
    assert logs == []


def test_a_free_port_is_not_taken_for_a_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert local_caller._is_own_program(("127.0.0.1", 9), listener.getsockname())


async def test_a_command_sends_the_token_of_the_file_and_only_to_this_machine(tmp_path: Path, views: FakeViews) -> None:
    settings = load_settings({"STATE_DIR": str(tmp_path), "LOOPBACK_CHANGES": "token"})
    app = fake_app(views, web_settings(settings), audit=lambda entry: None)
    server = await serve(app, "127.0.0.1", 0)
    stranger = load_settings({"STATE_DIR": str(tmp_path / "elsewhere")})
    try:
        path = "/alerts/r%3Ap/acknowledge"
        with pytest.raises(Failure, match="operator-token"):
            await Caller(stranger, server.url).post(path, {"by": "mina"})
        assert (await Caller(settings, server.url).post(path, {"by": "mina"}))["acknowledged_by"] == "mina"
    finally:
        await server.stop()
    assert Caller(settings, "https://ops.example")._token is None
