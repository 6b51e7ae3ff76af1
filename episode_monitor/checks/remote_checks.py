"""What other workers are asked about checks: jobs where no database is shared, and the alerts about drift."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec

from agents.fleet.fleet_view import FleetView
from episode_monitor.checks.stream_side import patiently
from episode_monitor.fleet.acts.drift import DriftKeeper
from episode_monitor.fleet.errors import Recovering
from episode_monitor.fleet.peer_client import LONG_ANSWER_SECONDS, Neighbours
from episode_monitor.fleet.peer_protocol import (
    CancelQuestion,
    DriftedQuestion,
    DriftsQuestion,
    JobsQuestion,
    PartialAnswer,
    Path,
)
from models.views import JobStatus
from streams.partition.drift_values import Drifting

T = TypeVar("T")


class OtherWorkers:
    """Asks every other owner at once. Raises Unreachable where one does not answer."""

    def __init__(self, sight: FleetView, neighbours: Neighbours) -> None:
        self._sight = sight
        self._neighbours = neighbours

    async def jobs(self, limit: int, job_id: str | None = None) -> list[JobStatus]:
        """All that the other workers have."""
        told = await self._ask("jobs", JobsQuestion(limit=limit, job_id=job_id), PartialAnswer[list[JobStatus]])
        return [job for answer in told for job in answer.found or ()]

    async def cancel(self, job_id: str, by: str) -> JobStatus | None:
        """The job after whoever runs it ended it."""
        told = await self._ask("cancel", CancelQuestion(job_id=job_id, by=by), PartialAnswer[JobStatus])
        return next((answer.found for answer in told if answer.found is not None), None)

    async def _ask(
        self, path: Path, question: msgspec.Struct, kind: type[PartialAnswer[T]]
    ) -> Sequence[PartialAnswer[T]]:
        owners = self._sight.other_owners()
        return await self._neighbours.ask_all(owners, path, question, kind, LONG_ANSWER_SECONDS) if owners else []


class DriftDesk:
    """Finds the worker that keeps the alerts about drift, which may be this one. Raises CheckFailed."""

    def __init__(
        self,
        sight: FleetView,
        keeper: DriftKeeper,
        neighbours: Neighbours,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._sight = sight
        self._keeper = keeper
        self._neighbours = neighbours
        self._sleep = sleep

    async def drifts(self) -> dict[str, Drifting]:
        """What the alerts that fire are about."""

        async def look() -> dict[str, Drifting]:
            return await self._first(
                self._keeper.drifts(), "drifts", DriftsQuestion(), PartialAnswer[dict[str, Drifting]]
            )

        return await patiently(look, self._sleep)

    async def drifted(self, question: DriftedQuestion) -> None:
        """Hand over what a check found; when this returns it is emitted and stored. A repetition changes nothing."""

        async def hand_over() -> None:
            await self._first(await self._keeper.take(question), "drifted", question, PartialAnswer[bool])

        await patiently(hand_over, self._sleep)

    async def _first(
        self, own: PartialAnswer[T], path: Path, question: msgspec.Struct, kind: type[PartialAnswer[T]]
    ) -> T:
        if own.found is not None:
            return own.found
        told = await self._neighbours.ask_all(
            self._sight.other_owners(), path, question, kind, LONG_ANSWER_SECONDS,
            is_enough=lambda answer: answer.found is not None,
        )  # fmt: skip
        for answer in told:
            if answer.found is not None:
                return answer.found
        raise Recovering
