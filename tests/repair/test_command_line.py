"""`episode-monitor repair` against a worker's HTTP face: exit codes, what goes where, and no secrets."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from episode_monitor.repair.automatic import AutomaticRepairs, AutomaticSettings
from episode_monitor.repair.plan_state import PlanState, Verification
from episode_monitor.repair.repairs import Repairs
from episode_monitor.settings.api_tokens import parse_api_tokens
from episode_monitor.web.server import serve
from episode_monitor.web.settings import WebSettings
from tests.repair.desk import Desk
from tests.web.fake_views import FakeViews, fake_app

ROOT = Path(__file__).resolve().parents[2]
TOKENS = "viewer:only-to-read,operator:may-change-things"


@pytest.fixture
async def url(desk: Desk) -> AsyncIterator[str]:
    """The address of a worker that wants tokens."""
    async with serving(desk, desk.repairs) as address:
        yield address


@asynccontextmanager
async def serving(desk: Desk, repairs: Repairs) -> AsyncIterator[str]:
    views = FakeViews()
    automatic = AutomaticRepairs(repairs, AutomaticSettings(), views.ask, lambda _: True, lambda: desk.now_ms)
    settings = WebSettings(api_tokens=parse_api_tokens(TOKENS))
    app = fake_app(views, settings, now_ms=lambda: desk.now_ms, repairs=automatic)
    server = await serve(app, "127.0.0.1", 0)
    yield server.url
    await server.stop()


async def started(url: str, *words: str, tokens: str = TOKENS) -> asyncio.subprocess.Process:
    environment = {"PATH": os.environ["PATH"], "API_TOKENS": tokens, "COLUMNS": "200", "LC_ALL": "C.UTF-8"}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "episode_monitor", "repair", *words, "--url", url,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT, env=environment,
        preexec_fn=_heed_ctrl_c,
    )  # fmt: skip


def _heed_ctrl_c() -> None:
    """Whoever runs the tests in the background ignores it, and their children would too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


async def run(url: str, *words: str, tokens: str = TOKENS) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    process = await started(url, *words, tokens=tokens)
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
    _, out, _ = await run(url, "show", plan["plan_id"])
    assert ["┃", "Episode", "┃", "As", "applied", "┃", "Restored", "┃"] in [line.split() for line in out.splitlines()]
    assert ["│", "p_2", "│", "2", "│", "3", "│"] in [line.split() for line in out.splitlines()]
    assert "1 of 2 episodes changed back (50.0 %); gaps 0 -> 1, duplicates 0 -> 0, highest number 2 -> 3." in out


async def test_what_is_wrong_is_told_by_exit_code_and_one_sentence(desk: Desk, url: str) -> None:
    assert (await run(url, "plan", "nobody", "--by", "mina"))[0] == 2
    assert (await run(url, "plan", "p", "--strategy", "guess"))[0] == 2
    code, out, said = await run(url, "plan", "p", "--by", "mina", tokens="viewer:only-to-read")
    assert (code, out) == (4, "")
    assert "only-to-read" not in said
    await desk.run("DROP TABLE episodes")
    code, _, said = await run(url, "plan", "p", "--by", "mina")
    assert (code, "set EPISODES_TABLE" in said) == (3, True)
    code, out, _ = await run(url, "automatic")
    assert (code, out.strip()) == (0, "not active: AUTO_REPAIR_PROJECTS is empty: no project has opted in.")


async def test_the_switch_says_how_it_stands_and_who_turned_it(url: str) -> None:
    code, out, _ = await run(url, "automatic", "--pause", "--by", "jun")
    assert (code, out.splitlines()[1]) == (0, "The pause switch is on (last set by jun).")
    code, out, _ = await run(url, "automatic", "--go-on", "--by", "ara")
    assert (code, out.splitlines()[1]) == (0, "The pause switch is off (last set by ara).")


async def test_newer_episodes_are_said_and_taken_along_by_an_option(desk: Desk, url: str) -> None:
    await desk.hold("p", 1, 3)
    plan_id = json.loads((await run(url, "plan", "p", "--by", "mina", "--json"))[1])["plan_id"]
    said = (await run(url, "show", plan_id))[2]
    assert f"episode-monitor repair apply {plan_id} --confirm p --with-newer\n" in said
    await desk.run("INSERT INTO episodes (id, project_id, number) VALUES ('new', 'p', 4)")
    desk.stream.numbers["p"]["new"] = 4
    yes = ("--by", "mina", "--confirm", "p")
    code, out, said = await run(url, "apply", plan_id, *yes)
    assert (code, out, "--with-newer" in said) == (4, "", True)
    code, out, said = await run(url, "apply", plan_id, "--with-newer", *yes)
    assert (code, "Created after the plan, of these: 1." in out) == (0, True), said
    assert f"To roll it back: episode-monitor repair rollback {plan_id} --confirm p" in said
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 2, "new": 3}
    code, out, _ = await run(url, "list", "p")
    assert (code, plan_id in out, "applied" in out) == (0, True, True)
    code, out, _ = await run(url, "rollback", plan_id, "--with-newer", "--json", *yes)
    assert (code, json.loads(out)["state"]) == (0, "rolled_back")
    assert await desk.numbers("p") == {"p_1": 1, "p_2": 3, "new": 4}


async def test_a_large_plan_names_the_command_with_which_somebody_else_approves_it(desk: Desk) -> None:
    await desk.hold("p 1", 2, 3)
    async with serving(desk, desk.another(approval_above=1)) as url:
        code, out, said = await run(url, "plan", "p 1", "--by", "mina", "--json")
        plan_id = json.loads(out)["plan_id"]
        said = (await run(url, "show", plan_id))[2]
        assert f"episode-monitor repair approve {plan_id} --confirm 'p 1' --by NAME\n" in said
        yes = ("--confirm", "p 1", "--by", "mina")
        code, _, said = await run(url, "apply", plan_id, *yes)
        assert (code, "(approval_needed)" in said) == (4, True)
        code, _, said = await run(url, "approve", plan_id, *yes)
        assert (code, "(same_person)" in said) == (4, True)
        code, out, _ = await run(url, "approve", plan_id, "--confirm", "p 1", "--by", "jun", "--json")
        assert (code, json.loads(out)["approved_by"]) == (0, "jun")
        assert (await run(url, "apply", plan_id, *yes))[0] == 0


async def test_an_expired_plan_is_refused(desk: Desk, url: str) -> None:
    await desk.hold("p", 1, 3)
    plan_id = json.loads((await run(url, "plan", "p", "--by", "mina", "--json"))[1])["plan_id"]
    desk.now_ms += 3_600_000
    code, _, said = await run(url, "apply", plan_id, "--by", "mina", "--confirm", "p")
    assert (code, "make a new one. (plan_expired)" in said) == (4, True)
    assert f"Plan {plan_id} for p: expired\n" in (await run(url, "show", plan_id))[1]


async def test_after_ctrl_c_the_worker_goes_on_and_the_command_says_so(desk: Desk) -> None:
    await desk.hold("p", 1, 3)
    desk.stream.lags = True
    async with serving(desk, desk.another(verify_seconds=60.0)) as url:
        plan_id = json.loads((await run(url, "plan", "p", "--by", "mina", "--json"))[1])["plan_id"]
        process = await started(url, "apply", plan_id, "--by", "mina", "--confirm", "p")
        while (await desk.store.get(plan_id)).progress.state is not PlanState.APPLIED:  # noqa: ASYNC110 - a process does it
            await asyncio.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, said = await asyncio.wait_for(process.communicate(), 60)
        assert (process.returncode, out) == (130, b"")
        assert (
            said.decode()
            .strip()
            .endswith(f"Stopped waiting, but the worker continues: episode-monitor repair show {plan_id}")
        )
        desk.stream.lags = False
        async with asyncio.timeout(60):
            while (await desk.store.get(plan_id)).progress.verification is not Verification.PASSED:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
