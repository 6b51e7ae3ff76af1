"""Forms of requests: whole addresses, no Host, OPTIONS, slashes, ids like routes, other sites, below a path."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote, urljoin

import httpx
import pytest

from episode_monitor.composition import web_settings
from episode_monitor.settings.api_tokens import parse_api_tokens
from episode_monitor.settings.settings import load_settings
from episode_monitor.web.server import HttpServer, serve
from episode_monitor.web.settings import WebSettings
from tests.web.conftest import Connect
from tests.web.fake_views import FakeViews, alert, fake_app

ROOT = "/monitoring/episodes"
OPS = "https://ops.example"
BODY = b'{"by": "mina"}'


@asynccontextmanager
async def running(settings: WebSettings | None = None, views: FakeViews | None = None) -> AsyncIterator[HttpServer]:
    app = fake_app(views or FakeViews(), settings or WebSettings(), audit=lambda entry: None)
    server = await serve(app, "127.0.0.1", 0)
    try:
        yield server
    finally:
        await server.stop()


async def exchange(server: HttpServer, *lines: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer to these lines; PORT is put in."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write("\r\n".join((*lines, "Connection: close", "", "")).replace("PORT", str(server.port)).encode() + body)
    head, _, rest = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    first, *others = head.decode().split("\r\n")
    return int(first.split()[1]), {n.lower(): v for n, v in (line.split(": ", 1) for line in others)}, rest


# --- the whole address


WHOLE = [
    ("http://127.0.0.1:PORT/livez", 200),
    ("HTTP://localhost:PORT/livez", 200),
    ("http://127.0.0.1:PORT", 200),
    ("http://127.0.0.1:PORT/monitoring/episodes/integrity/projects?limit=1", 200),
    ("http://127.0.0.1:PORT/monitoring/episodes/integrity/projects?limit=0", 422),
    ("http://127.0.0.1:PORT/nothing", 404),
    ("http://127.0.0.1:PORT/livez%00", 400),
    ("http://evil.example/livez", 403),
    ("http://mina@127.0.0.1/livez", 400),
    ("http:///livez", 400),
    ("http://[::1/livez", 400),
    ("http://127.0.0.1:x/livez", 400),
]


async def test_a_whole_address_in_the_request_line_is_that_address() -> None:
    async with running() as server:
        for target, status in WHOLE:
            assert (await exchange(server, f"GET {target} HTTP/1.1", "Host: 127.0.0.1:PORT"))[0] == status, target


async def test_the_host_of_the_whole_address_counts_and_not_the_header() -> None:
    async with running() as server:
        foreign = await exchange(server, "GET http://127.0.0.1:PORT/livez HTTP/1.1", "Host: evil.example")
        hidden = await exchange(server, "GET http://evil.example/livez HTTP/1.1", "Host: 127.0.0.1:PORT")
    assert (foreign[0], hidden[0]) == (200, 403)


async def test_a_change_by_the_whole_address_is_checked_as_any_other() -> None:
    views = FakeViews()
    views.alerts = {"r:p": alert("r:p")}
    path = f"{ROOT}/alerts/r:p/acknowledge HTTP/1.1"
    rest = (f"Content-Length: {len(BODY)}", "Content-Type: application/json")
    async with running(views=views) as server:
        ours = f"POST http://127.0.0.1:PORT{path}"
        assert (await exchange(server, ours, "Host: x", *rest, body=BODY))[0] == 200
        foreign = await exchange(server, ours, "Host: x", "Origin: http://evil.example", *rest, body=BODY)
        assert foreign[0] == 403
        elsewhere = await exchange(server, f"POST http://evil.example{path}", "Host: 127.0.0.1:PORT", *rest, body=BODY)
        assert elsewhere[0] == 403


# --- no Host


PROBES = [
    ("GET /livez HTTP/1.0", 200),
    ("HEAD /readyz HTTP/1.0", 200),
    ("OPTIONS / HTTP/1.0", 204),
    ("OPTIONS * HTTP/1.0", 204),
    ("GET /livez/ HTTP/1.0", 200),
    ("GET / HTTP/1.0", 403),
    ("GET /metrics HTTP/1.0", 403),
    (f"GET {ROOT}/integrity/summary HTTP/1.0", 403),
    (f"POST {ROOT}/jobs/integrity/run-check HTTP/1.0", 403),
    ("POST /livez HTTP/1.0", 403),
]


@pytest.mark.parametrize("host", [(), ("Host:",)])
async def test_a_balancers_plain_probe_needs_no_host_and_all_else_does(host: tuple[str, ...]) -> None:
    async with running() as server:
        for request_line, status in PROBES:
            assert (await exchange(server, request_line, *host))[0] == status, request_line


async def test_a_probe_with_a_foreign_host_is_refused_as_before() -> None:
    async with running() as server:
        assert (await exchange(server, "GET /livez HTTP/1.1", "Host: evil.example"))[0] == 403


# --- OPTIONS and the slash


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/", "GET, HEAD, OPTIONS"),
        ("/livez", "GET, HEAD, OPTIONS"),
        (f"{ROOT}/integrity/project/webtoon%2F7", "GET, HEAD, OPTIONS"),
        (f"{ROOT}/alerts/r:p/resolve", "POST, OPTIONS"),
        (f"{ROOT}/automatic-repair", "GET, HEAD, POST, OPTIONS"),
    ],
)
async def test_options_says_what_a_path_takes(client: httpx.AsyncClient, path: str, allow: str) -> None:
    answer = await client.options(path)
    assert (answer.status_code, answer.headers["allow"], answer.content) == (204, allow, b"")
    assert (await client.options("/nothing")).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/livez/", "/readyz/", "/metrics/", f"{ROOT}/integrity/summary/", f"{ROOT}/alerts/active/", f"{ROOT}/jobs/"],
)
async def test_a_slash_at_the_end_is_taken(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 200


# --- ids


@pytest.mark.parametrize(
    "project_id",
    [
        "x/findings", "x/findings/f1", "x/repair-plans", "findings", "/findings", "x/", "/", "a//b", "a/./b", "a/../b",
        "x%2Ffindings", "x%2ffindings", "a%b", "summary", "project", "x/findings/f1/waive", "drift", "봄/날", "x;y=1",
    ],
)  # fmt: skip
async def test_an_id_with_its_slashes_encoded_is_never_taken_for_a_route(
    client: httpx.AsyncClient, views: FakeViews, project_id: str
) -> None:
    for encoded in (quote(project_id, safe=""), quote(project_id, safe="").replace("%2F", "%2f")):
        answer = await client.get(f"{ROOT}/integrity/project/{encoded}")
        assert (answer.status_code, answer.json()["project_id"]) == (200, project_id)
    by_query = await client.get(f"{ROOT}/integrity/project", params={"project_id": project_id})
    assert by_query.json()["project_id"] == project_id
    found = await client.get(f"{ROOT}/integrity/project/{quote(project_id, safe='')}/findings")
    assert (found.status_code, found.json()["project_id"]) == (200, project_id)


@pytest.mark.parametrize("ending", ["/findings", "/findings/f1"])
async def test_an_id_that_ends_like_a_route_is_found_with_bare_slashes_too(
    client: httpx.AsyncClient, views: FakeViews, ending: str
) -> None:
    views.unknown = {"x"}
    answer = await client.get(f"{ROOT}/integrity/project/x{ending}")
    assert (answer.status_code, answer.json()["project_id"]) == (200, f"x{ending}")
    views.unknown = {"x", f"x{ending}"}
    unknown = await client.get(f"{ROOT}/integrity/project/x{ending}")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_project")
    exact = await client.get(f"{ROOT}/integrity/project/{quote('x' + ending, safe='')}{ending}")
    assert exact.json()["code"] == "unknown_project"


async def test_a_problem_shows_the_path_with_its_slashes(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{ROOT}/jobs/a%2Fb")
    assert (answer.status_code, answer.json()["instance"]) == (404, f"{ROOT}/jobs/a/b")


# --- pages of other sites


PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "authorization, content-type"}


async def test_a_page_of_an_allowed_site_may_ask_and_change(connect: Connect, views: FakeViews) -> None:
    views.alerts = {"r:p": alert("r:p")}
    settings = WebSettings(allowed_origins=(OPS,), api_tokens=parse_api_tokens("operator:s3cret"))
    client = connect(settings)
    path = f"{ROOT}/alerts/r:p/acknowledge"
    asked = await client.options(path, headers={"origin": OPS, **PREFLIGHT})
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == OPS
    assert "POST" in asked.headers["access-control-allow-methods"]
    assert asked.headers["access-control-allow-headers"] == "authorization, content-type"
    assert "Origin" in asked.headers["vary"]
    changed = await client.post(path, json={"by": "mina"}, headers={"origin": OPS, "authorization": "Bearer s3cret"})
    refused = await client.post(path, json={"by": "mina"}, headers={"origin": OPS})
    read = await client.get(f"{ROOT}/integrity/summary", headers={"origin": OPS})
    missing = await client.get("/nothing", headers={"origin": OPS})
    for answer, status in ((changed, 200), (refused, 401), (read, 200), (missing, 404)):
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, OPS)
    assert "etag" in read.headers["access-control-expose-headers"]
    again = await client.get(
        f"{ROOT}/integrity/summary", headers={"origin": OPS, "if-none-match": read.headers["etag"]}
    )
    assert (again.status_code, again.headers["access-control-allow-origin"]) == (304, OPS)


@pytest.mark.parametrize("settings", [WebSettings(), WebSettings(allowed_origins=(OPS,))])
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://ops.example.evil", "http://ops.example"])
async def test_a_page_of_any_other_site_is_told_nothing(connect: Connect, settings: WebSettings, origin: str) -> None:
    client = connect(settings)
    asked = await client.options(f"{ROOT}/alerts/r:p/acknowledge", headers={"origin": origin, **PREFLIGHT})
    assert (asked.status_code, asked.json()["code"]) == (403, "foreign_origin")
    read = await client.get(f"{ROOT}/integrity/summary", headers={"origin": origin})
    for answer in (asked, read):
        assert "access-control-allow-origin" not in answer.headers
    assert ("Origin" in read.headers.get("vary", "")) is bool(settings.allowed_origins)


# --- below a path


@asynccontextmanager
async def proxy(upstream: int, prefix: str, *, strips: bool) -> AsyncIterator[str]:
    """A reverse proxy that serves the monitor below `prefix`, and takes the prefix away or leaves it."""

    async def forward(scope: dict[str, object], receive: object, send: object) -> None:
        path, query = str(scope["path"]), bytes(scope["query_string"]).decode()  # type: ignore[call-overload]
        if not path.startswith(prefix):
            status, headers, body = 404, [], b""
        else:
            target = f"http://127.0.0.1:{upstream}{path[len(prefix) if strips else 0 :]}"
            answer = await client.get(f"{target}?{query}" if query else target)
            status, body = answer.status_code, answer.content
            headers = [(n, v) for n, v in answer.headers.raw if n.lower() not in (b"content-length", b"connection")]
        await send({"type": "http.response.start", "status": status, "headers": headers})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": body})  # type: ignore[operator]

    async with httpx.AsyncClient(trust_env=False, headers={"accept-encoding": "identity"}) as client:
        server = await serve(forward, "127.0.0.1", 0)  # type: ignore[arg-type]
        try:
            yield f"{server.url}{prefix}/"
        finally:
            await server.stop()


@pytest.mark.parametrize("prefix", ["/a/episodes", "/monitoring", "/docs"])
@pytest.mark.parametrize("strips", [True, False])
async def test_the_page_works_below_a_path(prefix: str, strips: bool) -> None:
    settings = web_settings(load_settings({"DASHBOARD_URL": f"http://127.0.0.1{prefix}", "API_TOKENS": "operator:x"}))
    async with (
        running(settings) as server,
        proxy(server.port, prefix, strips=strips) as base,
        httpx.AsyncClient(trust_env=False) as client,
    ):

        async def got(address: str) -> httpx.Response:
            answer = await client.get(address)
            assert answer.status_code == 200, address
            return answer

        page = (await got(base)).text
        places = [urljoin(base, place) for place in re.findall(r'(?:src|href)="([^"#]+)"', page)]
        assert len(places) >= 4
        for place in places:
            assert place.startswith(base)
            await got(place)
        await got(urljoin(base, "static/alert-types.js"))
        await got(urljoin(base, "monitoring/episodes/integrity/summary"))
        described = await got(f"{base}docs")
        for place in re.findall(r'(?:src|href)="([^"#]+)"', described.text):
            assert urljoin(f"{base}docs", place).startswith(base)
            await got(urljoin(f"{base}docs", place))
        document = json.loads((await got(f"{base}openapi.json")).text)
        api = urljoin(f"{base}openapi.json", document["servers"][0]["url"])
        await got(f"{api.rstrip('/')}{ROOT}/integrity/summary")


async def test_the_bare_path_leads_to_the_page(connect: Connect) -> None:
    client = connect(WebSettings(base_path="/a/episodes"))
    answer = await client.get("/a/episodes")
    assert (answer.status_code, answer.headers["location"]) == (308, "./episodes/")
    assert (await client.get("/a/episodes/")).headers["content-type"].startswith("text/html")
    assert (await client.get("/a/episodes/internal/project")).status_code == 404
