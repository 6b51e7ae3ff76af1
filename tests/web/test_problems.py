"""Every error is a problem with a code that a program can read, and none gives the inside away."""

import httpx
import pytest
import structlog.testing
from fastapi import APIRouter, HTTPException

from episode_monitor.storage.audit import AuditEntry
from tests.web.conftest import Connect
from tests.web.fake_views import FakeViews, alert

ROOT = "/monitoring/episodes"
RESOLVE = f"{ROOT}/alerts/r:p/resolve"


def is_problem(answer: httpx.Response, status: int, code: str) -> bool:
    body = answer.json()
    return (
        answer.headers["content-type"] == "application/problem+json"
        and answer.headers["cache-control"] == "no-store"
        and answer.status_code == body["status"] == status
        and body["code"] == code
        and body["type"] == "about:blank"
        and bool(body["title"])
        and bool(body["detail"])
    )


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/integrity/projects?limit=0", "limit"),
        ("/integrity/projects?limit=1001", "limit"),
        ("/integrity/projects?limit=x", "limit"),
        ("/integrity/projects?limit=", "limit"),
        ("/integrity/projects?limit=" + "9" * 6000, "limit"),
        ("/integrity/projects?status=ill", "status"),
        ("/integrity/projects?sort=colour", "sort"),
        ("/integrity/projects?q=a%00b", "q"),
        ("/integrity/projects?cursor=" + "c" * 1001, "cursor"),
        ("/integrity/project", "project_id"),
        ("/integrity/project?project_id=", "project_id"),
        ("/integrity/project/", "project_id"),
        ("/integrity/project/" + "p" * 201, "project_id"),
        ("/integrity/states", "partition"),
        ("/integrity/states?partition=-1", "partition"),
        ("/integrity/states?partition=0&limit=2001", "limit"),
        ("/integrity/facts?partition=0", "project_id"),
        ("/performance/stats?window_minutes=0", "window_minutes"),
        ("/performance/stats?window_minutes=1441", "window_minutes"),
        ("/performance/stats?window_minutes=1.5", "window_minutes"),
        ("/performance/stats?project_id=", "project_id"),
        ("/performance/trend?hours=0", "hours"),
        ("/performance/trend?hours=169", "hours"),
        ("/alerts/history?since=yesterday", "since"),
        ("/alerts/history?since=500", "since"),
        ("/alerts/history?until=20251009", "until"),
        ("/audit?from=500", "from"),
        ("/audit?to=-2h", "to"),
        ("/alerts/history?since=2025-10-09T08:00:00", "since"),
        ("/alerts/history?until=0001-01-01T00:00:00%2B14:00", "until"),
        ("/alerts/history?since=2025-10-09T08:00:01Z&until=2025-10-09T08:00:00Z", "until"),
        ("/alerts/history?status=gone", "status"),
        ("/alerts/statistics?from=yesterday", "from"),
        ("/alerts/statistics?from=2025-10-09T08:00:01Z&to=2025-10-09T08:00:00Z", "from"),
        ("/metrics/export?format=xml", "format"),
        ("/jobs?limit=1001", "limit"),
    ],
)
async def test_a_wrong_parameter_is_named_by_the_code(
    client: httpx.AsyncClient, views: FakeViews, path: str, parameter: str
) -> None:
    answer = await client.get(ROOT + path)
    assert is_problem(answer, 422, f"invalid_{parameter}")
    assert answer.json()["errors"][0]["parameter"] == parameter
    assert len(answer.content) < 1500
    assert views.asked == []


@pytest.mark.parametrize("text", ["500", "1760000000123", "-2m", "2025-10-09", "2025-10-09T08:00:00"])
async def test_a_time_that_is_none_is_refused_with_one_sentence(client: httpx.AsyncClient, text: str) -> None:
    detail = "from: must be an RFC 3339 time with an offset, such as 2026-01-31T09:00:00Z"
    assert (await client.get(f"{ROOT}/audit?from={text}")).json()["detail"] == detail


@pytest.mark.parametrize(
    "path", ["/integrity/projects?limit=1", "/integrity/projects?limit=1000", "/performance/trend?hours=168"]
)
async def test_the_limits_themselves_are_allowed(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(ROOT + path)).status_code == 200


async def test_an_unknown_address_is_a_problem(client: httpx.AsyncClient) -> None:
    answer = await client.get("/nothing/here")
    assert is_problem(answer, 404, "not_found")
    assert answer.json()["instance"] == "/nothing/here"


async def test_a_wrong_method_says_which_ones_are_right(client: httpx.AsyncClient) -> None:
    answer = await client.delete(f"{ROOT}/integrity/summary")
    assert is_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD"
    head = await client.head(RESOLVE)
    assert (head.status_code, head.content, head.headers["allow"]) == (405, b"", "POST")


async def test_a_bug_is_500_with_an_id_that_the_log_has_too(client: httpx.AsyncClient, views: FakeViews) -> None:
    views.failing = ZeroDivisionError("the secret inside")
    with structlog.testing.capture_logs() as logs:
        answer = await client.get(f"{ROOT}/integrity/summary")
    assert is_problem(answer, 500, "internal_error")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    failed = [entry for entry in logs if entry["event"] == "request failed"]
    assert [entry["error_id"] for entry in failed] == [answer.json()["error_id"]]
    assert failed[0]["exc_info"] is views.failing
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_an_error_of_another_routers_own_is_a_problem_too(connect: Connect) -> None:
    router = APIRouter()

    @router.get("/other")
    async def other() -> None:
        raise HTTPException(418, "a teapot")

    @router.get("/gone")
    async def gone() -> None:
        raise HTTPException(404, "This plan has expired: make a new one.")

    client = connect(extra_routers=[router])
    assert is_problem(await client.get("/other"), 418, "http_418")
    assert (await client.get("/gone")).json()["detail"] == "This plan has expired: make a new one."


@pytest.mark.parametrize(
    "path", ["/integrity/project/%ff", "/integrity/project/a%00b", "/integrity/project/%C2%85", "%0a"]
)
async def test_a_path_that_no_id_can_have_is_refused(client: httpx.AsyncClient, views: FakeViews, path: str) -> None:
    assert is_problem(await client.get(ROOT + path), 400, "invalid_path")
    assert views.asked == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"by": ""}', 422, "invalid_by"),
        (b'{"by": "  "}', 422, "invalid_by"),
        (b'{"by": 7}', 422, "invalid_by"),
        (b'{"by": null}', 422, "invalid_by"),
        (b'{"by": "a\\u0000b"}', 422, "invalid_by"),
        (b'{"by": "a\\nb"}', 422, "invalid_by"),
        (b'{"by": "' + b"a" * 201 + b'"}', 422, "invalid_by"),
        (b'{"by": "mina", "comment": "a\\u0000"}', 422, "invalid_comment"),
        (b'{"by": "mina", "comment": "' + b"a" * 2001 + b'"}', 422, "invalid_comment"),
        (b'{"by": "mina", "minutes": 0}', 422, "invalid_minutes"),
        (b'{"by": "mina", "minutes": 10081}', 422, "invalid_minutes"),
        (b'{"by": "mina", "minutes": 1.5}', 422, "invalid_minutes"),
        (b'{"by": "mina", "minutes": "5"}', 422, "invalid_minutes"),
        (b"[]", 422, "invalid_body"),
        (b"null", 422, "invalid_body"),
        (b'"mina"', 422, "invalid_body"),
        (b"{", 400, "malformed_json"),
        (b'{"by": "mina"} trailing', 400, "malformed_json"),
        (b"\xff", 400, "malformed_json"),
        (b'{"by": "\xff"}', 400, "malformed_json"),
        (b'{"by": "\\ud800"}', 400, "malformed_json"),
        (b'{"x": ' + b"[" * 60_000, 400, "malformed_json"),
    ],
)
async def test_a_wrong_body_is_refused_before_anything_happens(
    client: httpx.AsyncClient, views: FakeViews, audit: list[AuditEntry], body: bytes, status: int, code: str
) -> None:
    answer = await client.post(RESOLVE, content=body, headers={"content-type": "application/json"})
    assert is_problem(answer, status, code)
    assert views.asked == []
    assert audit == []


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
async def test_a_body_a_form_could_send_is_refused(client: httpx.AsyncClient, media_type: str | None) -> None:
    headers = {} if media_type is None else {"content-type": media_type}
    answer = await client.post(RESOLVE, content=b'{"by": "mina"}', headers=headers)
    assert is_problem(answer, 415, "unsupported_media_type")


async def test_a_media_type_may_have_parameters(client: httpx.AsyncClient, views: FakeViews) -> None:
    views.alerts = {"r:p": alert("r:p")}
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert (await client.post(RESOLVE, content=b'{"by": "mina"}', headers=headers)).status_code == 200


async def test_a_body_over_the_limit_is_413_whether_or_not_it_says_its_length(client: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/json"}
    too_large = b'{"by": "' + b"a" * (64 * 1024) + b'"}'
    assert is_problem(await client.post(RESOLVE, content=too_large, headers=headers), 413, "body_too_large")

    async def pieces() -> object:
        for start in range(0, len(too_large), 1000):
            yield too_large[start : start + 1000]

    answer = await client.post(RESOLVE, content=pieces(), headers=headers)  # type: ignore[arg-type]
    assert is_problem(answer, 413, "body_too_large")


async def test_a_big_body_is_refused_where_nobody_would_read_it(client: httpx.AsyncClient, views: FakeViews) -> None:
    answer = await client.request("GET", f"{ROOT}/integrity/summary", content=b" " * (64 * 1024 + 1))
    assert is_problem(answer, 413, "body_too_large")
    assert views.asked == []


async def test_a_body_of_just_the_limit_is_read(client: httpx.AsyncClient) -> None:
    body = b'{"by": "mina", "x": "' + b"a" * (64 * 1024 - 23) + b'"}'
    assert len(body) == 64 * 1024
    answer = await client.post(RESOLVE, content=body, headers={"content-type": "application/json"})
    assert is_problem(answer, 404, "unknown_alert")
