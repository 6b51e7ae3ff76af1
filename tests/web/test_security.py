"""Who may change things and from where; what a browser is told to refuse; and that nothing slips past the gate."""

import hashlib
import re

import httpx
import pytest
from fastapi import APIRouter, Depends

from episode_monitor.settings.api_tokens import ApiToken, Role, parse_api_tokens
from episode_monitor.storage.audit import AuditEntry
from episode_monitor.web.loopback_names import is_loopback_name
from episode_monitor.web.security import internal_guard
from episode_monitor.web.settings import WebSettings
from tests.web.conftest import Connect
from tests.web.fake_views import FakeViews, alert

ROOT = "/monitoring/episodes"
SILENCE = f"{ROOT}/alerts/r:p/silence"
TOKENS = parse_api_tokens("operator:s3cret, viewer:look ,operator:second:with:colons")


@pytest.fixture(autouse=True)
def one_alert(views: FakeViews) -> None:
    views.alerts = {"r:p": alert("r:p")}


async def change(client: httpx.AsyncClient, **headers: str) -> tuple[int, str | None]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await client.post(SILENCE, json={"by": "mina"}, headers=named)
    return answer.status_code, answer.json().get("code")


@pytest.mark.parametrize(
    ("peer", "outcome"),
    [
        ("127.0.0.1", (200, None)),
        ("127.9.8.7", (200, None)),
        ("::1", (200, None)),
        ("::ffff:127.0.0.1", (200, None)),
        ("192.0.2.7", (403, "loopback_only")),
        ("::ffff:192.0.2.7", (403, "loopback_only")),
        ("10.0.0.1", (403, "loopback_only")),
        ("not an address", (403, "loopback_only")),
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
async def test_without_tokens_only_this_machine_may_change_things(
    connect: Connect, peer: str, outcome: tuple[int, str | None], host: str
) -> None:
    assert await change(connect(WebSettings(host=host), peer=peer)) == outcome


@pytest.mark.parametrize("header", ["x_forwarded_for", "forwarded", "x_real_ip", "via"])
async def test_a_forwarded_request_is_not_from_this_machine(connect: Connect, header: str) -> None:
    assert await change(connect(), **{header: "127.0.0.1"}) == (403, "loopback_only")
    far = connect(WebSettings(host="0.0.0.0"), peer="192.0.2.7")
    assert await change(far, **{header: "127.0.0.1"}) == (403, "loopback_only")


@pytest.mark.parametrize(
    ("authorization", "outcome"),
    [
        (None, (401, "unauthorized")),
        ("", (401, "unauthorized")),
        ("Bearer", (401, "unauthorized")),
        ("Bearer ", (401, "unauthorized")),
        ("Bearer wrong", (401, "unauthorized")),
        ("Bearer s3cre", (401, "unauthorized")),
        ("Bearer s3crets", (401, "unauthorized")),
        ("Basic s3cret", (401, "unauthorized")),
        ("s3cret", (401, "unauthorized")),
        ("Bearer look", (403, "operator_required")),
        ("Bearer s3cret", (200, None)),
        ("bearer s3cret", (200, None)),
        ("Bearer second:with:colons", (200, None)),
    ],
)
@pytest.mark.parametrize("peer", ["127.0.0.1", "192.0.2.7"])
async def test_with_tokens_a_change_needs_an_operator_wherever_it_comes_from(
    connect: Connect, authorization: str | None, outcome: tuple[int, str | None], peer: str
) -> None:
    client = connect(WebSettings(host="0.0.0.0", api_tokens=TOKENS), peer=peer, host="monitor.example:8002")
    headers = {} if authorization is None else {"authorization": authorization}
    assert await change(client, **headers) == outcome


async def test_a_refusal_for_want_of_a_token_says_which_scheme(connect: Connect) -> None:
    answer = await connect(WebSettings(api_tokens=TOKENS)).post(SILENCE, json={"by": "mina"})
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_refused_change_does_nothing(connect: Connect, views: FakeViews, audit: list[AuditEntry]) -> None:
    await change(connect(WebSettings(api_tokens=TOKENS)))
    await change(connect(), origin="http://evil.example")
    await change(connect(WebSettings(host="0.0.0.0"), peer="192.0.2.7"))
    assert (views.asked, audit) == ([], [])


async def test_reads_are_open_with_tokens_set(connect: Connect) -> None:
    client = connect(WebSettings(host="0.0.0.0", api_tokens=TOKENS), peer="192.0.2.7")
    for path in (f"{ROOT}/integrity/summary", "/livez", "/readyz", "/metrics", "/", "/docs"):
        assert (await client.get(path)).status_code == 200, path


@pytest.mark.parametrize(
    ("origin", "outcome"),
    [
        ("http://127.0.0.1:8002", (200, None)),
        ("http://127.0.0.1:8003", (403, "foreign_origin")),
        ("http://127.0.0.1", (403, "foreign_origin")),
        ("http://localhost:8002", (403, "foreign_origin")),
        ("http://evil.example", (403, "foreign_origin")),
        ("http://127.0.0.1:8002.evil.example", (403, "foreign_origin")),
        ("http://127.0.0.1:8002@evil.example", (403, "foreign_origin")),
        ("null", (403, "foreign_origin")),
        ("", (403, "foreign_origin")),
        ("file://127.0.0.1:8002", (403, "foreign_origin")),
        ("http://[::1", (403, "foreign_origin")),
        ("http://127.0.0.1:99999", (403, "foreign_origin")),
        ("https://ops.example", (200, None)),
    ],
)
async def test_a_change_from_another_sites_page_is_refused(
    connect: Connect, origin: str, outcome: tuple[int, str | None]
) -> None:
    client = connect(WebSettings(allowed_origins=("https://ops.example",)))
    assert await change(client, origin=origin) == outcome


async def test_a_foreign_origin_is_refused_even_with_a_token(connect: Connect) -> None:
    client = connect(WebSettings(api_tokens=TOKENS))
    outcome = await change(client, origin="http://evil.example", authorization="Bearer s3cret")
    assert outcome == (403, "foreign_origin")


async def test_behind_a_proxy_that_ends_tls_the_page_itself_is_not_foreign(connect: Connect) -> None:
    client = connect(WebSettings(host="0.0.0.0", api_tokens=TOKENS), peer="192.0.2.7", host="monitor.example")
    bearer = "Bearer s3cret"
    assert await change(client, origin="https://monitor.example", authorization=bearer) == (200, None)
    assert await change(client, origin="https://monitor.example:444", authorization=bearer) == (403, "foreign_origin")


@pytest.mark.parametrize(
    ("site", "outcome"),
    [
        ("same-origin", (200, None)),
        ("none", (200, None)),
        ("cross-site", (403, "foreign_origin")),
        ("same-site", (403, "foreign_origin")),
    ],
)
async def test_without_an_origin_the_browsers_own_word_counts(
    client: httpx.AsyncClient, site: str, outcome: tuple[int, str | None]
) -> None:
    assert await change(client, sec_fetch_site=site) == outcome


@pytest.mark.parametrize("host", ["localhost:8002", "LOCALHOST", "127.0.0.1", "[::1]:8002", "127.1.2.3:9"])
async def test_on_loopback_every_name_of_this_machine_is_served(connect: Connect, host: str) -> None:
    answer = await connect().get("/livez", headers={"host": host})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example:8002", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.7", "", "[::1", "[]"]
)
@pytest.mark.parametrize("path", ["/", f"{ROOT}/integrity/summary", "/internal/anything"])
async def test_on_loopback_a_name_that_was_pointed_here_is_refused(connect: Connect, host: str, path: str) -> None:
    answer = await connect().get(path, headers={"host": host})
    assert (answer.status_code, answer.json()["code"]) == (403, "host_not_allowed")


async def test_a_further_name_can_be_allowed(connect: Connect) -> None:
    client = connect(WebSettings(allowed_hosts=("Dev.Box",)), host="dev.box:8002")
    assert (await client.get("/livez")).status_code == 200


async def test_a_name_pointed_at_this_machine_cannot_change_things_on_an_open_address(connect: Connect) -> None:
    client = connect(WebSettings(host="0.0.0.0"), host="evil.example:8002")
    assert (await client.get("/livez")).status_code == 200
    assert await change(client, origin="http://evil.example:8002") == (403, "host_not_allowed")


async def test_every_method_that_is_not_a_read_passes_the_gate_whatever_router_it_is_in(connect: Connect) -> None:
    router = APIRouter()

    @router.api_route("/forgotten", methods=["POST", "PUT", "PATCH", "DELETE"])
    async def forgotten() -> str:
        return "changed"

    client = connect(WebSettings(host="0.0.0.0"), peer="192.0.2.7", extra_routers=[router])
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert (await client.request(method, "/forgotten")).status_code == 403


async def test_a_router_between_workers_is_guarded_by_its_own_token(connect: Connect) -> None:
    def clients(token: str) -> httpx.AsyncClient:
        router = APIRouter(prefix="/internal", dependencies=[Depends(internal_guard(token))], include_in_schema=False)

        @router.post("/ask")
        async def ask() -> str:
            return "told"

        return connect(WebSettings(host="0.0.0.0"), peer="192.0.2.7", extra_routers=[router])

    guarded, unset = clients("inner"), clients("")
    assert (await guarded.post("/internal/ask", headers={"authorization": "Bearer inner"})).json() == "told"
    for headers in ({}, {"authorization": "Bearer outer"}, {"authorization": "Bearer "}):
        assert (await guarded.post("/internal/ask", headers=headers)).json()["code"] == "internal_only"
        assert (await unset.post("/internal/ask", headers=headers)).json()["code"] == "internal_only"


@pytest.mark.parametrize("path", ["/", "/docs", "/livez", f"{ROOT}/integrity/summary", "/nothing", "/static/docs.css"])
async def test_every_answer_tells_the_browser_what_to_refuse(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    early = r" 'sha256-[\w+/]{43}='" if path == "/" else ""
    assert re.search(f"; script-src 'self'{early}; ", policy)
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("name", "loopback"),
    [("localhost", True), ("[::1]", True), ("127.255.0.1", True), ("", False), ("0.0.0.0", False), ("::", False)],
)
def test_loopback_names(name: str, loopback: bool) -> None:
    assert is_loopback_name(name) is loopback


def test_tokens_are_read_with_their_roles_and_kept_as_hashes() -> None:
    assert [token.role for token in TOKENS] == [Role.OPERATOR, Role.VIEWER, Role.OPERATOR]
    assert TOKENS[0] == ApiToken(Role.OPERATOR, hashlib.sha256(b"s3cret").digest())
    assert "s3cret" not in repr(TOKENS)
    assert parse_api_tokens(" , ") == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("s3cret", "entry 1"),
        ("operator:a,admin:s3cret", "entry 2"),
        ("operator:", "entry 1"),
        ("operator:s3 cret", "entry 1"),
        ("operator:비밀", "entry 1"),
        ("operator:s3cret,viewer:s3cret", "the same token twice"),
    ],
)
def test_a_wrong_list_of_tokens_is_told_without_showing_a_token(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        parse_api_tokens(text)
    assert "s3" not in str(caught.value)
