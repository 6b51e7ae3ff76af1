"""The audit in PostgreSQL. A row that has to wait for the server is in the log at once: nothing is lost silently."""

from collections.abc import Sequence
from typing import Any

import structlog

from episode_monitor.storage import cursors
from episode_monitor.storage.database import Database
from episode_monitor.storage.records import AuditEntry, AuditQuery, Page, Stored
from episode_monitor.storage.rows import Conditions, moment, packed, page, unpacked
from episode_monitor.storage.shapes import audit_entry_of
from episode_monitor.storage.write_behind import Connection, LaneLimits, WriteBehind
from models.times import epoch_ms

_log = structlog.get_logger(__name__)

_INSERT = """
insert into episode_monitor.audit (id, who, what, target, request, result, at) values ($1, $2, $3, $4, $5, $6, $7)
on conflict do nothing
"""
_LOGGED_CHARACTERS = 2000  # of a request; the table holds all of it


class PostgresAuditLog:
    """`AuditLog` on a `Database`."""

    def __init__(self, database: Database, limits: LaneLimits | None = None) -> None:
        self._database = database
        self._lane = database.add_lane(WriteBehind("audit", _write, limits, on_lost=_log_lost))

    async def append(self, entry: AuditEntry) -> Stored:
        """See `AuditLog.append`."""
        row = _row(audit_entry_of(entry))
        stored = await self._database.store(self._lane, row, _size_bytes(row))
        if stored is Stored.QUEUED:
            _log_row("audit row waits for the database", row)
        return stored

    def note(self, entry: AuditEntry) -> None:
        """See `AuditLog.note`."""
        row = _row(audit_entry_of(entry))
        if not self._database.is_ok:
            _log_row("audit row waits for the database", row)
        self._database.queue(self._lane, row, _size_bytes(row))

    async def list(self, query: AuditQuery) -> Page[AuditEntry]:
        """See `AuditLog.list`."""
        limit = cursors.checked_limit(query.limit)
        conditions = Conditions()
        for column in ("who", "what", "target"):
            conditions.equal(column, getattr(query, column))
        conditions.between("at", query.since_ms, query.until_ms)
        conditions.before("(at, id)", cursors.decode(query.cursor, str))
        rows = await self._database.fetch(
            f"select id, who, what, target, request, result, at from episode_monitor.audit {conditions.where()} "
            f"order by at desc, id desc limit {conditions.argument(limit + 1)}",
            *conditions.arguments,
        )
        return page(rows, limit, _entry, at="at")


async def _write(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    await connection.executemany(_INSERT, rows)


def _row(entry: AuditEntry) -> tuple[Any, ...]:
    request = packed(entry.request)
    return (entry.id, entry.who, entry.what, entry.target, request, entry.result, moment(entry.at_ms))


def _size_bytes(row: tuple[Any, ...]) -> int:
    return 300 + sum(len(value) for value in row if isinstance(value, str))


def _entry(row: Any) -> AuditEntry:
    return AuditEntry(
        id=row["id"],
        who=row["who"],
        what=row["what"],
        target=row["target"],
        request=unpacked(row["request"]),
        result=row["result"],
        at_ms=epoch_ms(row["at"]),
    )


def _log_lost(row: tuple[Any, ...], why: str) -> None:
    _log_row("audit row is only here: it could not be stored", row, why=why)


def _log_row(event: str, row: tuple[Any, ...], **more: str) -> None:
    audit_id, who, what, target, request, result, at = row
    more["request"] = request[:_LOGGED_CHARACTERS]
    _log.warning(event, id=audit_id, who=who, what=what, target=target, result=result, at=at.isoformat(), **more)
