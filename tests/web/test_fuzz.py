"""Whatever is asked, the answer is JSON or a problem, and never a 5xx: those mean the monitor is at fault."""

import re
from typing import Any
from urllib.parse import quote, urlencode

import httpx
from hypothesis import given
from hypothesis import strategies as st

from episode_monitor.web.settings import WebSettings
from testbed.properties import examples
from tests.web.fake_views import FakeViews, alert, fake_app

ROOT = "/monitoring/episodes"
FUZZ = examples(150)

app = fake_app(FakeViews(), WebSettings(), audit=lambda entry: None)
names = st.sampled_from(
    [
        *(
            "status",
            "q",
            "sort",
            "limit",
            "cursor",
            "project_id",
            "window_minutes",
            "hours",
            "format",
            "since",
            "until",
        ),
        *("rule_id", "alert_key", "deep_check"),
    ]
)
values = st.one_of(
    st.text(max_size=30),
    st.integers().map(str),
    st.floats().map(str),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.sampled_from(
        ["", "0", "1", "1e9", "NaN", "true", "all", "worst", "\x00", "..", "%", "0001-01-01T00:00:00+14:00"]
    ),
)
queries = st.lists(st.tuples(names | st.text(max_size=8), values), max_size=4).map(urlencode)
reads = st.sampled_from(
    [
        path.format(project_id="p", job_id="j", plan_id="rp", finding_id="f1", alert_key="r:p")
        for path, item in app.openapi()["paths"].items()
        if "get" in item and not path.endswith("/stream")
    ]
)
words = st.text(min_size=1, max_size=40).filter(lambda word: word not in (".", ".."))
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
bodies = st.one_of(
    junk,
    st.fixed_dictionaries({}, optional={"by": st.text(max_size=20) | junk, "comment": junk, "minutes": junk}),
)


async def ask(method: str, target: str, **more: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.request(method, target, **more)


ANSWERS = [
    (method.upper(), re.compile(re.sub(r"\\{\w+(?::path)?\\}", ".+", re.escape(path))), set(operation["responses"]))
    for path, item in app.openapi()["paths"].items()
    for method, operation in item.items()
]


def documented(method: str, path: str) -> set[str] | None:
    """The statuses that the OpenAPI document names for this request; None where it has no such route."""
    found = [codes for name, pattern, codes in ANSWERS if name == method and pattern.fullmatch(path)]
    return set().union(*found) if found else None


def check(answer: httpx.Response) -> None:
    codes = documented(answer.request.method, answer.url.path)
    assert codes is None or str(answer.status_code) in codes, (answer.request.method, answer.url, answer.status_code)
    is_without_repair = answer.status_code == 501 and "repair" in answer.url.path  # this app was made without it
    assert answer.status_code < 500 or is_without_repair, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert set(answer.json()) >= {"type", "title", "status", "code", "detail", "instance"}
        assert answer.json()["status"] == answer.status_code


@FUZZ
@given(path=reads, query=queries)
async def test_no_query_string_breaks_a_read(path: str, query: str) -> None:
    check(await ask("GET", f"{path}?{query}"))


@FUZZ
@given(query=st.binary(max_size=40).map(lambda raw: quote(raw, safe="=&%+;")), path=reads)
async def test_no_bytes_in_a_query_string_break_a_read(path: str, query: str) -> None:
    check(await ask("GET", f"{path}?{query}"))


@FUZZ
@given(raw=st.binary(min_size=1, max_size=40))
async def test_no_bytes_in_a_path_break_a_read(raw: bytes) -> None:
    check(await ask("GET", f"{ROOT}/integrity/project/x{quote(raw, safe='')}"))


@FUZZ
@given(project_id=words)
async def test_an_id_is_answered_for_itself_or_refused(project_id: str) -> None:
    answer = await ask("GET", f"{ROOT}/integrity/project/{quote(project_id, safe='')}")
    check(answer)
    if answer.status_code == 200:
        assert answer.json()["project_id"] == project_id


@FUZZ
@given(body=bodies, verb=st.sampled_from(["resolve", "acknowledge", "silence"]))
async def test_no_json_breaks_an_action(body: Any, verb: str) -> None:
    views = app.state.web.fleet
    views.alerts = {"r:p": alert("r:p")}
    check(await ask("POST", f"{ROOT}/alerts/r:p/{verb}", json=body))


positions = st.one_of(
    junk,
    st.text(alphabet="-0123456789:,smhdTZ+.", max_size=30),
    st.sampled_from(["-9999999d", "9" * 18, "0:1,0:2", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]),
)
ranges = st.fixed_dictionaries({}, optional={"from": positions, "to": positions, "until": positions, "partition": junk})


@FUZZ
@given(body=ranges, rules=st.text(max_size=40) | st.none(), night=st.text(max_size=8))
async def test_no_range_and_no_text_of_rules_breaks_a_replay(
    body: dict[str, Any], rules: str | None, night: str
) -> None:
    check(await ask("POST", f"{ROOT}/replays", json=body))
    check(await ask("POST", f"{ROOT}/rules/backtest", json={**body, "rules_yaml": rules, "night": night}))
    check(await ask("POST", f"{ROOT}/rules/backtest", json={"rules_yaml": rules or "", "night": night}))


@FUZZ
@given(body=st.binary(max_size=60))
async def test_no_bytes_break_an_action(body: bytes) -> None:
    check(await ask("POST", f"{ROOT}/alerts/r:p/resolve", content=body, headers={"content-type": "application/json"}))
