"""A table of episodes, and what the monitor makes of the events of a topic."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import asyncpg

from models.codec import decode_event
from models.event import Event
from streams.base.ids import unpack_id
from streams.project.project_state import ProjectState
from streams.project.step import step
from testbed.monitor_settings import monitor_settings
from testbed.worker_process import make_core
from tests.examples.support import all_records, until

TABLE = "CREATE TABLE episodes (id text PRIMARY KEY, project_id text, number bigint)"
INDEX = "CREATE INDEX ON episodes (project_id, number)"
FAR_FUTURE_MS = 4_000_000_000_000


async def make_table(database_url: str, rows: Iterable[tuple[Any, Any, Any]], ddl: str = TABLE) -> None:
    """Rows are (project, number, id)."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(ddl)
    await connection.execute(INDEX)
    swapped = [(episode, project, number) for project, number, episode in rows]
    await connection.copy_records_to_table("episodes", records=swapped)
    await connection.close()


def environment(database_url: str, broker: str, prefix: str, folder: Path, **more: str) -> dict[str, str]:
    """Of the command line, and nothing from outside."""
    return {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": database_url,
        **monitor_settings(broker, prefix),
        "EVENTS_PARTITIONS": "3",
        "TOPIC_REPLICATION_FACTOR": "1",
        "STATE_DIR": str(folder / "state"),
        **more,
    }


def start(env: dict[str, str], folder: Path, *words: str) -> subprocess.Popen[str]:
    """The command in a folder without `.env`."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "episode_monitor", "backfill", "--json", *words],
        env=env, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def run(env: dict[str, str], folder: Path, *words: str) -> tuple[int, Any, str]:
    """Exit code, summary (None without one) and what was said on standard error."""
    process = start(env, folder, *words)
    out, err = process.communicate(timeout=120)
    return process.returncode, json.loads(out) if out else None, err


def positions(folder: Path) -> list[Any]:
    """What runs in this folder have noted of how far they are."""
    return [json.loads(path.read_text()) for path in (folder / "state" / "backfill").glob("*.json")]


async def until_begun(folder: Path) -> None:
    """Wait until a run in this folder has noted its first position."""

    async def begun() -> bool:
        return bool(positions(folder))

    await until(begun)


async def events_of(env: dict[str, str]) -> list[Event]:
    """Every event of the topic, as the monitor reads it."""
    records = await all_records(env["KAFKA_BOOTSTRAP_SERVERS"], env["EVENTS_TOPIC"])
    read = [decode_event(record.key, record.value, record.headers, FAR_FUTURE_MS) for record in records]
    assert all(isinstance(event, Event) for event in read), read
    return [event for event in read if isinstance(event, Event)]


def states_after(events: Iterable[Event]) -> dict[str, ProjectState]:
    """What the core knows of each project after these events."""
    core = make_core()
    states: dict[str, ProjectState] = {}
    for event in events:
        state = states.setdefault(event.project_id, ProjectState(core, event.project_id))
        step(core, state, event)
    return states


def numbers(states: dict[str, ProjectState]) -> dict[str, dict[int, str]]:
    """Project -> number -> episode, of all live ones."""
    return {
        project: {number: unpack_id(episode) for episode, number in state.numbering.episodes.items()}
        for project, state in states.items()
    }
