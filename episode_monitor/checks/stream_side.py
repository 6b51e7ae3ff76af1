"""The fleet as a check sees it: it asks again while partitions move or a worker does not answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

from episode_monitor.checks.errors import CheckFailed
from episode_monitor.fleet.acts.drift import ReportDrift
from episode_monitor.fleet.ask import Fleet
from episode_monitor.fleet.errors import Recovering, Unreachable
from episode_monitor.fleet.question import Question
from episode_monitor.fleet.questions.compare import CompareQuestion
from episode_monitor.fleet.questions.drifts import DriftsQuestion
from episode_monitor.fleet.questions.holdings import HoldingsQuestion
from episode_monitor.fleet.questions.issues import IssuesQuestion, StreamIssues
from episode_monitor.fleet.questions.known_projects import KnownProjectsQuestion
from episode_monitor.fleet.questions.positions import PositionsQuestion
from episode_monitor.fleet.questions.summary import SummaryQuestion
from models.integrity_views import IntegritySummary
from streams.partition.drift_values import Drifting, Holdings

PATIENCE_SECONDS = 60.0  # a rebalance and the recovery after it
RETRY_SECONDS = 1.0
PAGE_PROJECTS = 5_000
HEARD_SECONDS = 1.0  # after so long the fetchers have heard of what lay in the topic before

A = TypeVar("A")


class StreamSide:
    """Each method raises CheckFailed. `sleep` is asyncio's, unless a test has no time."""

    def __init__(self, fleet: Fleet, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._fleet = fleet
        self._sleep = sleep

    async def summary(self) -> IntegritySummary:
        """The fleet at a glance."""
        return await self._ask(SummaryQuestion())

    async def compare(self, projects: Sequence[tuple[str, int]]) -> list[int]:
        """The places of the projects that differ from what is given, or that no partition has."""
        return await self._ask(CompareQuestion(projects=list(projects)))

    async def holdings(self, projects: Sequence[str]) -> dict[str, Holdings]:
        """What these projects hold."""
        return await self._ask(HoldingsQuestion(projects=list(projects)))

    async def known(self) -> AsyncIterator[list[str]]:
        """Every project that holds a number, in pages; some twice where a partition moves."""
        for partition in range(self._fleet.here.view.partition_count()):
            start: int | None = 0
            generation: int | None = None
            while start is not None:
                page = await self._ask(KnownProjectsQuestion(partition=partition, start=start, limit=PAGE_PROJECTS))
                if start and page.generation != generation:
                    start = 0
                    continue
                yield page.projects
                start, generation = page.next_start, page.generation

    async def issues(self, limit: int, numbers: int) -> StreamIssues:
        """The worst projects of the fleet, worst first, and the sums of the others."""
        return await self._ask(IssuesQuestion(limit=limit, numbers=numbers))

    async def catch_up(self) -> None:
        """Waits until all that lies in the topic now is applied."""
        await self._sleep(HEARD_SECONDS)
        ends = {at.partition: at.end for at in await self._ask(PositionsQuestion())}

        async def look() -> None:
            now = {at.partition: at.next_offset for at in await self._ask(PositionsQuestion())}
            if any(now.get(partition, 0) < end for partition, end in ends.items()):
                raise Recovering

        await patiently(look, self._sleep)

    async def drifts(self) -> dict[str, Drifting]:
        """What the alerts about drift that fire are about."""
        return await self._ask(DriftsQuestion())

    async def report(self, report: ReportDrift) -> None:
        """Hand over what a check found; when this returns it is emitted and stored. A repetition changes nothing."""
        await self._ask(report)

    async def _ask(self, question: Question[Any, A]) -> A:
        return await patiently(lambda: self._fleet.ask(question), self._sleep)


async def patiently(look: Callable[[], Awaitable[A]], sleep: Callable[[float], Awaitable[None]]) -> A:
    """Looks again while partitions are moving or a worker does not answer. Raises CheckFailed."""
    waited = 0.0
    while True:
        try:
            return await look()
        except (Recovering, Unreachable) as error:
            if waited >= PATIENCE_SECONDS:
                why = error.detail if isinstance(error, Unreachable) else "Some partitions are still recovering."
                raise CheckFailed(
                    f"{why} The check was cancelled; run it again when all partitions are available."
                ) from error
        await sleep(RETRY_SECONDS)
        waited += RETRY_SECONDS
