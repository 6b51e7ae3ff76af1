"""Every answer has the security headers: of each route, of each refusal, of static files, and of a fault of ours."""

import re
from typing import Any

import httpx
import pytest
from fastapi import APIRouter

from episode_monitor.web.gate import SECURITY_HEADERS
from episode_monitor.web.settings import WebSettings
from tests.web.fake_views import FakeViews, fake_app

SILENT = FakeViews()
PLACES = {"project_id": "p", "alert_key": "r:p", "job_id": "j", "plan_id": "rp", "finding_id": "f1"}
broken = APIRouter()


@broken.get("/broken", include_in_schema=False)
async def fail() -> None:
    """A fault of ours."""
    raise LookupError("a fault")


def app_with(settings: WebSettings) -> Any:
    return fake_app(SILENT, settings, audit=lambda entry: None, extra_routers=[broken])


APP = app_with(WebSettings())
OPERATIONS = sorted(
    (method.upper(), re.sub(r"\{(\w+)(:path)?\}", lambda place: PLACES.get(place[1], "x"), path))
    for path, item in APP.openapi()["paths"].items()
    for method in item
)
BESIDES = [
    ("GET", "/"), ("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/static/docs.css"), ("GET", "/broken"),
    ("GET", "/nowhere"), ("GET", "/monitoring/episodes/nowhere"), ("PATCH", "/monitoring/episodes/alerts/active"),
    ("OPTIONS", "/monitoring/episodes/alerts/active"), ("HEAD", "/monitoring/episodes/alerts/active"),
    ("GET", "/%ff"), ("GET", "/static/../../pyproject.toml"),
]  # fmt: skip


async def asked(app: Any, method: str, path: str, host: str = "localhost", **more: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
        return await client.request(method, path, **more)


def check(answer: httpx.Response) -> None:
    missing = {name: answer.headers.get(name) for name, value in SECURITY_HEADERS.items() if name not in answer.headers}
    assert missing == {}, (answer.request.method, answer.request.url, answer.status_code)


def test_scripts_come_from_here_alone_and_nothing_may_frame_the_page() -> None:
    policy = dict(part.strip().split(" ", 1) for part in SECURITY_HEADERS["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert not any("unsafe" in source or "*" in source or "http" in source for source in policy.values())


@pytest.mark.parametrize(("method", "path"), [*(one for one in OPERATIONS if "/stream" not in one[1]), *BESIDES])
async def test_every_answer_has_the_headers(method: str, path: str) -> None:
    check(await asked(APP, method, path))


@pytest.mark.parametrize(("method", "path"), [one for one in OPERATIONS if one[0] != "GET"])
async def test_a_refused_change_has_them_too(method: str, path: str) -> None:
    answer = await asked(APP, method, path, headers={"origin": "https://elsewhere.example"})
    assert answer.status_code == 403
    check(answer)


async def test_a_foreign_host_and_a_body_that_is_too_large_have_them_too() -> None:
    wrong = await asked(APP, "GET", "/", host="elsewhere.example")
    large = await asked(APP, "POST", "/monitoring/episodes/alerts/r:p/resolve", content=b"x" * 100_000)
    assert (wrong.status_code, large.status_code) == (403, 413)
    for answer in (wrong, large):
        check(answer)
