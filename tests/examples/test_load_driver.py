"""The driver makes the trouble it says and no other, on a real service, database and broker."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections import Counter, defaultdict
from typing import Any

import pytest

from examples.load_driver.driver import Counts, drive
from examples.load_driver.plan import TROUBLED, Arrivals, make_plan
from tests.examples.support import PATIENCE_SECONDS, Service, fetch


def test_the_standard_plan_names_forty_projects_that_share_the_rate() -> None:
    plan = make_plan()
    names = [project.project_id for project in plan.projects]
    assert len(names) == len(set(names)) == 40
    assert set(TROUBLED) | {"proj_hot", "proj_001", "proj_033"} <= set(names)
    assert sum(project.rate_per_second for project in plan.projects) == pytest.approx(20.0)
    together = {project.project_id for project in plan.projects if project.arrivals is not Arrivals.ONE_CALLER}
    assert together == {"proj_slow", "proj_conflicts"}


def test_the_standard_plan_injects_every_trouble_in_the_first_ten_seconds() -> None:
    injected = [(one.at_seconds, one.order) for one in make_plan().injections]
    assert injected == [
        (3.0, {"project_id": "proj_lost_number", "kind": "lose_number", "times": 1}),
        (4.0, {"project_id": "proj_used_twice", "kind": "use_twice", "times": 1}),
        (5.0, {"project_id": "proj_slow", "kind": "slow", "delay_seconds": 5.5}),
        (6.0, {"project_id": "proj_conflicts", "kind": "hot", "pause_seconds": 0.01}),
        (7.0, {"project_id": "proj_failing", "kind": "fail", "probability": 0.3}),
        (8.0, {"project_id": "proj_repaired", "kind": "lose_number", "times": 1}),
    ]


@pytest.mark.parametrize(
    "wrong", [{"projects": 7}, {"rate_per_second": 0}, {"burst_callers": 1}, {"failure_probability": 2}]
)
def test_a_plan_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"needed|must be"):
        make_plan(**wrong)


@pytest.mark.broker
async def test_only_the_troubled_projects_get_into_trouble(service: Service) -> None:
    plan = make_plan(
        projects=15,
        rate_per_second=60.0,
        first_trouble_seconds=0.5,
        trouble_every_seconds=0.1,
        slow_delay_seconds=0.7,
        failure_probability=0.5,
    )
    said: list[str] = []
    report = await drive(str(service.client.base_url), plan, seed=1, seconds=5.0, say=said.append)

    kinds_of_trouble = ["lose_number", "use_twice", "slow", "hot", "fail", "lose_number"]
    assert [one["kind"] for one in report.injected] == kinds_of_trouble
    assert [one["at_seconds"] for one in report.injected] == sorted(one["at_seconds"] for one in report.injected)
    assert report.refused == []
    assert any("proj_slow: slow (delay_seconds 0.7)" in line for line in said)
    assert (await service.client.get("/admin/trouble")).json() == {}

    numbers = await _numbers(service)
    with_holes = {name for name, found in numbers.items() if set(found) != set(range(1, max(found) + 1))}
    with_doubles = {name for name, found in numbers.items() if len(set(found)) < len(found)}
    assert with_holes == {"proj_lost_number", "proj_repaired"}
    assert with_doubles == {"proj_used_twice"}
    assert {name: len(found) for name, found in numbers.items()} == {
        name: counts.created - counts.deleted for name, counts in report.projects.items()
    }
    assert _projects_with(report.projects, "conflicted") == {"proj_conflicts"}
    assert _projects_with(report.projects, "failed") == {"proj_failing"}
    assert _projects_with(report.projects, "unreachable") == set()
    conflicts = report.projects["proj_conflicts"]
    assert conflicts.conflicted > 0.05 * conflicts.created

    events = await service.events()
    kinds = {(event["project_id"], event["type"]) for event in events}
    assert {name for name, kind in kinds if kind == "episode.creation_conflict"} == {"proj_conflicts"}
    assert {name for name, kind in kinds if kind == "episode.creation_failed"} == {"proj_failing"}
    assert any(event.get("duration_seconds", 0) >= 0.7 for event in events if event["project_id"] == "proj_slow")
    ended = Counter(event["type"] for event in events if "duration_seconds" in event)
    assert ended["episode.created"] == sum(counts.created for counts in report.projects.values())


@pytest.mark.broker
async def test_trouble_ends_when_the_plan_says_so_and_a_stop_ends_the_drive(service: Service) -> None:
    plan = make_plan(
        projects=8, first_trouble_seconds=0, trouble_every_seconds=0, trouble_seconds=0.3, slow_delay_seconds=0.1
    )
    stop = asyncio.Event()

    def say(line: str) -> None:
        if "all trouble is over" in line:
            stop.set()

    report = await drive(str(service.client.base_url), plan, seed=1, stop=stop, say=say)
    assert len(report.injected) == 6
    assert (await service.client.get("/admin/trouble")).json() == {}


@pytest.mark.broker
async def test_without_trouble_nothing_is_injected(service: Service) -> None:
    plan = make_plan(projects=8, rate_per_second=40, trouble=False)
    report = await drive(str(service.client.base_url), plan, seed=1, seconds=1.0, say=lambda _: None)
    assert report.injected == []
    for name, numbers in (await _numbers(service)).items():
        assert sorted(numbers) == list(range(1, len(numbers) + 1)), name


@pytest.mark.broker
async def test_the_command_line_reports_as_json(service: Service) -> None:
    arguments = ["--service", str(service.client.base_url), "--seconds", "1", "--projects", "8", "--no-trouble"]
    code, output, progress = await _load_driver(*arguments)
    assert code == 0, progress
    report = json.loads(output)
    assert report["total"]["created"] > 0
    assert report["total"]["created"] == sum(counts["created"] for counts in report["projects"].values())
    assert report["injected"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--projects", "3"], 2, "At least 8 projects"),
        (["--rate", "lots"], 2, "invalid float"),
        (["--service", "http://127.0.0.1:1", "--wait", "0.3"], 3, "is not healthy after"),
    ],
)
async def test_a_drive_that_cannot_begin_says_why(arguments: list[str], code: int, words: str) -> None:
    found, output, progress = await _load_driver(*arguments)
    assert (found, output) == (code, "")
    assert words in progress
    assert "Traceback" not in progress


async def _numbers(service: Service) -> dict[str, list[int]]:
    numbers = defaultdict(list)
    for row in await fetch(service.settings.database_url, "SELECT project_id, number FROM episodes"):
        numbers[row["project_id"]].append(row["number"])
    return numbers


def _projects_with(projects: dict[str, Counts], what: str) -> set[str]:
    return {name for name, counts in projects.items() if getattr(counts, what)}


async def _load_driver(*arguments: str) -> tuple[int, str, str]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "examples.load_driver", *arguments, stdout=PIPE, stderr=PIPE
    )
    output, progress = await asyncio.wait_for(child.communicate(), PATIENCE_SECONDS)
    assert child.returncode is not None
    return child.returncode, output.decode(), progress.decode()
