"""The audit: who changed what. Of this process, or in PostgreSQL.

A row that has to wait for the server is in the log at once: nothing is lost silently.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import msgspec
import structlog

from episode_monitor.storage.database import Database
from episode_monitor.storage.listing import RangeQuery, conditions_of, counted, listed
from episode_monitor.storage.paging import (
    Page,
    decode,
    page_of,
    wanted,
    within,
)
from episode_monitor.storage.rows import insert_of, moment, new_id, packed, unpacked
from episode_monitor.storage.text import storable, storable_object
from episode_monitor.storage.write_behind import Connection, LaneLimits, WriteBehind
from models.times import epoch_ms

_log = structlog.get_logger(__name__)

_COLUMNS = ("id", "who", "what", "target", "request", "result", "at")
_FILTERS = ("who", "what", "target")
_SOURCE = f"{', '.join(_COLUMNS)} from episode_monitor.audit"
_INSERT = insert_of("audit", _COLUMNS, "on conflict do nothing")
_LOGGED_CHARACTERS = 2000  # of a request; the table holds all of it


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who changed what, when and with which result. `id` is drawn when it is empty."""

    who: str
    what: str  # the kind of mutation: "alert.resolve", "repair.apply", …
    target: str  # what it was done to: an alert key, a project, a plan
    result: str  # what came of it, in a word or a sentence
    at_ms: int
    request: dict[str, Any] = {}
    id: str = ""


class AuditQuery(RangeQuery, frozen=True, kw_only=True):
    """Which audit rows; every condition given must hold. `since_ms` is included, `until_ms` is not."""

    who: str | None = None
    what: str | None = None
    target: str | None = None


class AuditLog(Protocol):
    """Who changed what. Rows are only ever added."""

    def note(self, entry: AuditEntry) -> None:
        """Adds a row without waiting for it. While PostgreSQL is away it is also logged at once, so that it cannot be
        lost silently."""

    async def list(self, query: AuditQuery) -> Page[AuditEntry]:
        """A page, newest first. Raises `DatabaseAway`, `BadQuery`."""

    async def count(self, query: AuditQuery) -> int:
        """How many rows all its pages have. Raises `DatabaseAway`."""


def audit_entry_of(entry: AuditEntry) -> AuditEntry:
    """The entry as it is kept, with an id of its own."""
    texts = {name: storable(getattr(entry, name)) for name in ("who", "what", "target", "result")}
    kept_id = entry.id or new_id(entry.at_ms)
    return msgspec.structs.replace(entry, id=kept_id, request=storable_object(entry.request), **texts)


class MemoryAuditLog:
    """`AuditLog` of the latest `limit` rows; every row is in the log as well, which outlives this process."""

    def __init__(self, limit: int = 10_000) -> None:
        self._entries: deque[AuditEntry] = deque(maxlen=limit)

    def note(self, entry: AuditEntry) -> None:
        """See `AuditLog.note`."""
        entry = audit_entry_of(entry)
        self._entries.append(entry)
        _log.info("audit", **msgspec.structs.asdict(entry))

    async def list(self, query: AuditQuery) -> Page[AuditEntry]:
        """See `AuditLog.list`."""
        rows = ((row.at_ms, row.id, row) for row in self._wanted(query))
        return page_of(rows, query.limit, decode(query.cursor, str))

    async def count(self, query: AuditQuery) -> int:
        """See `AuditLog.count`."""
        return sum(1 for _ in self._wanted(query))

    def _wanted(self, query: AuditQuery) -> Iterator[AuditEntry]:
        is_wanted = wanted(query, *_FILTERS)
        return (row for row in self._entries if is_wanted(row) and within(query, row))


class PostgresAuditLog:
    """`AuditLog` on a `Database`."""

    def __init__(self, database: Database, limits: LaneLimits | None = None) -> None:
        self._database = database
        self._lane = database.add_lane(WriteBehind("audit", _write, limits, on_lost=_log_lost))

    def note(self, entry: AuditEntry) -> None:
        """See `AuditLog.note`."""
        row = _row(audit_entry_of(entry))
        if not self._database.is_ok:
            _log_row("audit row waits for the database", row)
        self._database.queue(self._lane, row, _size_bytes(row))

    async def list(self, query: AuditQuery) -> Page[AuditEntry]:
        """See `AuditLog.list`."""
        return await listed(self._database, _SOURCE, conditions_of(query, _FILTERS), query, str, _entry)

    async def count(self, query: AuditQuery) -> int:
        """See `AuditLog.count`."""
        return await counted(self._database, "episode_monitor.audit", conditions_of(query, _FILTERS))


async def _write(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    await connection.executemany(_INSERT, rows)


def _row(entry: AuditEntry) -> tuple[Any, ...]:
    values = msgspec.structs.asdict(entry) | {"request": packed(entry.request), "at": moment(entry.at_ms)}
    return tuple(values[column] for column in _COLUMNS)


def _size_bytes(row: tuple[Any, ...]) -> int:
    return 300 + sum(len(value) for value in row if isinstance(value, str))


def _entry(row: Any) -> AuditEntry:
    values = {column: row[column] for column in _COLUMNS}
    return AuditEntry(request=unpacked(values.pop("request")), at_ms=epoch_ms(values.pop("at")), **values)


def _log_lost(row: tuple[Any, ...], why: str) -> None:
    _log_row("audit row could not be stored; this log line is the only copy", row, why=why)


def _log_row(event: str, row: tuple[Any, ...], **more: str) -> None:
    audit_id, who, what, target, request, result, at = row
    more["request"] = request[:_LOGGED_CHARACTERS]
    _log.warning(event, id=audit_id, who=who, what=what, target=target, result=result, at=at.isoformat(), **more)
