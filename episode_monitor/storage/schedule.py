"""Which worker runs the next check: one row a kind in PostgreSQL, changed by one statement under PostgreSQL's clock.

However many workers ask, one may run it; after a downtime the check that was missed runs once.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from episode_monitor.storage.checks import CheckKind
from episode_monitor.storage.database import Database

LEASE_SECONDS = 60.0  # a check not heard of for so long has lost its worker
MAX_ATTEMPTS = 3  # after so many workers lost in a row the check waits for its next turn

_CLAIM = """
insert into episode_monitor.check_schedule as known (kind, holder, begun_at, alive_at, is_done, attempts)
values ($1, $2, now(), now(), false, 1)
on conflict (kind) do update
set holder = excluded.holder, begun_at = now(), alive_at = now(), is_done = false,
    attempts = case when known.is_done then 1 else known.attempts + 1 end
where (known.is_done and known.begun_at <= now() - $3::interval)
   or (not known.is_done and known.alive_at < now() - $4::interval
       and (known.attempts < $5 or known.begun_at <= now() - $3::interval))
returning 1
"""
_ALIVE = """
update episode_monitor.check_schedule set alive_at = now() where kind = $1 and holder = $2 and not is_done returning 1
"""
_DONE = "update episode_monitor.check_schedule set is_done = true where kind = $1 and holder = $2 returning 1"


class CheckSchedule(Protocol):
    """One check of a kind at a time. `holder` names one run of one worker."""

    async def claim(self, kind: CheckKind, holder: str, interval_seconds: float) -> bool:
        """Whether this run may begin: none is under way, and the last began at least so long ago (0: asked for by a
        person). Raises `DatabaseAway`."""

    async def alive(self, kind: CheckKind, holder: str) -> bool:
        """Says that the run goes on; False where another has been let in meanwhile. Raises `DatabaseAway`."""

    async def done(self, kind: CheckKind, holder: str) -> None:
        """The run has ended, however. Raises `DatabaseAway`."""


class PostgresCheckSchedule:
    """`CheckSchedule` for all workers on one database."""

    def __init__(self, database: Database, lease_seconds: float = LEASE_SECONDS) -> None:
        self._database = database
        self._lease = timedelta(seconds=lease_seconds)

    async def claim(self, kind: CheckKind, holder: str, interval_seconds: float) -> bool:
        """See `CheckSchedule.claim`."""
        interval = timedelta(seconds=interval_seconds)
        return bool(await self._database.fetch(_CLAIM, kind.value, holder, interval, self._lease, MAX_ATTEMPTS))

    async def alive(self, kind: CheckKind, holder: str) -> bool:
        """See `CheckSchedule.alive`."""
        return bool(await self._database.fetch(_ALIVE, kind.value, holder))

    async def done(self, kind: CheckKind, holder: str) -> None:
        """See `CheckSchedule.done`."""
        await self._database.fetch(_DONE, kind.value, holder)


class MemoryCheckSchedule:
    """`CheckSchedule` without a database: scheduled checks run where `is_first` says so. It forgets with the process,
    so that a check runs after every start."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` in seconds."""
        self.is_first: Callable[[], bool] = lambda: True  # whether this worker has the first partition
        self._clock = clock
        self._begun: dict[CheckKind, tuple[str, float, bool]] = {}  # holder, when, is done

    async def claim(self, kind: CheckKind, holder: str, interval_seconds: float) -> bool:
        """See `CheckSchedule.claim`."""
        known = self._begun.get(kind)
        if interval_seconds and not self.is_first():
            return False
        if known is not None and (not known[2] or self._clock() - known[1] < interval_seconds):
            return False
        self._begun[kind] = holder, self._clock(), False
        return True

    async def alive(self, kind: CheckKind, holder: str) -> bool:
        """See `CheckSchedule.alive`."""
        known = self._begun.get(kind)
        return known is not None and known[0] == holder and not known[2]

    async def done(self, kind: CheckKind, holder: str) -> None:
        """See `CheckSchedule.done`."""
        known = self._begun.get(kind)
        if known is not None and known[0] == holder:
            self._begun[kind] = holder, known[1], True
