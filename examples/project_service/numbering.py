"""Takes the next episode number, optimistically: look, insert, and on a collision look again.

A number is only ever taken by an INSERT that the unique index let through. Creators share one advisory lock a project,
so that they wait for no other creator, and a repair of the numbers waits for all of them.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from episode_monitor_client.events import RetryReason

from .database import (
    FIND,
    HIGHEST_NUMBER,
    HOLD_NUMBERING,
    INSERT,
    NEXT_ID,
    NEXT_NUMBER,
    PRIMARY_KEY,
    RESERVE,
    Episode,
    episode,
)
from .trouble import Troubles

BeforeCommit = Callable[[Any, Episode], Awaitable[None]]  # with the connection whose transaction it is

BACKOFF_FIRST_SECONDS = 0.002
BACKOFF_DOUBLINGS_MAX = 5  # so at most 64 ms


class InjectedFailure(Exception):
    """Trouble `fail`: the creation ends here."""


class InjectedRollback(Exception):
    """Trouble `lose_number`: the row is rolled back after its number is gone."""


@dataclass
class Attempts:
    """What one operation went through. `reasons` has one entry a retry, so a last try that fails adds none."""

    episode_id: str = ""  # the same in every try: one whose answer got lost is recognised by it
    reasons: list[RetryReason] = field(default_factory=list)
    had_conflict: bool = False
    last_error: str = ""


class TimeIsUp(Exception):
    """No number could be taken within the limit."""


class Numbering:
    """The numbering of all projects, over one pool."""

    def __init__(self, pool: Any, troubles: Troubles, attempt_timeout_seconds: float, seed: int | None = None):
        self._pool = pool
        self._troubles = troubles
        self._attempt_timeout_seconds = attempt_timeout_seconds
        self._random = random.Random(seed)

    async def create(
        self,
        project_id: str,
        title: str,
        limit_seconds: float,
        attempts: Attempts,
        on_conflict: Callable[[], None],
        before_commit: BeforeCommit,
    ) -> Episode:
        """Creates an episode with the next number, calls `on_conflict` at every lost race and `before_commit` last.

        Raises TimeIsUp when the limit passes first, InjectedFailure for trouble. `attempts` is filled in either way.
        """
        deadline = asyncio.get_running_loop().time() + limit_seconds
        while True:
            left_seconds = deadline - asyncio.get_running_loop().time()
            timeout_seconds = max(0.001, min(left_seconds, self._attempt_timeout_seconds))
            reason: RetryReason = "error"
            try:
                return await self._try_once(project_id, title, timeout_seconds, attempts, before_commit)
            except asyncpg.UniqueViolationError as error:
                if error.constraint_name == PRIMARY_KEY:
                    attempts.episode_id, attempts.last_error = "", "another episode has the id"
                else:
                    attempts.had_conflict = True
                    on_conflict()
                    reason, attempts.last_error = "conflict", "another caller took the number first"
            except (asyncpg.QueryCanceledError, TimeoutError):
                reason, attempts.last_error = "timeout", "the database did not answer in time"
            except (InjectedRollback, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                attempts.last_error = str(error) or type(error).__name__
            await self._back_off(deadline, attempts, reason)

    async def _back_off(self, deadline: float, attempts: Attempts, reason: RetryReason) -> None:
        longest_seconds = BACKOFF_FIRST_SECONDS * 2 ** min(len(attempts.reasons), BACKOFF_DOUBLINGS_MAX)
        pause_seconds = self._random.uniform(0, longest_seconds)
        if asyncio.get_running_loop().time() + pause_seconds >= deadline:
            raise TimeIsUp(attempts.last_error)
        await asyncio.sleep(pause_seconds)
        attempts.reasons.append(reason)

    async def _try_once(
        self, project_id: str, title: str, timeout_seconds: float, attempts: Attempts, before_commit: BeforeCommit
    ) -> Episode:
        """One look and one INSERT. Raises UniqueViolationError when another caller took the number in between."""
        async with self._pool.acquire(timeout=timeout_seconds) as connection:
            attempts.episode_id = attempts.episode_id or await connection.fetchval(NEXT_ID, timeout=timeout_seconds)
            # The pool's reset lets it go when the connection is handed back, however this ends.
            await connection.execute(HOLD_NUMBERING, project_id, timeout=timeout_seconds)
            number = await connection.fetchval(NEXT_NUMBER, project_id, timeout=timeout_seconds)
            await asyncio.sleep(self._troubles.of(project_id).pause_seconds)
            used_twice = await self._number_to_use_twice(connection, project_id)
            loses = used_twice is None and await self._reserve_number_to_lose(connection, project_id, number)
            values = (attempts.episode_id, project_id, used_twice or number, title, used_twice is not None)
            try:
                async with connection.transaction():
                    # The server's own time limit: what it ends is rolled back, which a limit of ours could not know.
                    await connection.execute(f"SET LOCAL statement_timeout = {max(1, int(timeout_seconds * 1000))}")
                    row = await connection.fetchrow(INSERT, *values)
                    if loses:
                        raise InjectedRollback("rolled back after its number was taken")
                    if self._troubles.fails_now(project_id):
                        raise InjectedFailure("a part that the creation needs has failed")
                    await before_commit(connection, episode(row))
            except asyncpg.UniqueViolationError as error:
                if loses:
                    self._troubles.give_back(project_id, "lose_number")
                if error.constraint_name != PRIMARY_KEY:
                    raise
                # An earlier try did land and its answer got lost on the way.
                row = await connection.fetchrow(FIND, attempts.episode_id, project_id)
                if row is None:
                    raise
            return episode(row)

    async def _number_to_use_twice(self, connection: Any, project_id: str) -> int | None:
        """The number that a legacy import repeats, if it should and the project has one."""
        if not self._troubles.take(project_id, "use_twice"):
            return None
        highest: int = await connection.fetchval(HIGHEST_NUMBER, project_id)
        if highest == 0:
            self._troubles.give_back(project_id, "use_twice")
        return highest or None

    async def _reserve_number_to_lose(self, connection: Any, project_id: str, number: int) -> bool:
        if not self._troubles.take(project_id, "lose_number"):
            return False
        await connection.execute(RESERVE, project_id, number)
        return True
