"""What an operator does about a lost number and one used twice, on the demo and while its traffic goes on.

Found by the stream and in the database, simulated, repaired, verified, rolled back: over HTTP and by command line.
"""

import json
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from tests.system.demo_process import Demo, Ran
from tests.system.running import BASE, ask, post, until, view

LOST, TWICE = "proj_lost_number", "proj_used_twice"
FACTS = ("gaps", "duplicates", "duplicate_owners")
Facts = dict[str, Any]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One demo for all walks: each leaves the numbers as it found them."""
    running = Demo(tmp_path_factory.mktemp("demo") / "output", seconds=600)
    try:
        yield running
    finally:
        running.interrupt()


@pytest.fixture
def monitor(demo: Demo) -> str:
    """The address of the monitor's HTTP interface."""
    return demo.addresses()["Monitor"].rstrip("/")


# A machine under load may let the worker's session with the broker run out. Then it reads its partitions back, answers
# 503 (a command ends with 3) for a few seconds and changes nothing; people try again, and so do these.


def project(monitor: str, project_id: str) -> Any:
    return until(lambda: view(monitor, f"/integrity/project/{project_id}"), f"answer about {project_id}")


def shown(monitor: str, path: str) -> Any:
    def look() -> Any:
        status, body = ask(monitor, path)
        return body if status == 200 else None

    return until(look, f"answer of {path}")


def change(monitor: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    def send() -> tuple[int, Any] | None:
        answer = post(monitor, path, body)
        return None if answer[0] == 503 else answer

    return until(send, f"answer of {path}")


def run(demo: Demo, command: str) -> Ran:
    def once() -> Ran | None:
        ran = demo.run(command)
        return None if ran.code == 3 else ran

    return until(once, f"answer to {command}")


def facts(view: dict[str, Any]) -> Facts:
    return {name: view[name] for name in FACTS}


def found_by_stream(monitor: str, project_id: str) -> Facts:
    """The finding that was injected, once it is open, and that it is the only one."""

    def look() -> Facts | None:
        known = facts(project(monitor, project_id))
        return known if known["gaps"] or known["duplicates"] else None

    found = until(look, f"finding in {project_id}")
    assert (len(found["gaps"]), len(found["duplicates"])) == ((1, 0) if project_id == LOST else (0, 1))
    assert all(len(owners) == 2 for owners in found["duplicate_owners"].values())
    return found


def wait_for_newer(demo: Demo, project_id: str) -> None:
    """The traffic of the demo goes on: one more episode at least. The database is asked, as the plan asked it: the
    monitor may still be reading of episodes that the plan has."""
    before = checked(demo, project_id)[1]["total_episodes"]
    until(lambda: checked(demo, project_id)[1]["total_episodes"] > before, "newer episode")


def checked(demo: Demo, project_id: str) -> tuple[int, Any]:
    """Exit code of the check of one project, and its state by the database."""
    ran = run(demo, f"episode-monitor check {project_id} --json")
    return ran.code, json.loads(ran.out)["projects"][0]["database"]


def in_the_database(demo: Demo, project_id: str) -> tuple[int, Facts]:
    """Exit code of the check of one project, and what the database says of it."""
    code, database = checked(demo, project_id)
    return code, facts(database)


def is_mended(monitor: str, demo: Demo, project_id: str) -> None:
    now = project(monitor, project_id)
    assert (now["is_healthy"], facts(now)) == (True, {"gaps": [], "duplicates": [], "duplicate_owners": {}})
    assert in_the_database(demo, project_id) == (0, facts(now))


def is_as_before(monitor: str, demo: Demo, project_id: str, before: Facts) -> None:
    until(lambda: facts(project(monitor, project_id)) == before, f"old state of {project_id} again")
    assert in_the_database(demo, project_id) == (1, before)


def test_the_commands_that_the_demo_proposes_find_the_lost_number_and_plan_its_repair(demo: Demo, monitor: str) -> None:
    gap = found_by_stream(monitor, LOST)["gaps"][0]
    _, *commands = demo.commands()[:4]
    deep_check_that_names(demo, commands[0], LOST)
    ran = [run(demo, command) for command in commands]
    assert [one.code for one in ran] == [1, 1, 0], ran
    assert LOST in ran[0].out
    for side in ("stream", "database"):
        (line,) = [line for line in ran[1].out.splitlines() if side in line]
        assert [cell.strip() for cell in line.split("│")[5:7]] == [str(gap), ""]
    (apply,) = [line.partition(": ")[2] for line in ran[2].said.splitlines() if "may be applied until" in line]
    assert apply.startswith("episode-monitor repair apply rp_")
    assert demo.run(f"{apply} --help").code == 0


@pytest.mark.parametrize("project_id", [LOST, TWICE])
def test_it_is_found_simulated_repaired_and_rolled_back_over_http(demo: Demo, monitor: str, project_id: str) -> None:
    before = found_by_stream(monitor, project_id)
    issue = until(lambda: deep_check(monitor).get(project_id), f"issue of {project_id} in a deep check")
    assert (issue["gaps"], issue["duplicates"], issue.get("drift")) == (before["gaps"], before["duplicates"], None)
    assert in_the_database(demo, project_id) == (1, before)

    status, plan = change(monitor, f"{BASE}/integrity/project/{project_id}/repair-plans", {"by": "mina"})
    assert (status, plan["state"], plan["changes_needed"] > 0) == (200, "planned", True)
    assert facts(project(monitor, project_id)) == before
    path = f"{BASE}/repair-plans/{plan['plan_id']}"
    wait_for_newer(demo, project_id)
    body = {"by": "mina", "confirm": project_id}
    status, problem = change(monitor, f"{path}/apply", body)
    assert (status, problem["code"]) == (409, "data_moved")
    assert "with_newer" in problem["detail"]
    assert shown(monitor, path)["state"] == "planned"

    status, applied = change(monitor, f"{path}/apply", {**body, "with_newer": True})
    assert (status, applied["state"]) == (200, "applied"), applied
    verified(monitor, path, "applied")
    is_mended(monitor, demo, project_id)

    wait_for_newer(demo, project_id)
    status, back = change(monitor, f"{path}/rollback", {**body, "by": "jun", "with_newer": True})
    assert (status, back["state"], back["acted_by"]) == (200, "rolled_back", "jun"), back
    verified(monitor, path, "rolled_back")
    is_as_before(monitor, demo, project_id, before)


@pytest.mark.parametrize("project_id", [LOST, TWICE])
def test_it_is_found_simulated_repaired_and_rolled_back_by_command_line(
    demo: Demo, monitor: str, project_id: str
) -> None:
    before = found_by_stream(monitor, project_id)

    def command(words: str, *, code: int = 0) -> Ran:
        ran = run(demo, f"episode-monitor {words}")
        assert ran.code == code, ran
        return ran

    result = json.loads(deep_check_that_names(demo, "episode-monitor check --deep --json", project_id).out)
    issues = {issue["project_id"]: issue for issue in result["project_issues"]}
    assert (issues[project_id]["gaps"], issues[project_id]["duplicates"]) == (before["gaps"], before["duplicates"])

    plan = json.loads(command(f"repair plan {project_id} --by mina --json").out)
    plan_id = shlex.quote(plan["plan_id"])
    yes = f"--confirm {project_id} --by mina"
    wait_for_newer(demo, project_id)
    assert "data_moved" in command(f"repair apply {plan_id} {yes}", code=4).said
    assert "invalid_confirm" in command(f"repair apply {plan_id} --confirm proj_hot --by mina", code=2).said
    assert ": planned\n" in command(f"repair show {plan_id}").out

    assert "To roll it back: " in command(f"repair apply {plan_id} {yes} --with-newer").said
    verified(monitor, f"{BASE}/repair-plans/{plan['plan_id']}", "applied")
    is_mended(monitor, demo, project_id)
    assert "plan_not_open" in command(f"repair apply {plan_id} {yes} --with-newer", code=4).said

    wait_for_newer(demo, project_id)
    assert ": rolled_back\n" in command(f"repair rollback {plan_id} {yes} --with-newer").out
    verified(monitor, f"{BASE}/repair-plans/{plan['plan_id']}", "rolled_back")
    is_as_before(monitor, demo, project_id, before)


def deep_check_that_names(demo: Demo, command: str, project_id: str) -> Ran:
    """Whoever asks while a check runs joins it, and the one of the worker's start may have begun before the trouble."""

    def look() -> Ran | None:
        ran = run(demo, command)
        return ran if ran.code == 1 and project_id in ran.out else None

    return until(look, f"deep check with {project_id}")


def verified(monitor: str, path: str, state: str) -> None:
    """The check of a machine under load may take until the next look."""

    def look() -> bool:
        plan = shown(monitor, path)
        assert plan["state"] == state, plan["steps"]
        return bool(plan["verification"] == "passed" and not plan["events_pending"])

    until(look, "verification")


def deep_check(monitor: str) -> dict[str, Any]:
    """Projects with issues, by id, of a check that has read every project in the database too."""
    status, answer = change(monitor, f"{BASE}/jobs/integrity/run-check?deep_check=true", {"by": "mina"})
    if status == 202:
        path = f"{BASE}/jobs/{answer['job_id']}"
        answer = until(lambda: shown(monitor, path)["result"], "result of the deep check")
    assert answer["database"]["projects_read"] == answer["projects_checked"]
    return {issue["project_id"]: issue for issue in answer["project_issues"]}
