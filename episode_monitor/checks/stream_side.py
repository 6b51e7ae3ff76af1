"""What the whole fleet's stream says to a check: this worker's own partitions, and the others' by asking their owners.

An answer speaks for every partition, or it is asked again: while partitions move, a check waits for a while.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec

from agents.fleet.fleet_view import FleetView, Incomplete
from episode_monitor.checks.errors import CheckFailed
from episode_monitor.fleet.errors import Recovering, Unreachable
from episode_monitor.fleet.local_compare import OwnNumbers
from episode_monitor.fleet.peer_client import LONG_ANSWER_SECONDS, Neighbours
from episode_monitor.fleet.peer_protocol import (
    Compared,
    CompareQuestion,
    HoldingsQuestion,
    IssuesQuestion,
    KnownPage,
    KnownQuestion,
    PartialAnswer,
    Path,
    Position,
    PositionsQuestion,
    StreamIssues,
)
from models.views import IntegritySummary
from streams.base.ranking import rank
from streams.partition.drift_values import Holdings
from streams.views.project_views import integrity_summary

PATIENCE_SECONDS = 60.0  # a rebalance and the recovery after it
RETRY_SECONDS = 1.0
PAGE_PROJECTS = 5_000
HEARD_SECONDS = 1.0  # after so long the fetchers have heard of what lay in the topic before

T = TypeVar("T")
Q = TypeVar("Q", bound=msgspec.Struct)


class StreamSide:
    """`sleep` is asyncio's, unless a test has no time."""

    def __init__(
        self,
        sight: FleetView,
        own: OwnNumbers,
        neighbours: Neighbours,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._sight = sight
        self._own = own
        self._neighbours = neighbours
        self._sleep = sleep

    async def summary(self) -> IntegritySummary:
        """The fleet at a glance. Raises CheckFailed."""

        async def look() -> IntegritySummary:
            try:
                parts = self._sight.parts()
            except Incomplete as reason:
                raise Recovering from reason
            return integrity_summary((part.counts for part in parts), self._sight.stale_partitions(parts))

        return await patiently(look, self._sleep)

    async def compare(self, projects: Sequence[tuple[str, int]]) -> list[int]:
        """The places of the projects that differ from what is given, or that nobody knows. Raises CheckFailed."""

        async def look() -> list[int]:
            own = await self._own.compare(CompareQuestion(projects=list(projects)))
            assert own.found is not None
            different = set(own.found.different)
            left = sorted(set(range(len(projects))).difference(own.found.same, different))
            told = [own]
            if left:
                question = CompareQuestion(projects=[projects[place] for place in left])
                others = await self._others("compare", question, PartialAnswer[Compared])
                for answer in others:
                    if answer.found is not None:
                        left = [place for place in left if place not in {left[at] for at in answer.found.same}]
                told += others
                different.update(left)
            self._all_spoke(told, needed=bool(left))
            return sorted(different)

        return await patiently(look, self._sleep)

    async def holdings(self, projects: Sequence[str]) -> dict[str, Holdings]:
        """What these projects hold; one that is in two partitions (keyed wrongly) as it is where it holds most."""
        question = HoldingsQuestion(projects=list(projects))
        found: dict[str, Holdings] = {}
        for held in await self._lists(self._own.holdings, "holdings", question, PartialAnswer[list[Holdings]]):
            known = found.get(held.project_id)
            if known is None or len(known.numbers) < len(held.numbers):
                found[held.project_id] = held
        return found

    async def known(self) -> AsyncIterator[list[str]]:
        """Every project that holds a number, in pages; some twice where a partition moves. Raises CheckFailed."""
        for partition in range(self._sight.partition_count()):
            start: int | None = 0
            generation: int | None = None
            while start is not None:
                page = await self._page(KnownQuestion(partition=partition, start=start, limit=PAGE_PROJECTS))
                if start and page.generation != generation:
                    start = 0
                    continue
                yield page.projects
                start, generation = page.next_start, page.generation

    async def _page(self, question: KnownQuestion) -> KnownPage:
        async def look() -> KnownPage:
            own = await self._own.known(question)
            if own.found is not None:
                return own.found
            for answer in await self._others("known", question, PartialAnswer[KnownPage]):
                if answer.found is not None:
                    return answer.found
            raise Recovering

        return await patiently(look, self._sleep)

    async def issues(self, limit: int, numbers: int) -> StreamIssues:
        """The worst projects of the fleet, worst first, and the sums of the others. Raises CheckFailed."""
        question = IssuesQuestion(limit=limit, numbers=numbers)
        found = await self._answers(self._own.issues, "issues", question, PartialAnswer[StreamIssues])
        issues = [one for answer in found for one in answer.issues]
        issues.sort(key=lambda one: rank(one.project_id, one.gaps_total, one.duplicates_total, one.max_number))
        beyond = issues[limit:]
        return StreamIssues(
            issues=issues[:limit],
            splits=[facts for answer in found for facts in answer.splits][:limit],
            projects=sum(answer.projects for answer in found),
            unlisted_projects=len(beyond) + sum(answer.unlisted_projects for answer in found),
            unlisted_findings=sum(one.gaps_total + one.duplicates_total for one in beyond)
            + sum(answer.unlisted_findings for answer in found),
        )

    async def catch_up(self) -> None:
        """Waits until all that lies in the topic now is applied. Raises CheckFailed."""
        await self._sleep(HEARD_SECONDS)
        ends = {at.partition: at.end for at in await self._positions()}

        async def look() -> None:
            now = {at.partition: at.next_offset for at in await self._positions()}
            if any(now.get(partition, 0) < end for partition, end in ends.items()):
                raise Recovering

        await patiently(look, self._sleep)

    async def _positions(self) -> list[Position]:
        return await self._lists(self._own.positions, "positions", PositionsQuestion(), PartialAnswer[list[Position]])

    # --- asking all

    async def _lists(
        self,
        ask_own: Callable[[Q], Awaitable[PartialAnswer[list[T]]]],
        path: Path,
        question: Q,
        kind: type[PartialAnswer[list[T]]],
    ) -> list[T]:
        return [one for found in await self._answers(ask_own, path, question, kind) for one in found]

    async def _answers(
        self, ask_own: Callable[[Q], Awaitable[PartialAnswer[T]]], path: Path, question: Q, kind: type[PartialAnswer[T]]
    ) -> list[T]:
        async def look() -> list[T]:
            told = [await ask_own(question), *await self._others(path, question, kind)]
            self._all_spoke(told)
            return [answer.found for answer in told if answer.found is not None]

        return await patiently(look, self._sleep)

    async def _others(
        self, path: Path, question: msgspec.Struct, kind: type[PartialAnswer[T]]
    ) -> list[PartialAnswer[T]]:
        owners = self._sight.other_owners()
        return await self._neighbours.ask_all(owners, path, question, kind, LONG_ANSWER_SECONDS) if owners else []

    def _all_spoke(self, told: Sequence[PartialAnswer[T]], *, needed: bool = True) -> None:
        count = self._sight.partition_count()
        spoken_for = {partition for answer in told for partition in answer.partitions}
        if needed and (not count or not spoken_for.issuperset(range(count))):
            raise Recovering


async def patiently(look: Callable[[], Awaitable[T]], sleep: Callable[[float], Awaitable[None]]) -> T:
    """Looks again while partitions are moving or a worker does not answer. Raises CheckFailed."""
    waited = 0.0
    while True:
        try:
            return await look()
        except (Recovering, Unreachable) as error:
            if waited >= PATIENCE_SECONDS:
                why = error.detail if isinstance(error, Unreachable) else "Some partitions are still being read."
                raise CheckFailed(f"{why} The check was given up; run it again when the fleet is whole.") from error
        await sleep(RETRY_SECONDS)
        waited += RETRY_SECONDS
