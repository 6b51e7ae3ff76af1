"""Beginning and end in an application; the fixture for tests; the client stands alone."""

import ast
import json
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import episode_monitor_client
from episode_monitor_client import (
    EpisodeMonitorClient,
    EpisodePerformanceTracker,
    current_client,
    lifespan,
    monitoring_shutdown_event,
    monitoring_startup_event,
)
from episode_monitor_client.pytest_plugin import CapturedEvents

PACKAGE = Path(episode_monitor_client.__file__).parent
DISTRIBUTION = PACKAGE.parent
MAY_IMPORT = {"aiokafka", "asyncpg", "psycopg", "pytest", "sqlalchemy", "episode_monitor_client"}


async def test_startup_and_shutdown_begin_and_end_the_sending(client: EpisodeMonitorClient, kafka: Any) -> None:
    await monitoring_startup_event()
    assert client.sender is not None
    EpisodePerformanceTracker().deleted("p", "ep")
    assert await monitoring_shutdown_event(20.0) == 0
    assert len(kafka.records) == 1
    assert await monitoring_shutdown_event() == 0  # nothing is left to end
    assert current_client() is not client


async def test_the_lifespan_does_both(client: EpisodeMonitorClient, kafka: Any) -> None:
    async with lifespan(object()):
        EpisodePerformanceTracker().deleted("p", "ep")
    assert len(kafka.records) == 1


async def test_without_configuration_the_lifespan_does_nothing() -> None:
    async with lifespan():
        EpisodePerformanceTracker().deleted("p", "ep")
        assert not current_client().enabled


def test_caught_events_can_be_asked_for(episode_events: CapturedEvents) -> None:
    tracker = EpisodePerformanceTracker()
    tracker.deleted("p", "ep_1")
    tracker.renumbered("q", "ep_2", 3)
    assert [event.episode_id for event in episode_events.of_type("deleted")] == ["ep_1"]
    assert [event.episode_id for event in episode_events.of_project("q")] == ["ep_2"]
    episode_events.clear()
    assert episode_events.all == []


def test_the_fixture_is_a_plug_in_of_pytest() -> None:
    points = tomllib.loads((DISTRIBUTION / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert hasattr(import_module(points["episode_monitor_client"]), "episode_events")


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.name)
def test_the_client_imports_nothing_of_the_monitor(path: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            imported.add((node.module or "").partition(".")[0])
    assert imported - sys.stdlib_module_names <= MAY_IMPORT


def test_importing_the_client_needs_no_driver_and_no_pytest() -> None:
    names = ("asyncpg", "psycopg", "sqlalchemy", "pytest")
    look = f"import sys, episode_monitor_client; print(*(name in sys.modules for name in {names}))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", look],
        env={"PYTHONPATH": str(DISTRIBUTION)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["False"] * 4


def test_aiokafka_is_the_only_package_it_needs() -> None:
    project = tomllib.loads((DISTRIBUTION / "pyproject.toml").read_text())["project"]
    assert [requirement.partition(">")[0] for requirement in project["dependencies"]] == ["aiokafka"]


def test_the_schema_and_the_sql_are_there_when_it_is_installed(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    built = tmp_path / "built"
    for path in [*PACKAGE.glob("*"), DISTRIBUTION / "pyproject.toml", DISTRIBUTION / "README.md"]:
        if path.is_file():
            target = tree / path.relative_to(DISTRIBUTION)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*install, "--target", str(built), str(tree)], check=True, capture_output=True, cwd=tmp_path)
    look = (
        "import json, episode_monitor_client as c; from episode_monitor_client.outbox import ddl; "
        "print(json.dumps([c.__file__, c.event_schema()['title'], 'episode_event_outbox' in ddl()]))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", look], env={"PYTHONPATH": str(built)}, capture_output=True, text=True, check=True
    )
    file, title, has_sql = json.loads(done.stdout)
    assert (Path(file).parent.parent, title, has_sql) == (built, "Episode event", True)
    assert (built / "episode_monitor_client" / "py.typed").exists()
