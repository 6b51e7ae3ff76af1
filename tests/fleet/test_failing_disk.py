"""A disk that does not give back what is stored: who asks is told what, why and what to do; nothing else stops."""

import errno
import os
from pathlib import Path

import httpx
import pytest

from agents.engine.stored_values import ValueFile
from streams.base.value_log import ValueLog
from streams.partition.state_cache import StateCache
from tests.agents.test_state_in_a_file import fill
from tests.fleet.fleet import Fleet, Worker, json

ROOT = "/monitoring/episodes"
OF_PROJECTS: list[tuple[str, dict[str, str]]] = [
    ("integrity/projects", {}),
    ("integrity/project/p", {}),
    ("integrity/project/p/findings", {}),
    ("integrity/states", {"partition": "0"}),
    ("integrity/facts", {"partition": "0", "project_id": "p"}),
    ("performance/stats", {"project_id": "p"}),
    ("performance/trend", {"project_id": "p"}),
]
OF_ALL = ["integrity/summary", "performance/stats", "performance/trend"]
SENTENCE = (
    "The disk of STATE_DIR does not give back what the monitor stored there: look at that disk, or set STATE_DIR to a "
    "folder on another one, and restart the worker. Nothing is lost: a start reads the changelog."
)


def broken(*_: object) -> bytes:
    raise OSError(errno.EIO, "Input/output error")


async def two_workers(fleet: Fleet, folder: Path) -> tuple[Worker, Worker]:
    """The state of a project of the first lies in a file; what is in memory of it is forgotten."""
    left, right = await fleet.worker("left"), await fleet.worker("right")
    log, other = left.own_partition(0), right.own_partition(1)
    store = left.engine.owned[0].store
    store.far, store._room = ValueLog(ValueFile(folder)), 0
    log.created("p", 2)
    other.created("q", 1)
    log.settle(60)
    other.settle(60)
    for worker in (left, right):
        await worker.engine.flusher.flush()
    fill(store)
    await fleet.publish()
    log.partition._cache = StateCache(100)
    return left, right


def is_said(answer: httpx.Response) -> bool:
    body = answer.json()
    return (answer.status_code, body["code"], body["detail"]) == (500, "stored_values_lost", SENTENCE)


async def test_each_view_of_a_project_says_it_whichever_worker_is_asked_and_answers_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Fleet(2) as fleet:
        left, right = await two_workers(fleet, tmp_path)
        for path, query in OF_PROJECTS:
            for worker in (left, right):
                with monkeypatch.context() as failing:
                    failing.setattr(os, "pread", broken)
                    answer = await worker.get(f"{ROOT}/{path}", **query)
                assert is_said(answer), (path, answer.text)
                left.engine.owned[0].partition._cache = StateCache(100)
                assert (await worker.get(f"{ROOT}/{path}", **query)).status_code == 200
                left.engine.owned[0].partition._cache = StateCache(100)


async def test_views_of_all_projects_and_other_projects_are_not_concerned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Fleet(2) as fleet:
        left, right = await two_workers(fleet, tmp_path)
        monkeypatch.setattr(os, "pread", broken)
        for worker in (left, right):
            for path in OF_ALL:
                json(await worker.get(f"{ROOT}/{path}"))
            json(await worker.get(f"{ROOT}/integrity/project/q"))
            assert "episode_monitor_events_total" in (await worker.get("/metrics")).text
            assert (await worker.get("/livez")).status_code == 200
