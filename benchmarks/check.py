"""The deep check against the plain SQL window query over the same rows in the same run, on the embedded PostgreSQL.

The check compares every row with the stream's state, here the stored states of real partitions, and finds the trouble
that was put in. The plain query finds gaps alone. Both begin with a warm table.
"""

import asyncio
import resource
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg

from episode_monitor.checks.deep import DeepCheck
from episode_monitor.checks.first_pass import MAX_PROJECT_ROWS
from episode_monitor.checks.service import reader_opener
from episode_monitor.checks.stream_side import StreamSide
from episode_monitor.demo.embedded import EmbeddedPostgres
from episode_monitor.fleet.questions.compare import compared
from episode_monitor.fleet.questions.holdings import held
from episode_monitor.fleet.questions.issues import StreamIssues
from episode_monitor.service_database.episodes_table import EpisodesTable
from models.check_views import DeepCheckResult
from models.event import Event, EventType
from models.integrity_views import IntegritySummary
from streams.alerting.core import Core
from streams.alerting.rules import RuleSet
from streams.base.steps import finish
from streams.partition.drift_values import Holdings
from streams.partition.holdings import known_projects
from streams.partition.partition import Partition
from streams.partition.summary import counts_of
from streams.views.project_views import integrity_summary

_STATUS = Path("/proc/self/status")
PARTITIONS = 4
START_MS = 1_760_000_000_000
DRIFTING_EVERY = 1000  # one project in so many lacks its last number in the table
WINDOW_QUERY = """
select count(*), sum(missing) from (
    select number - lag(number, 1, 0) over (partition by project_id order by number) - 1 as missing from episodes
) as steps where missing > 0
"""
SCHEMA = """
create table episodes (id text primary key, project_id text not null, number integer not null);
create unique index episodes_number_is_unique on episodes (project_id, number);
"""


class _Owned:
    """What a question to a worker looks at."""

    def __init__(self, partition: Partition) -> None:
        self.partition = partition


class _Values:
    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.get = self.values.get

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(list(self.values.items()))


class OneWorker(StreamSide):
    """A worker that owns every partition, without Kafka."""

    def __init__(self, projects: int, episodes: int) -> None:
        core = Core(RuleSet(()))
        self.partitions = [Partition(core, number, _Values(), 100) for number in range(PARTITIONS)]
        for number in range(projects):
            partition = self.partitions[number % PARTITIONS]
            _fill(partition, project_name(number), episodes)
            if number % 1000 > 1000 - PARTITIONS or number >= projects - PARTITIONS:
                _store(partition)
        self.live: Any = [_Owned(partition) for partition in self.partitions]

    async def summary(self) -> IntegritySummary:
        return integrity_summary(counts_of(partition, START_MS) for partition in self.partitions)

    async def compare(self, projects: Sequence[tuple[str, int]]) -> list[int]:
        found = finish(compared(self.live, list(projects)))
        return sorted(set(range(len(projects))).difference(found.same))

    async def holdings(self, projects: Sequence[str]) -> dict[str, Holdings]:
        return {one.project_id: one for one in finish(held(self.live, list(projects)))}

    async def known(self) -> AsyncIterator[list[str]]:
        for partition in self.partitions:
            start: int | None = 0
            while start is not None:
                projects, start = known_projects(partition, start, 5000)
                yield projects

    async def issues(self, limit: int, numbers: int) -> StreamIssues:
        return StreamIssues(issues=[], projects=sum(partition.index.projects for partition in self.partitions))

    async def catch_up(self) -> None:
        return


def project_name(number: int) -> str:
    """A project's id."""
    return f"proj_{number:06d}"


def _fill(partition: Partition, project: str, episodes: int) -> None:
    for number in range(1, episodes + 1):
        offset = partition.next_offset
        event_id = f"e{offset}"
        partition.take(
            Event(event_id, EventType.CREATED, project, START_MS + number, event_id, f"ep_{project}_{number}", number,
                  backfill=True),
            offset,
        )  # fmt: skip


def _store(partition: Partition) -> None:
    """What a flush does."""
    changes, values = partition.collect(), partition._store.values  # type: ignore[attr-defined]
    for key, value in changes.writes:
        values[key] = value
    for key in changes.garbage:
        values.pop(key, None)


def run(projects: int, episodes: int) -> dict[str, float | int]:
    """Make both sides, run the query and the check, compare their times."""
    with EmbeddedPostgres() as server:
        url = server.create_database("bench")
        return asyncio.run(_measure(url, projects, episodes))


async def _measure(url: str, projects: int, episodes: int) -> dict[str, float | int]:
    connection = await asyncpg.connect(url)
    await connection.execute(SCHEMA)
    await connection.copy_records_to_table("episodes", records=_rows(projects, episodes))
    await connection.execute("vacuum analyze episodes")
    rows = await connection.fetchval("select count(*) from episodes")
    stream = OneWorker(projects, episodes)
    query_seconds, _ = await _timed(lambda: connection.fetch(WINDOW_QUERY))
    reading_seconds, _ = await _timed(lambda: _read_alone(url))
    memory = _forget_peak()
    cpu_seconds = time.process_time()
    check_seconds, result = await _timed(lambda: _check(url, stream))
    cpu_seconds = time.process_time() - cpu_seconds
    added = _peak_bytes() - memory
    again_seconds, _ = await _timed(lambda: connection.fetch(WINDOW_QUERY))
    await connection.close()
    wanted = sum(number % DRIFTING_EVERY == 0 for number in range(projects))
    found = result.database
    if found is None or found.missing_in_database != wanted or found.projects_with_drift != wanted:
        raise AssertionError(f"{wanted} projects drift, and the check found {found}")
    plain = (query_seconds + again_seconds) / 2
    return {
        "projects": projects,
        "rows": rows,
        "window_query_seconds": round(plain, 2),
        "reading_alone_seconds": round(reading_seconds, 2),
        "deep_check_seconds": round(check_seconds, 2),
        "times_the_query": round(check_seconds / plain, 2),
        "deep_check_cpu_seconds": round(cpu_seconds, 2),
        "memory_added_mb": round(added / 1e6),
        "projects_with_drift_found": found.projects_with_drift,
    }


def _rows(projects: int, episodes: int) -> Iterator[tuple[str, str, int]]:
    for number in range(projects):
        project = project_name(number)
        for episode in range(1, episodes + (number % DRIFTING_EVERY != 0)):
            yield f"ep_{project}_{episode}", project, episode


async def _read_alone(url: str) -> None:
    async with reader_opener(url, EpisodesTable())() as reader:
        async for _ in reader.all_projects(MAX_PROJECT_ROWS):
            pass


async def _check(url: str, stream: OneWorker) -> DeepCheckResult:
    check = DeepCheck(
        stream=stream, open_reader=reader_opener(url, EpisodesTable()), rules=stream.partitions[0].core.numbering,
        settle_seconds=0.0, at_ms=START_MS, before={}, progress=lambda done, total: None,
    )  # fmt: skip
    return (await check.run())[0]


async def _timed(work: Callable[[], Awaitable[Any]]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = await work()
    return time.perf_counter() - began, result


def _forget_peak() -> int:
    """What is in memory now; from here on the peak is that of what follows. Without Linux: the peak of all before."""
    if not _STATUS.exists():
        return _peak_bytes()
    Path("/proc/self/clear_refs").write_text("5")
    return _status_bytes("VmRSS")


def _peak_bytes() -> int:
    return _status_bytes("VmHWM") if _STATUS.exists() else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _status_bytes(name: str) -> int:
    (line,) = (line for line in _STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024
