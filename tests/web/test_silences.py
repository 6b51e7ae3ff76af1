"""Silences over HTTP: what one would hide, and who ended it."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import httpx

from agents.dispatch.read_model import ReadModel
from agents.dispatching import Dispatching
from episode_monitor.dispatch.desk import DispatchDesk
from episode_monitor.dispatch.routes import silence_router
from episode_monitor.storage.audit import AuditEntry
from streams.dispatch.inputs import Act
from streams.dispatch.storage import take_changes
from streams.dispatch.table import Refusal
from tests.streams.dispatch.proof_configs import DEFAULT
from tests.streams.dispatch.scripts import MINUTE_MS, START_MS, Stage
from tests.web.conftest import Connect

ROOT = "/monitoring/episodes/silences"
NOW_MS = START_MS + 2 * MINUTE_MS


def served(connect: Connect, script: str) -> httpx.AsyncClient:
    """Silences of a dispatcher that has lived through the script and decides at once."""
    stage, model, caught_up = Stage(DEFAULT), ReadModel(lambda: DEFAULT), asyncio.Event()
    stage.play(script)
    caught_up.set()

    async def perform(act: Act) -> Refusal | None:
        refusal = stage.decided(act, NOW_MS).refusal
        tell()
        return refusal

    def tell() -> None:
        for key, value in sorted(take_changes(stage.state), key=lambda pair: pair[0] == b"m"):
            model.take(key, value)

    tell()
    follower = SimpleNamespace(caught_up=caught_up, status="ok")
    parts: Any = SimpleNamespace(model=model, follower=follower, act_desk=SimpleNamespace(perform=perform))
    desk = DispatchDesk(cast(Dispatching, parts), lambda: NOW_MS)
    return connect(extra_routers=[silence_router(desk)], now_ms=lambda: NOW_MS)


async def test_a_preview_leaves_out_what_has_ended_because_nothing_of_it_would_be_hidden(connect: Connect) -> None:
    client = served(
        connect,
        """
        0:00 p1 fires warning
        0:00 p2 fires warning
        0:01 p2 ends
    """,
    )
    matchers = [{"name": "project_id", "value": "p[12]", "operator": "=~"}]
    answer = await client.post(f"{ROOT}/preview", json={"by": "", "matchers": matchers})
    assert answer.json() == {"matches": ["rate:p1"], "total": 1}


async def test_who_ended_a_silence_is_in_the_audit_by_name(connect: Connect, audit: list[AuditEntry]) -> None:
    client = served(connect, "0:00 p1 fires warning")
    body = {"by": "kim", "matchers": [{"name": "project_id", "value": "p1"}], "minutes": 60}
    made = await client.post(ROOT, json=body)
    assert made.status_code == 201, made.text
    ended = await client.delete(f"{ROOT}/{made.json()['id']}", params={"by": " lee "})
    assert (ended.status_code, ended.json()["state"]) == (200, "expired")
    assert [(entry.who, entry.what) for entry in audit] == [("kim", "silence.create"), ("lee", "silence.expire")]


async def test_a_matcher_that_is_not_valid_is_refused_in_the_language_that_was_asked_for(connect: Connect) -> None:
    client = served(connect, "0:00 p1 fires warning")
    body = {"by": "kim", "matchers": [{"name": "project_id", "value": "[", "operator": "=~"}], "minutes": 60}
    english = (await client.post(ROOT, json=body)).json()
    assert english["detail"].startswith("matchers: The regex `[` is not valid RE2")
    for path in (ROOT, f"{ROOT}/preview"):
        korean = (await client.post(path, json=body, params={"language": "ko"})).json()
        assert (korean["status"], korean["code"]) == (422, "invalid_matchers")
        assert korean["detail"].startswith("matchers: 정규식 `[`은(는) RE2 문법에 맞지 않습니다(원문: ")
        assert korean["errors"][0]["detail"] == korean["detail"].removeprefix("matchers: ")
