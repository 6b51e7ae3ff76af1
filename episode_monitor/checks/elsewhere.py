"""What the other workers know of checks: jobs where no database is shared, and what their watches have found."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from agents.fleet.sight import Sight
from episode_monitor.checks.drift_alerts import Drifting
from episode_monitor.read_model.messages import CancelQuestion, DriftsQuestion, JobsQuestion, Path, Told
from episode_monitor.read_model.neighbours import LONG_ANSWER_SECONDS, Neighbours
from models.views import JobStatus

T = TypeVar("T")


class OtherWorkers:
    """Asks every other owner at once. Raises Unreachable where one does not answer."""

    def __init__(self, sight: Sight, neighbours: Neighbours) -> None:
        self._sight = sight
        self._neighbours = neighbours

    async def jobs(self, limit: int, job_id: str | None = None) -> list[JobStatus]:
        """All that the other workers have."""
        told = await self._ask("jobs", JobsQuestion(limit=limit, job_id=job_id), Told[list[JobStatus]])
        return [job for answer in told for job in answer.found or ()]

    async def cancel(self, job_id: str, by: str) -> JobStatus | None:
        """The job after whoever runs it ended it."""
        told = await self._ask("cancel", CancelQuestion(job_id=job_id, by=by), Told[JobStatus])
        return next((answer.found for answer in told if answer.found is not None), None)

    async def drifts(self) -> dict[str, Drifting]:
        """What their watches have found."""
        told = await self._ask("drifts", DriftsQuestion(), Told[dict[str, Drifting]])
        return {project: one for answer in told for project, one in (answer.found or {}).items()}

    async def _ask(self, path: Path, question: msgspec.Struct, kind: type[Told[T]]) -> Sequence[Told[T]]:
        owners = self._sight.other_owners()
        return await self._neighbours.ask_all(owners, path, question, kind, LONG_ANSWER_SECONDS) if owners else []
