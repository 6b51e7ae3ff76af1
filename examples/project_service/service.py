"""The project service without HTTP: each operation changes the database and sends its events.

Events of one episode leave in the order of its changes.
"""

import asyncio
import time
import uuid
from contextlib import suppress
from typing import Any

import asyncpg
import structlog

import episode_monitor_client as client

from ..serving import Problem
from .database import COUNT, DELETE, FIND, LIST, RENUMBER, Episode, connect, episode
from .events import Events
from .numbering import Attempts, InjectedFailure, Numbering, TimeIsUp
from .settings import Settings
from .trouble import Troubles

log = structlog.get_logger(__name__)

HEALTH_SECONDS = 1.0
EPISODE_LOCKS = 64  # an episode always meets the same one; a collision only makes a caller wait


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
        self.events = Events(settings)

    def start(self) -> None:
        """Begins to look for PostgreSQL and Kafka."""
        self._tasks = [asyncio.create_task(self._open_database())]
        self.events.start()

    async def stop(self) -> None:
        """Sends what is queued, then closes everything."""
        await self.events.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._pool is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._pool.close(), 5.0)

    async def health(self) -> dict[str, str]:
        """`ok` or one sentence for each part."""
        return {"database": await self._database_state(), "broker": self.events.state}

    async def create(
        self, project_id: str, title: str, limit_seconds: float | None, traceparent: str | None
    ) -> tuple[Episode, dict[str, Any]]:
        """Creates an episode; answers it and how it went. Raises Problem 503 `creation_failed` after the event of it.

        `limit_seconds` may only lower the setting's limit. Trouble's delay comes before the limit begins.
        """
        _, numbering = self._ready()
        started = time.monotonic()
        operation_id = uuid.uuid4().hex
        known: dict[str, Any] = {"operation_id": operation_id, "traceparent": traceparent}
        attempts = Attempts()

        told: dict[str, Any] = {}  # what the event says of how it went
        made: list[client.EpisodeEvent] = []  # while the number is locked, so that its time tells who came first

        def event_of(row: Episode) -> client.EpisodeEvent:
            told.update(_outcome(started, attempts))
            return client.created(project_id, row.id, row.number, **known, **told)

        async def before_commit(connection: Any, row: Episode) -> None:
            made[:] = [event_of(row)]
            await self.events.tell_within(connection, made[0])

        def on_conflict() -> None:
            self.events.tell(client.creation_conflict(project_id, **known))

        await asyncio.sleep(self.troubles.of(project_id).delay_seconds)
        limit_seconds = min(limit_seconds or self._settings.time_limit_seconds, self._settings.time_limit_seconds)
        try:
            created = await numbering.create(project_id, title, limit_seconds, attempts, on_conflict, before_commit)
        except (TimeIsUp, InjectedFailure) as error:
            outcome = _outcome(started, attempts)
            self.events.tell(client.creation_failed(project_id, str(error), **known, **outcome))
            detail = f"No episode was created: {error}. It is safe to try again."
            raise Problem(
                503, "creation_failed", detail, retry_after_seconds=1, operation_id=operation_id, **outcome
            ) from error
        # Nothing was made where it was there already, from a try whose answer got lost.
        self.events.tell_after(made[0] if made else event_of(created))
        return created, {"operation_id": operation_id, **told}

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
                event = client.renumbered(
                    project_id, episode_id, number, old_number=before["number"], traceparent=traceparent
                )
                await self.events.tell_within(connection, event)
            self.events.tell_after(event)
        return after

    async def delete(self, project_id: str, episode_id: str, traceparent: str | None) -> None:
        """Deletes the episode; its number may be given again. Raises Problem 404."""
        pool, _ = self._ready()
        async with self._lock(episode_id):
            event = client.deleted(project_id, episode_id, traceparent=traceparent)
            async with pool.acquire() as connection, connection.transaction():
                if await connection.fetchval(DELETE, episode_id, project_id) is None:
                    raise _unknown(project_id, episode_id)
                await self.events.tell_within(connection, event)
            self.events.tell_after(event)

    async def events_waiting(self) -> int:
        """How many events Kafka has not got yet; those of an outbox count only while the database answers."""
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                return await self.events.waiting(self._pool)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return self.events.queued

    async def list(self, project_id: str, limit: int, offset: int) -> dict[str, Any]:
        """A page of the project's episodes in the order of their numbers; empty for an unknown project."""
        pool, _ = self._ready()
        rows = await pool.fetch(LIST, project_id, limit, offset)
        total = await pool.fetchval(COUNT, project_id)
        return {"project_id": project_id, "episodes": [episode(row) for row in rows], "total": total}

    async def _open_database(self) -> None:
        self._pool = await connect(self._settings, self._say, self.events.prepare)
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
        if self._numbering is None or not self.events.is_connected:
            raise Problem(503, "starting", "PostgreSQL or Kafka is not there yet: see /healthz.", retry_after_seconds=1)
        if self.events.is_full:
            detail = f"{self.events.queued} events wait for Kafka: nothing is changed until it takes them."
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
