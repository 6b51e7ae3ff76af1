"""Databases for the storage tests: the shared server's, connected, and a server of the test's own to be broken."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog

from episode_monitor.demo.embedded import EmbeddedPostgres
from episode_monitor.storage.connecting import DatabaseOptions
from episode_monitor.storage.database import Database

Opened = Callable[..., Database]  # the type of the fixture `opened`

SOON = DatabaseOptions(
    max_connections=3,
    statement_seconds=20.0,
    answer_seconds=30.0,
    probe_seconds=0.05,
    connect_seconds=20.0,
    first_attempt_seconds=20.0,
    backoff_first_seconds=0.02,
    backoff_last_seconds=0.05,
)

IMPATIENT = replace(SOON, statement_seconds=1.0, answer_seconds=1.5)  # for a server that does not answer


class OwnServer(EmbeddedPostgres):
    """A PostgreSQL server that tests may kill and freeze."""

    def make_new(self) -> None:
        """Runs, with an empty database and none of the roles that tests make."""
        self.start()
        for name in ("monitor", "later"):
            self.drop_database(name)
        self.run("drop role if exists plain", "postgres")
        self.create_database("monitor")
        # The embedded server trades the last commits for speed; here a commit must outlive a kill.
        self.run("alter database monitor set synchronous_commit = on")

    @property
    def monitor_url(self) -> str:
        """The address of the database `monitor`."""
        return self.url("monitor")

    def run(self, statement: str, database: str = "monitor") -> list[tuple[Any, ...]]:
        """Runs one statement as the superuser; rows where it has some."""
        return run(self.url(database), statement)


def run(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Runs one statement outside a transaction; rows where it has some."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="session")
def own_server() -> Iterator[OwnServer]:
    """The server that the storage tests have to themselves."""
    with OwnServer() as own:
        yield own


@pytest.fixture
def server(own_server: OwnServer) -> OwnServer:
    """A running server that the test may kill, with an empty database `monitor`."""
    own_server.make_new()
    return own_server


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    """Makes databases that are closed after the test. Connecting is the test's own."""
    made: list[Database] = []

    def make(url: str, options: DatabaseOptions = SOON, **parts: Any) -> Database:
        made.append(Database(url, options, **parts))
        return made[-1]

    yield make
    for database in made:
        await database.close()


@pytest.fixture
async def database(database_url: str, opened: Opened) -> Database:
    """A connected database with empty tables; repositories may be added before the first write."""
    database = opened(database_url)
    await database.connect()
    assert database.status() == "ok"
    return database


@pytest.fixture
def log() -> Iterator[list[Any]]:
    """What was logged, as dictionaries."""
    with structlog.testing.capture_logs() as entries:
        yield entries


@contextmanager
def frozen(server: OwnServer) -> Iterator[None]:
    """Stops all processes of the server meanwhile: it is there, and does not answer."""
    assert server.pid is not None
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    process_ids = [server.pid, *map(int, children)]
    for process_id in process_ids:
        os.kill(process_id, signal.SIGSTOP)
    try:
        yield
    finally:
        for process_id in process_ids:
            os.kill(process_id, signal.SIGCONT)


def events(log: list[Any], name: str) -> list[Any]:
    """The lines of the log with this event."""
    return [line for line in log if line["event"] == name]


async def status_of(database: Database, word: str) -> str:
    """Waits until the status has this word in it, and returns it."""
    async with asyncio.timeout(20):
        await database.until(lambda: word in database.status())
    return database.status()


async def all_written(database: Database) -> None:
    """Waits until nothing waits any more."""
    async with asyncio.timeout(20):
        await database.until(lambda: database.is_ok and database.pending == 0)
