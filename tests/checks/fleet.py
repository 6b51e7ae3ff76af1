"""A fleet of real partitions and a real table, and a deep check that compares them without losing time."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from episode_monitor.checks.deep import DeepCheck
from episode_monitor.checks.stream_side import StreamSide
from episode_monitor.service_database.episodes_table import EpisodesTable
from episode_monitor.service_database.reader import EpisodesReader
from models.check_views import DeepCheckResult, ProjectIssue
from streams.partition.drift_values import Drifts
from tests.fleet.fleet import Fleet, Worker

NINE_MS = 1_760_000_400_000  # 2025-10-09T09:00:00Z

Sleep = Callable[[float], Awaitable[None]]


async def at_once(seconds: float) -> None:
    """A sleep that takes no time."""


def opener(url: str) -> Callable[[], AbstractAsyncContextManager[EpisodesReader]]:
    """Opens the table of a database."""

    @asynccontextmanager
    async def open_reader() -> AsyncIterator[EpisodesReader]:
        async with EpisodesReader.open(url, EpisodesTable()) as reader:
            yield reader

    return open_reader


def stream_of(fleet: Fleet, worker: Worker, sleep: Sleep = at_once) -> StreamSide:
    """The fleet as this worker sees it."""
    return StreamSide(worker.model, sleep)


async def deep(
    fleet: Fleet, worker: Worker, url: str | None, sleep: Sleep = at_once, before: Drifts | None = None,
    progress: list[Any] | None = None,
) -> DeepCheckResult:  # fmt: skip
    """A deep check done by this worker. `sleep` is where two looks are apart."""
    told = [] if progress is None else progress
    check = DeepCheck(
        stream=stream_of(fleet, worker), open_reader=None if url is None else opener(url),
        rules=fleet.core.numbering, settle_seconds=60.0, at_ms=NINE_MS, before=before or {},
        progress=lambda done, total: told.append((done, total)), sleep=sleep,
    )  # fmt: skip
    return (await check.run())[0]


def by_project(result: DeepCheckResult) -> dict[str, ProjectIssue]:
    """What was found, by project."""
    return {issue.project_id: issue for issue in result.project_issues}
