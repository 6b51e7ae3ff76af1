"""Idempotency keys: which request a caller has sent under a key, and what it was answered. A key is taken by one
request at a time, and an answer is kept for a day.

In PostgreSQL a key is known to all workers and after a restart; in memory to one process alone.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
import structlog

from episode_monitor.storage.database import Database
from episode_monitor.storage.database_service import DatabaseAway

_log = structlog.get_logger(__name__)

KEPT_SECONDS = 24 * 3600
LEASE_SECONDS = 60  # a worker that ended meanwhile holds a key for this long
RENEWED_SECONDS = 20.0
_MOST_KEYS, _MOST_BYTES = 10_000, 32 * 1024 * 1024  # in memory; the oldest are forgotten first
_MS = 1000


class Asked(msgspec.Struct, frozen=True):
    """A request under a key. Keys are their `caller`'s own. `digest` is of method, path and body."""

    caller: str
    key: str
    digest: bytes


class Kept(msgspec.Struct, frozen=True):
    """The first answer, to be given again."""

    status: int
    headers: dict[str, str]
    body: bytes


class Taken(msgspec.Struct, frozen=True):
    """The key is now this request's; `token` ends that."""

    token: str


class InFlight(msgspec.Struct, frozen=True):
    """The first request with this key has no answer yet."""


class Reused(msgspec.Struct, frozen=True):
    """The key was used for another request."""


Found = Taken | Kept | InFlight | Reused


class IdempotencyKeys(Protocol):
    """What was asked and answered under each key."""

    async def take(self, asked: Asked) -> Found:
        """The key, if it is free; else what is known of it."""

    async def renew(self, asked: Asked, token: str) -> None:
        """The request still runs."""

    async def keep(self, asked: Asked, token: str, answer: Kept) -> None:
        """The answer, from now on the only one of this key."""

    async def release(self, asked: Asked, token: str) -> None:
        """The request had no effect: the key is free."""


class _Entry:
    def __init__(self, digest: bytes, token: str, until_ms: int, answer: Kept | None = None) -> None:
        self.digest, self.token, self.until_ms, self.answer = digest, token, until_ms, answer

    @property
    def size_bytes(self) -> int:
        return 500 + (len(self.answer.body) if self.answer else 0)


class MemoryKeys:
    """`IdempotencyKeys` of this process. `now_ms` is the wall clock."""

    def __init__(self, now_ms: Callable[[], int], most: int = _MOST_KEYS, most_bytes: int = _MOST_BYTES) -> None:
        self._now_ms, self._most, self._most_bytes = now_ms, most, most_bytes
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()
        self._size_bytes = 0

    def has(self, asked: Asked) -> bool:
        """Whether the key is in use here."""
        entry = self._entries.get((asked.caller, asked.key))
        return entry is not None and entry.until_ms > self._now_ms()

    async def take(self, asked: Asked) -> Found:
        """See `IdempotencyKeys.take`."""
        known = self._entries.get((asked.caller, asked.key))
        if known is not None and known.until_ms > self._now_ms():
            if known.digest != asked.digest:
                return Reused()
            return known.answer or InFlight()
        token = secrets.token_hex(8)
        self._put(asked, _Entry(asked.digest, token, self._now_ms() + KEPT_SECONDS * _MS))
        return Taken(token)

    async def renew(self, asked: Asked, token: str) -> None:
        """Nothing: the request ends with the process that knows of it."""

    async def keep(self, asked: Asked, token: str, answer: Kept) -> None:
        """See `IdempotencyKeys.keep`."""
        entry = self._entries.get((asked.caller, asked.key))
        if entry is not None and entry.token == token:
            self._put(asked, _Entry(entry.digest, token, entry.until_ms, answer))

    def note(self, asked: Asked, answer: Kept) -> None:
        """The answer of a request that took its key elsewhere."""
        self._put(asked, _Entry(asked.digest, "", self._now_ms() + KEPT_SECONDS * _MS, answer))

    async def release(self, asked: Asked, token: str) -> None:
        """See `IdempotencyKeys.release`."""
        entry = self._entries.get((asked.caller, asked.key))
        if entry is not None and entry.token == token and entry.answer is None:
            self._drop((asked.caller, asked.key))

    def _put(self, asked: Asked, entry: _Entry) -> None:
        self._drop((asked.caller, asked.key))
        self._entries[asked.caller, asked.key] = entry
        self._size_bytes += entry.size_bytes
        while len(self._entries) > self._most or (self._size_bytes > self._most_bytes and len(self._entries) > 1):
            self._drop(next(iter(self._entries)))

    def _drop(self, place: tuple[str, str]) -> None:
        entry = self._entries.pop(place, None)
        if entry is not None:
            self._size_bytes -= entry.size_bytes


_OF_KEY = "monitor_id = $1 and caller = $2 and key = $3"
# A key whose request ended with its worker is free again after its lease, for the same request alone. The statement is
# one, so of two workers that ask at once one gets the key. The server's clock decides for all.
_TAKE = f"""
insert into episode_monitor.idempotency_keys as kept
    (monitor_id, caller, key, digest, token, leased_until, expires_at)
values ($1, $2, $3, $4, $5, now() + interval '{LEASE_SECONDS} s', now() + interval '{KEPT_SECONDS} s')
on conflict (monitor_id, caller, key) do update
set digest = excluded.digest, token = excluded.token, leased_until = excluded.leased_until,
    expires_at = excluded.expires_at, status = null, headers = null, body = null
where kept.expires_at <= now()
   or (kept.status is null and kept.leased_until <= now() and kept.digest = excluded.digest)
returning 1
"""
_LOOK = f"select digest, status, headers, body from episode_monitor.idempotency_keys where {_OF_KEY}"
_RENEW = f"""
update episode_monitor.idempotency_keys set leased_until = now() + interval '{LEASE_SECONDS} s'
where {_OF_KEY} and token = $4 and status is null returning 1
"""
_KEEP = f"""
update episode_monitor.idempotency_keys set status = $5, headers = $6, body = $7
where {_OF_KEY} and token = $4 returning 1
"""
_RELEASE = f"delete from episode_monitor.idempotency_keys where {_OF_KEY} and token = $4 and status is null returning 1"


class PostgresKeys:
    """`IdempotencyKeys` on a `Database`. While PostgreSQL is away, this process remembers by itself, so that changes
    remain possible; what it has taken then stays with it."""

    def __init__(self, database: Database, monitor_id: str, meanwhile: MemoryKeys) -> None:
        self._database, self._monitor_id, self._meanwhile = database, monitor_id, meanwhile

    async def take(self, asked: Asked) -> Found:
        """See `IdempotencyKeys.take`."""
        if self._meanwhile.has(asked):
            return await self._meanwhile.take(asked)
        token = secrets.token_hex(8)
        try:
            if await self._database.fetch(_TAKE, *self._key(asked), asked.digest, token):
                return Taken(token)
            rows = await self._database.fetch(_LOOK, *self._key(asked))
        except DatabaseAway as away:
            _log.warning("an idempotency key is known to this worker alone: the database is away", reason=str(away))
            return await self._meanwhile.take(asked)
        return _found(asked, *rows)

    async def renew(self, asked: Asked, token: str) -> None:
        """See `IdempotencyKeys.renew`."""
        await self._written(_RENEW, asked, token)

    async def keep(self, asked: Asked, token: str, answer: Kept) -> None:
        """See `IdempotencyKeys.keep`."""
        if self._meanwhile.has(asked):
            await self._meanwhile.keep(asked, token, answer)
            return
        headers = msgspec.json.encode(answer.headers).decode()
        if not await self._written(_KEEP, asked, token, answer.status, headers, answer.body):
            self._meanwhile.note(asked, answer)  # better known to one worker than to none

    async def release(self, asked: Asked, token: str) -> None:
        """See `IdempotencyKeys.release`."""
        if self._meanwhile.has(asked):
            await self._meanwhile.release(asked, token)
        else:
            await self._written(_RELEASE, asked, token)

    async def _written(self, statement: str, asked: Asked, *values: object) -> bool:
        try:
            await self._database.fetch(statement, *self._key(asked), *values)
        except DatabaseAway:
            return False
        return True

    def _key(self, asked: Asked) -> tuple[str, str, str]:
        return self._monitor_id, asked.caller, asked.key


def _found(asked: Asked, row: Any = None) -> Found:
    """Of a key that is not free; None: it was released a moment ago."""
    if row is None or (row["digest"] == asked.digest and row["status"] is None):
        return InFlight()
    if row["digest"] != asked.digest:
        return Reused()
    return Kept(row["status"], msgspec.json.decode(row["headers"], type=dict[str, str]), row["body"])
