"""`episode-monitor repair` against a worker's HTTP face: exit codes, what goes where, and no secrets."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from episode_monitor.repair.automatic import AutomaticRepairs, AutomaticSettings
from episode_monitor.repair.desk import RepairDesk
from episode_monitor.web.app import create_web_app
from episode_monitor.web.server import serve
from episode_monitor.web.settings import WebSettings, parse_api_tokens
from tests.repair.desk import Desk
from tests.web.fake_views import FakeViews

ROOT = Path(__file__).resolve().parents[2]
TOKENS = "viewer:only-to-read,operator:may-change-things"


@pytest.fixture
async def url(desk: Desk) -> AsyncIterator[str]:
    """The address of a worker that wants tokens."""
    views = FakeViews()
    automatic = AutomaticRepairs(desk.repairs, AutomaticSettings(), views, lambda _: True, lambda: desk.now_ms)
    settings = WebSettings(api_tokens=parse_api_tokens(TOKENS))
    app = create_web_app(views, settings, now_ms=lambda: desk.now_ms, repairs=RepairDesk(desk.repairs, automatic))
    server = await serve(app, "127.0.0.1", 0)
    yield server.url
    await server.stop()


async def run(url: str, *words: str, tokens: str = TOKENS) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    environment = {"PATH": os.environ["PATH"], "API_TOKENS": tokens, "COLUMNS": "200", "LC_ALL": "C.UTF-8"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "episode_monitor", "repair", *words, "--url", url,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT, env=environment,
    )  # fmt: skip
    out, said = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), said.decode()


async def test_a_plan_is_shown_applied_and_taken_back_where_the_check_fails(desk: Desk, url: str) -> None:
    await desk.hold("p", 1, 3)
    code, out, said = await run(url, "plan", "p", "--by", "mina", "--json")
    assert code == 0, said
    plan: dict[str, Any] = json.loads(out)
    code, out, _ = await run(url, "show", plan["plan_id"])
    assert code == 0
    assert "1 of 2 episodes change (50.0 %); gaps 1 -> 0, duplicates 0 -> 0, highest number 3 -> 2." in out
    desk.stream.is_deaf = True
    code, out, said = await run(url, "apply", plan["plan_id"], "--by", "mina", "--confirm", "p", "--json")
    assert (code, json.loads(out)["state"]) == (1, "rolled_back")
    assert "The plan is rolled_back" in said
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 3}
    code, _, said = await run(url, "apply", plan["plan_id"], "--by", "mina", "--confirm", "p")
    assert (code, "(plan_not_open)" in said) == (4, True)


async def test_what_is_wrong_is_told_by_exit_code_and_one_sentence(desk: Desk, url: str) -> None:
    assert (await run(url, "plan", "nobody", "--by", "mina"))[0] == 2
    assert (await run(url, "plan", "p", "--strategy", "guess"))[0] == 2
    code, out, said = await run(url, "plan", "p", "--by", "mina", tokens="viewer:only-to-read")
    assert (code, out) == (2, "")
    assert "only-to-read" not in said
    await desk.run("DROP TABLE episodes")
    code, _, said = await run(url, "plan", "p", "--by", "mina")
    assert (code, "set EPISODES_TABLE" in said) == (3, True)
    code, out, _ = await run(url, "automatic")
    assert (code, out.strip()) == (0, "not active: AUTO_REPAIR_PROJECTS is empty: no project has opted in.")
