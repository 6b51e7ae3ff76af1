"""The project service without HTTP: each operation changes the database first and tells Kafka after the commit.

Events of one episode leave in the order of its changes.
"""

import asyncio
import time
import uuid
from contextlib import suppress
from typing import Any

import asyncpg
import structlog

from ..serving import Problem
from .database import COUNT, DELETE, FIND, LIST, RENUMBER, Episode, connect, episode
from .events import EventSender
from .numbering import Attempts, InjectedFailure, Numbering, TimeIsUp
from .settings import Settings
from .trouble import Troubles

log = structlog.get_logger(__name__)

HEALTH_SECONDS = 1.0
EPISODE_LOCKS = 64  # an episode always meets the same one; a collision only makes somebody wait


class ProjectService:
    """Parts and operations. `start` returns at once; until both parts are there, operations raise Problem 503."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self._pool: Any = None
        self._database_fault = "waits for PostgreSQL"
        self._numbering: Numbering | None = None
        self._locks = [asyncio.Lock() for _ in range(EPISODE_LOCKS)]
        self._tasks: list[asyncio.Task[None]] = []
        self.troubles = Troubles(settings.trouble_seed)
        self.sender = EventSender(settings)

    def start(self) -> None:
        """Begins to look for PostgreSQL and Kafka."""
        self._tasks = [asyncio.create_task(self._open_database()), asyncio.create_task(self.sender.run())]

    async def stop(self) -> None:
        """Sends what is queued, then closes everything."""
        if self.sender.connected.is_set():
            await self.sender.flush()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._pool is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._pool.close(), 5.0)

    async def health(self) -> dict[str, str]:
        """`ok` or one sentence for each part."""
        return {"database": await self._database_state(), "broker": self.sender.state}

    async def create(
        self, project_id: str, title: str, limit_seconds: float | None, traceparent: str | None
    ) -> tuple[Episode, dict[str, Any]]:
        """Creates an episode; answers it and how it went. Raises Problem 503 `creation_failed` after the event of it.

        `limit_seconds` may only lower the setting's limit. Trouble's delay comes before the limit begins.
        """
        _, numbering = self._ready()
        started = time.monotonic()
        operation_id = uuid.uuid4().hex
        attempts = Attempts()

        def emit(event_type: str, **fields: Any) -> None:
            self.sender.emit(event_type, project_id, operation_id, traceparent=traceparent, **fields)

        await asyncio.sleep(self.troubles.of(project_id).delay_seconds)
        limit_seconds = min(limit_seconds or self._settings.time_limit_seconds, self._settings.time_limit_seconds)
        try:
            created = await numbering.create(
                project_id, title, limit_seconds, attempts, lambda: emit("episode.creation_conflict")
            )
        except (TimeIsUp, InjectedFailure) as error:
            outcome = _outcome(started, attempts)
            emit("episode.creation_failed", error=str(error), **outcome)
            detail = f"No episode was created: {error}. It is safe to try again."
            raise Problem(
                503, "creation_failed", detail, retry_after_seconds=1, operation_id=operation_id, **outcome
            ) from error
        outcome = _outcome(started, attempts)
        emit("episode.created", episode_id=created.id, episode_number=created.number, **outcome)
        return created, {"operation_id": operation_id, **outcome}

    async def renumber(self, project_id: str, episode_id: str, number: int, traceparent: str | None) -> Episode:
        """Gives the episode another number. Raises Problem 404, or 409 when the number is held by another."""
        pool, _ = self._ready()
        async with self._lock(episode_id):
            async with pool.acquire() as connection, connection.transaction():
                before = await connection.fetchrow(FIND + " FOR UPDATE", episode_id, project_id)
                if before is None:
                    raise _unknown(project_id, episode_id)
                if before["number"] == number:
                    return episode(before)
                try:
                    after = episode(await connection.fetchrow(RENUMBER, episode_id, project_id, number))
                except asyncpg.UniqueViolationError as error:
                    detail = f"Another episode of {project_id} has number {number}."
                    raise Problem(409, "number_taken", detail) from error
            self.sender.emit(
                "episode.renumbered",
                project_id,
                uuid.uuid4().hex,
                traceparent=traceparent,
                episode_id=episode_id,
                episode_number=number,
                old_number=before["number"],
            )
        return after

    async def delete(self, project_id: str, episode_id: str, traceparent: str | None) -> None:
        """Deletes the episode; its number may be given again. Raises Problem 404."""
        pool, _ = self._ready()
        async with self._lock(episode_id):
            if await pool.fetchval(DELETE, episode_id, project_id) is None:
                raise _unknown(project_id, episode_id)
            operation_id = uuid.uuid4().hex
            self.sender.emit(
                "episode.deleted", project_id, operation_id, traceparent=traceparent, episode_id=episode_id
            )

    async def list(self, project_id: str, limit: int, offset: int) -> dict[str, Any]:
        """A page of the project's episodes in the order of their numbers; empty for an unknown project."""
        pool, _ = self._ready()
        rows = await pool.fetch(LIST, project_id, limit, offset)
        total = await pool.fetchval(COUNT, project_id)
        return {"project_id": project_id, "episodes": [episode(row) for row in rows], "total": total}

    async def _open_database(self) -> None:
        self._pool = await connect(self._settings, self._say)
        self._numbering = Numbering(
            self._pool, self.troubles, self._settings.attempt_timeout_seconds, self._settings.trouble_seed
        )

    def _say(self, sentence: str) -> None:
        self._database_fault = sentence

    async def _database_state(self) -> str:
        if self._pool is None:
            return self._database_fault
        try:
            async with asyncio.timeout(HEALTH_SECONDS):  # waiting for a free connection counts too
                await self._pool.fetchval("SELECT 1")
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            return f"PostgreSQL does not answer: {error or type(error).__name__}"
        return "ok"

    def _ready(self) -> tuple[Any, Numbering]:
        if self._numbering is None or not self.sender.connected.is_set():
            raise Problem(503, "starting", "PostgreSQL or Kafka is not there yet: see /healthz.", retry_after_seconds=1)
        if self.sender.is_full:
            detail = f"{self.sender.waiting} events wait for Kafka: nothing is changed until it takes them."
            raise Problem(503, "events_backlog", detail, retry_after_seconds=5)
        return self._pool, self._numbering

    def _lock(self, episode_id: str) -> asyncio.Lock:
        return self._locks[hash(episode_id) % EPISODE_LOCKS]


def _outcome(started: float, attempts: Attempts) -> dict[str, Any]:
    return {
        "duration_seconds": round(time.monotonic() - started, 6),
        "retry_count": len(attempts.reasons),
        "retry_reasons": list(attempts.reasons),
        "had_conflict": attempts.had_conflict,
    }


def _unknown(project_id: str, episode_id: str) -> Problem:
    return Problem(404, "unknown_episode", f"Project {project_id} has no episode {episode_id}.")
