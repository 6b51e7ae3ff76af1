"""The order in which the demo starts its parts."""

import threading
from contextlib import AsyncExitStack

import pytest

from episode_monitor.demo.embedded import EmbeddedPostgres, ServerError
from episode_monitor.demo.server import LocalServer
from episode_monitor.demo.stack import Stack

PATIENCE_SECONDS = 30.0


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Takes the place of every part's start: the worker answers when the receiver, the last of the others, does."""
    names: list[str] = []
    worker_runs, others_run = threading.Event(), threading.Event()

    def start(part: LocalServer) -> None:
        if part.name == "worker":
            worker_runs.set()
            assert others_run.wait(PATIENCE_SECONDS), "the others wait for the worker"
        else:
            assert worker_runs.wait(PATIENCE_SECONDS), "the worker waits for the others"
        names.append(part.name)
        if part.name == "receiver":
            others_run.set()

    monkeypatch.setattr(LocalServer, "start", start)
    monkeypatch.setattr(EmbeddedPostgres, "create_database", lambda _, name: names.append(name))
    return names


async def test_the_worker_starts_beside_its_servers_and_the_other_programs_one_after_the_other_behind_them(
    started: list[str],
) -> None:
    async with AsyncExitStack() as running:
        await Stack(rate=1.0).start(running)
    started.remove("broker")  # beside the databases
    assert started == ["postgres", "project_service", "episode_monitor", "project service", "receiver", "worker"]


@pytest.mark.parametrize("name", ["broker", "postgres", "receiver", "service", "worker"])
async def test_a_port_that_was_taken_since_it_was_chosen_ends_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(LocalServer, "start", lambda _: None)
    monkeypatch.setattr(EmbeddedPostgres, "create_database", lambda *_: None)
    stack = Stack(rate=1.0)
    getattr(stack, name).moved_from = 1234
    async with AsyncExitStack() as running:
        with pytest.raises(ServerError, match=r"^Port 1234 was taken while the demo started\. Start it again\.$"):
            await stack.start(running)
