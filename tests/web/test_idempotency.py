"""`Idempotency-Key`: the same POST again gets the first answer, and what it does is done once, on all workers."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from agents.dispatching import Dispatching
from episode_monitor.alertmanager_api.routes import Monitor, alertmanager_router
from episode_monitor.dispatch.desk import DispatchDesk
from episode_monitor.dispatch.on_call_routes import on_call_router
from episode_monitor.dispatch.routes import silence_router
from episode_monitor.settings.api_tokens import ApiToken, Role
from episode_monitor.storage.audit import AuditEntry
from episode_monitor.web.idempotency import MOST_KEPT_BYTES
from episode_monitor.web.settings import WebSettings
from streams.dispatch.config import default_config
from tests.agents.support import now_ms
from tests.alertmanager_api.ours import Dispatcher
from tests.web.conftest import Connect
from tests.web.fake_views import FakeViews, alert
from tests.web.test_on_call import ON_CALL, Stage

ROOT = "/monitoring/episodes"
KEY = {"idempotency-key": "key 1"}
SILENCE = {"by": "mina", "comment": "planned", "minutes": 60,
           "matchers": [{"name": "project_id", "value": "p", "operator": "="}]}  # fmt: skip
OF_ALERTMANAGER = {
    "matchers": [{"name": "project_id", "value": "p", "isRegex": False, "isEqual": True}],
    "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z", "createdBy": "mina", "comment": "planned",
}  # fmt: skip


@pytest.fixture
def dispatcher() -> Dispatcher:
    return Dispatcher(default_config())


@pytest.fixture
def workers(connect: Connect, dispatcher: Dispatcher) -> list[httpx.AsyncClient]:
    """Two workers without a database: they share the dispatcher, and neither knows what the other was asked."""
    caught_up = asyncio.Event()
    caught_up.set()
    follower = SimpleNamespace(caught_up=caught_up, status="ok")
    parts = SimpleNamespace(model=dispatcher, follower=follower, act_desk=dispatcher)
    desk = DispatchDesk(cast(Dispatching, parts), now_ms)
    routers = [silence_router(desk), alertmanager_router(desk, Monitor("m", 0, dict))]
    return [connect(extra_routers=routers) for _ in range(2)]


async def test_the_same_request_again_gets_the_first_answer_and_is_done_once(
    client: httpx.AsyncClient, views: FakeViews, audit: list[AuditEntry]
) -> None:
    views.alerts = {"r:p": alert("r:p")}
    first, again = [await client.post(f"{ROOT}/alerts/r:p/resolve", headers=KEY, json={"by": "mina"}) for _ in "12"]
    assert (first.status_code, again.status_code, again.content) == (200, 200, first.content)
    assert ("idempotent-replayed" in first.headers, again.headers["idempotent-replayed"]) == (False, "true")
    assert again.headers["content-type"] == first.headers["content-type"] == "application/json"
    assert again.headers["cache-control"] == "no-store"
    assert "content-security-policy" in again.headers
    assert len(audit) == 1
    assert (await client.post(f"{ROOT}/alerts/r:p/resolve", json={"by": "mina"})).status_code == 409, "without a key"


async def test_a_job_that_was_begun_is_named_again(client: httpx.AsyncClient) -> None:
    first, again = [await client.post(f"{ROOT}/replays", headers=KEY, json={"by": "mina"}) for _ in "12"]
    assert first.status_code == again.status_code == 202
    assert (again.headers["location"], again.json()) == (first.headers["location"], first.json())


@pytest.mark.parametrize(
    ("path", "body"),
    [("alerts/r:p/acknowledge", {"by": "jun"}), ("alerts/r:p/silence", {"by": "mina"}),
     ("alerts/r:p/acknowledge?x=1", {"by": "mina"})],
)  # fmt: skip
async def test_a_key_of_another_request_is_refused(
    client: httpx.AsyncClient, views: FakeViews, path: str, body: dict[str, Any]
) -> None:
    views.alerts = {"r:p": alert("r:p")}
    assert (await client.post(f"{ROOT}/alerts/r:p/acknowledge", headers=KEY, json={"by": "mina"})).status_code == 200
    answer = await client.post(f"{ROOT}/{path}", headers=KEY, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_key_is_its_callers_own(connect: Connect, views: FakeViews) -> None:
    views.alerts = {"r:p": alert("r:p")}
    tokens = tuple(ApiToken.of(Role.OPERATOR, f"token-of-{name}", name) for name in ("mina", "jun"))
    client = connect(WebSettings(api_tokens=tokens))
    for name, code in (("mina", 200), ("mina", 200), ("jun", 409)):
        headers = {**KEY, "authorization": f"Bearer token-of-{name}"}
        assert (await client.post(f"{ROOT}/alerts/r:p/resolve", headers=headers, json={"by": "a"})).status_code == code


async def test_while_the_first_request_has_no_answer_the_second_is_told_to_wait(
    client: httpx.AsyncClient, views: FakeViews, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, run_check = asyncio.Event(), asyncio.Event(), views.run_check

    async def slow(**parts: Any) -> Any:
        begun.set()
        await go_on.wait()
        return await run_check(**parts)

    monkeypatch.setattr(views, "run_check", slow)
    path = f"{ROOT}/jobs/integrity/run-check"
    first = asyncio.create_task(client.post(path, headers=KEY, json={"by": "mina"}))
    await begun.wait()
    second = await client.post(path, headers=KEY, json={"by": "mina"})
    assert (second.status_code, second.json()["code"], second.headers["retry-after"]) == (409, "request_in_flight", "1")
    go_on.set()
    answered = await first
    assert (await client.post(path, headers=KEY, json={"by": "mina"})).content == answered.content


@pytest.mark.parametrize("fault", [RuntimeError("a bug"), None])
async def test_after_a_refusal_or_a_fault_the_key_is_free(
    client: httpx.AsyncClient, views: FakeViews, monkeypatch: pytest.MonkeyPatch, fault: Exception | None
) -> None:
    async def broken(**parts: Any) -> Any:
        raise fault or AssertionError

    path = f"{ROOT}/jobs/integrity/run-check"
    with monkeypatch.context() as patched:
        if fault is not None:
            patched.setattr(views, "run_check", broken)
        body = {"by": "mina"} if fault else {"by": 5}
        assert (await client.post(path, headers=KEY, json=body)).status_code == (500 if fault else 422)
    assert (await client.post(path, headers=KEY, json={"by": "mina"})).status_code == 200


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a\tb", "é".encode().decode("latin-1")])
async def test_a_key_is_a_printable_text(client: httpx.AsyncClient, key: str) -> None:
    answer = await client.post(f"{ROOT}/replays", headers=[(b"idempotency-key", key.encode("latin-1"))])
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_idempotency_key")
    twice = await client.post(f"{ROOT}/replays", headers=[("idempotency-key", "a"), ("idempotency-key", "a")])
    assert twice.status_code == 422


async def test_a_longer_answer_than_is_kept_is_given_and_not_kept(
    client: httpx.AsyncClient, views: FakeViews, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("episode_monitor.web.idempotency.MOST_KEPT_BYTES", 10)
    assert MOST_KEPT_BYTES > 10
    for _ in range(2):
        answer = await client.post(f"{ROOT}/jobs/integrity/run-check", headers=KEY, json={"by": "mina"})
        assert (answer.status_code, "idempotent-replayed" in answer.headers) == (200, False)


@pytest.mark.parametrize(
    ("path", "body", "other"),
    [(f"{ROOT}/silences", SILENCE, SILENCE | {"minutes": 5}),
     ("/api/v2/silences", OF_ALERTMANAGER, OF_ALERTMANAGER | {"comment": "another"})],
)  # fmt: skip
async def test_a_silence_is_created_once_also_where_two_workers_know_nothing_of_each_other(
    workers: list[httpx.AsyncClient], dispatcher: Dispatcher, audit: list[AuditEntry], path: str,
    body: dict[str, Any], other: dict[str, Any],
) -> None:  # fmt: skip
    first, again = [await worker.post(path, headers=KEY, json=body) for worker in workers]
    assert first.status_code == again.status_code
    assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")
    assert (len(dispatcher.state().silences), len(audit)) == (1, 1)
    reused = await workers[1].post(path, headers=KEY, json=other)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    new = await workers[1].post(path, headers={"idempotency-key": "key 2"}, json=body)
    assert (new.is_success, new.json() == first.json(), len(dispatcher.state().silences)) == (True, False, 2)


async def test_an_override_is_created_once_also_by_a_worker_that_did_not_see_the_first_request(
    connect: Connect,
) -> None:
    stage = Stage(connect)
    body = {"by": "kim", "schedule": "berlin", "person": "bo", "until": "2026-06-01T02:00:00Z"}
    other = connect(extra_routers=[on_call_router(stage.desk, lambda: ON_CALL)], now_ms=lambda: stage.now_ms)
    first, again = [
        await each.post(f"{ROOT}/oncall/overrides", headers=KEY, json=body) for each in (stage.client, other)
    ]
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert (await other.get(f"{ROOT}/oncall/overrides")).json()["total"] == 1


async def test_every_post_documents_the_key_and_what_comes_of_it(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    posts = [item["post"] for item in document["paths"].values() if "post" in item]
    assert posts
    for operation in posts:
        assert "Idempotency-Key" in [parameter["name"] for parameter in operation["parameters"]]
        assert {"409", "422"} <= set(operation["responses"])
    others = [item[method] for item in document["paths"].values() for method in item if method != "post"]
    assert all("Idempotency-Key" not in str(operation.get("parameters")) for operation in others)
