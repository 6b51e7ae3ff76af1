"""Costly requests of one caller: so many a minute, then 429 until one is free again."""

from typing import Any

import httpx
import pytest

from episode_monitor.settings.api_tokens import ApiToken, Role
from episode_monitor.web.rates import Rates
from episode_monitor.web.settings import WebSettings
from tests.web.conftest import Connect

ROOT = "/monitoring/episodes"
COSTLY: list[tuple[str, dict[str, Any]]] = [
    (f"{ROOT}/replays", {"by": "mina"}),
    (f"{ROOT}/rules/backtest", {"by": "mina", "rules_yaml": "rules: []"}),
    (f"{ROOT}/jobs/integrity/run-check?deep_check=true", {"by": "mina"}),
    (f"{ROOT}/repair-plans?project_id=p", {"by": "mina"}),
    (f"{ROOT}/integrity/project/p/repair-plans", {"by": "mina"}),
]


class Clock:
    """Set by hand, in seconds."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_minutes_share_may_be_used_at_once_and_comes_back_evenly() -> None:
    clock = Clock()
    rates = Rates(6, clock)
    assert [rates.wait_seconds("mina", "replay") for _ in range(7)] == [0, 0, 0, 0, 0, 0, 10]
    clock.now += 9.5
    assert rates.wait_seconds("mina", "replay") == pytest.approx(0.5)
    clock.now += 0.5
    assert [rates.wait_seconds("mina", "replay") for _ in range(2)] == [0, 10]
    clock.now += 60
    assert [rates.wait_seconds("mina", "replay") for _ in range(7)] == [0, 0, 0, 0, 0, 0, 10]


def test_callers_and_kinds_are_counted_apart() -> None:
    rates = Rates(1, Clock())
    asked = [("mina", "replay"), ("jun", "replay"), ("mina", "deep_check"), ("mina", "replay")]
    assert [rates.wait_seconds(*each) for each in asked] == [0, 0, 0, 60]


def test_without_a_limit_nobody_waits_and_many_callers_do_not_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("episode_monitor.web.rates.MOST_CALLERS", 2)
    assert [Rates(0, Clock()).wait_seconds("mina", "replay") for _ in range(100)] == [0] * 100
    rates = Rates(1, Clock())
    assert [rates.wait_seconds(caller, "replay") for caller in ("a", "b", "c", "c", "a")] == [0, 0, 0, 60, 0]


@pytest.mark.parametrize(("path", "body"), COSTLY)
async def test_every_costly_request_is_limited_and_says_when_to_ask_again(
    connect: Connect, path: str, body: dict[str, Any]
) -> None:
    client = connect(rates=Rates(1, Clock()))
    assert (await client.post(path, json=body)).status_code in (200, 202, 501), "501: this app has no repair"
    answer = await client.post(path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
    assert (answer.headers["retry-after"], answer.json()["retry_after_seconds"]) == ("60", 60)
    document = (await client.get("/openapi.json")).json()
    operation = document["paths"][path.partition("?")[0].replace("/p/", "/{project_id}/")]["post"]
    assert "429" in operation["responses"]


async def test_what_is_cheap_is_not_limited_and_an_answer_given_again_is_not_counted(connect: Connect) -> None:
    client = connect(rates=Rates(1, Clock()))
    for _ in range(3):
        assert (await client.post(f"{ROOT}/jobs/integrity/run-check", json={"by": "mina"})).status_code == 200
        key = {"idempotency-key": "key 1"}
        assert (await client.post(f"{ROOT}/replays", json={"by": "mina"}, headers=key)).status_code == 202


async def test_callers_are_told_apart_by_their_tokens(connect: Connect) -> None:
    tokens = tuple(ApiToken.of(Role.OPERATOR, f"token-of-{name}", name) for name in ("mina", "jun"))
    client = connect(WebSettings(api_tokens=tokens), rates=Rates(1, Clock()))

    async def ask(name: str) -> httpx.Response:
        headers = {"authorization": f"Bearer token-of-{name}"}
        return await client.post(f"{ROOT}/replays", json={"by": "a"}, headers=headers)

    assert [(await ask(name)).status_code for name in ("mina", "mina", "jun")] == [202, 429, 202]
