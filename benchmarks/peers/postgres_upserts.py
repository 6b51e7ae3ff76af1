"""No stream processor at all: a consumer and PostgreSQL."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from benchmarks.peers.contender import Contender, Counts, Ending, Expected, Job, Runs, differences
from benchmarks.peers.running import ProgramRuns
from episode_monitor.demo.embedded import EmbeddedPostgres

TABLE = """CREATE TABLE counts (project_id text PRIMARY KEY, events bigint NOT NULL, failed bigint NOT NULL,
    conflicted bigint NOT NULL, highest bigint NOT NULL)"""


class DurablePostgres(EmbeddedPostgres):
    """With everything on disk before it says so, as in production, and with room to work."""

    def _settings(self) -> list[str]:
        durable = {"fsync": "on", "full_page_writes": "on", "shared_buffers": "512MB", "max_wal_size": "2GB"}
        return super()._settings() + [word for name, value in durable.items() for word in ("-c", f"{name}={value}")]


class _WithServer(ProgramRuns):
    """The server's CPU and memory belong to it as much as a state store's do."""

    server_pid = 0

    def pids(self) -> Iterator[int]:
        yield from super().pids()
        yield self.server_pid


class PostgresUpserts(Contender):
    """The simplest thing that people do. Offsets are committed after the rows, so a crash counts some events twice."""

    name, title, ending = "postgres", "consumer + PostgreSQL upserts", Ending.COMMITTED

    def __init__(self) -> None:
        self._url = ""

    @contextmanager
    def open(self, job: Job) -> Iterator[Runs]:
        """A server of its own, then one consumer a worker."""
        command = [sys.executable, "-P", "-m", "benchmarks.peers.programs.postgres_counts"]
        with DurablePostgres() as server:
            self._url = server.url()
            asyncio.run(_ask(self._url, TABLE))
            runs = _WithServer(job, lambda _: command, {"DATABASE": self._url})
            runs.server_pid = server.pid or 0
            with runs:
                yield runs

    def check(self, job: Job, expected: Expected) -> str:
        """The table's rows."""
        rows = asyncio.run(_ask(self._url, "SELECT project_id, events, failed, conflicted, highest FROM counts"))
        return differences({row[0]: Counts(*row[1:]) for row in rows}, expected.counts)


async def _ask(url: str, words: str) -> list[tuple[str, int, int, int, int]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(words)]
    finally:
        await connection.close()
