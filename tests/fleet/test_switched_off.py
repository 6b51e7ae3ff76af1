"""EPISODE_MONITORING_ENABLED=false: the health check stays green, and nothing pretends to know a number."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from episode_monitor.fleet.catalogue import all_questions
from episode_monitor.fleet.errors import NotAvailable
from episode_monitor.fleet.questions.summary import SummaryQuestion
from episode_monitor.observe.health import ask
from episode_monitor.observe.switched_off import SwitchedOffFleet
from episode_monitor.settings.rules_file import core_from
from episode_monitor.settings.settings import load_settings
from episode_monitor.web.server import serve
from episode_monitor.worker import Worker
from tests.fleet.questions import sample_of

ROOT = "/monitoring/episodes"
OFF = {"EPISODE_MONITORING_ENABLED": "false", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}


@pytest_asyncio.fixture
async def url(tmp_path: object) -> AsyncIterator[str]:
    settings = load_settings({**OFF, "STATE_DIR": str(tmp_path)})
    worker = Worker(settings, core_from(settings))
    server = await serve(worker.http.app, "127.0.0.1", 0)
    yield server.url
    await server.stop()
    await worker.client.aclose()


async def test_the_summary_answers_and_says_that_it_is_off_instead_of_numbers(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        answer = await client.get(f"{ROOT}/integrity/summary")
        assert answer.status_code == 200
        said = answer.json()
        assert said.pop("monitoring_enabled") is False
        assert said.pop("detail").startswith("EPISODE_MONITORING_ENABLED is false")
        assert said == {
            "total_projects": None, "healthy_projects": None, "unhealthy_projects": None, "health_percentage": None,
            "total_gaps": None, "total_duplicates": None, "as_of": None,
        }  # fmt: skip


async def test_the_health_check_is_green_and_says_that_it_is_off(url: str) -> None:
    is_healthy, sentence = await asyncio.to_thread(ask, url)
    assert is_healthy
    assert "EPISODE_MONITORING_ENABLED is false" in sentence


@pytest.mark.parametrize(
    "path",
    [
        "integrity/projects",
        "integrity/project/p",
        "performance/stats",
        "alerts/active",
        "alerts/history",
        "alerts/statistics",
        "jobs",
        "rules",
        "replays",
    ],
)
async def test_every_other_view_says_why_it_does_not_answer(url: str, path: str) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        answer = await client.get(f"{ROOT}/{path}")
    assert (answer.status_code, answer.json()["code"]) == (501, "not_available")
    assert answer.json()["detail"].startswith("EPISODE_MONITORING_ENABLED is false")


async def test_it_is_alive_not_ready_and_tells_its_own_metrics(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["parts"]["events"].startswith("EPISODE_MONITORING_ENABLED is false")
        assert (await client.get("/livez")).status_code == 200
        assert "episode_monitor_build_info" in (await client.get("/metrics")).text
        acted = await client.post(f"{ROOT}/alerts/r:p/resolve")
        assert acted.status_code == 501


async def test_every_question_and_act_is_refused_but_the_summary() -> None:
    for kind in all_questions().values():
        if kind is not SummaryQuestion:
            with pytest.raises(NotAvailable):
                await SwitchedOffFleet().ask(sample_of(kind))
