"""The storage without PostgreSQL: the latest rows of this process, bounded, in the same order and pages.

The delivery ledger's counterpart is `alert_sinks.ledger.MemoryLedger`.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from typing import Any, TypeVar

import msgspec
import structlog

from episode_monitor.storage import cursors
from episode_monitor.storage.protocols import UnknownCheck
from episode_monitor.storage.records import (
    AuditEntry,
    AuditQuery,
    CheckKind,
    CheckQuery,
    CheckResult,
    CheckState,
    HistoryQuery,
    Page,
    Stored,
    Transition,
)
from episode_monitor.storage.shapes import (
    abandoned_result,
    audit_entry_of,
    begun_check,
    ended,
    moved_on,
    transition_of,
)
from episode_monitor.storage.text import storable
from models.alert import Alert

Item = TypeVar("Item")
Key = TypeVar("Key", int, str)

_log = structlog.get_logger(__name__)


class NullDatabase:
    """Stands where `Database` would when no address is set."""

    async def connect(self) -> None:
        """Says once what is missing."""
        _log.warning("MONITOR_DATABASE_URL is not set: history and ledger live only as long as the topics")

    async def close(self) -> None:
        """Nothing to end."""

    def status(self) -> str:
        """Always `ok`: doing without is a choice, not a trouble."""
        return "ok"

    def losses(self) -> str:
        """Nothing is ever refused."""
        return ""

    def counters(self) -> dict[str, int]:
        """Nothing ever waits."""
        return {}


class MemoryAlertHistory:
    """`AlertHistory` of the `limit` newest transitions. It begins empty: every worker fills it from the topic."""

    def __init__(self, limit: int = 10_000) -> None:
        self.newest_only: int | None = limit
        self._limit = limit
        self._kept: dict[tuple[str, str, int], tuple[int, Transition]] = {}
        self._oldest_first: list[tuple[int, int, tuple[str, str, int]]] = []  # a heap; partitions come one by one
        self._drawn = 0
        self._offsets: dict[int, int] = {}

    async def append(
        self, alert: Alert, partition: int, offset: int, *, by: str | None = None, comment: str | None = None
    ) -> Stored:
        """See `AlertHistory.append`."""
        transition = transition_of(alert, partition, offset, by, comment)
        identity = (transition.transition_id, transition.reason, transition.at_ms)
        self._offsets[partition] = offset
        if identity not in self._kept:
            self._drawn += 1
            self._kept[identity] = (self._drawn, transition)
            heappush(self._oldest_first, (transition.at_ms, self._drawn, identity))
            if len(self._kept) > self._limit:
                del self._kept[heappop(self._oldest_first)[2]]
        return Stored.WRITTEN

    async def list(self, query: HistoryQuery) -> Page[Transition]:
        """See `AlertHistory.list`."""
        wanted = _wanted(query, "project_id", "alert_key", "rule_id", "severity", "status")
        rows = ((row.at_ms, drawn, row) for drawn, row in self._kept.values() if wanted(row) and _within(query, row))
        return _page(rows, query.limit, cursors.decode(query.cursor, int))

    async def last_offsets(self) -> dict[int, int]:
        """See `AlertHistory.last_offsets`."""
        return dict(self._offsets)

    def behind(self) -> dict[int, int]:
        """Never behind."""
        return {}


class MemoryCheckResults:
    """`CheckResults` of the latest `limit` checks."""

    def __init__(self, limit: int = 200) -> None:
        self._limit = limit
        self._checks: OrderedDict[str, CheckResult] = OrderedDict()

    async def create(self, kind: CheckKind, requested_by: str, at_ms: int) -> CheckResult:
        """See `CheckResults.create`."""
        return self.keep(begun_check(kind, requested_by, at_ms))

    async def progress(self, check_id: str, done: int, total: int | None, at_ms: int) -> CheckResult:
        """See `CheckResults.progress`."""
        return self.keep(moved_on(await self.get(check_id), done, total, at_ms))

    async def finish(self, check_id: str, state: CheckState, result: dict[str, Any], at_ms: int) -> CheckResult:
        """See `CheckResults.finish`."""
        return self.keep(ended(await self.get(check_id), state, result, at_ms))

    async def get(self, check_id: str) -> CheckResult:
        """See `CheckResults.get`."""
        if check_id not in self._checks:
            raise UnknownCheck(check_id)
        return self._checks[check_id]

    async def list(self, query: CheckQuery) -> Page[CheckResult]:
        """See `CheckResults.list`."""
        wanted = _wanted(query, "kind", "state")
        rows = ((check.started_at_ms, check.id, check) for check in self._checks.values() if wanted(check))
        return _page(rows, query.limit, cursors.decode(query.cursor, str))

    async def abandon(self, silent_since_ms: int, at_ms: int) -> int:
        """See `CheckResults.abandon`."""
        running = [check for check in self._checks.values() if check.state is CheckState.RUNNING]
        silent = [check for check in running if check.updated_at_ms < silent_since_ms]
        for check in silent:
            self.keep(ended(check, CheckState.FAILED, abandoned_result(), at_ms))
        return len(silent)

    def keep(self, check: CheckResult) -> CheckResult:
        """Remembers the check as it is now."""
        self._checks[check.id] = check
        if len(self._checks) > self._limit:
            self._checks.popitem(last=False)
        return check

    def forget(self, check_id: str) -> None:
        """Remembers it no more."""
        self._checks.pop(check_id, None)


class MemoryAuditLog:
    """`AuditLog` of the latest `limit` rows; every row is in the log as well, which outlives this process."""

    def __init__(self, limit: int = 10_000) -> None:
        self._entries: deque[AuditEntry] = deque(maxlen=limit)

    async def append(self, entry: AuditEntry) -> Stored:
        """See `AuditLog.append`."""
        self.note(entry)
        return Stored.WRITTEN

    def note(self, entry: AuditEntry) -> None:
        """See `AuditLog.note`."""
        entry = audit_entry_of(entry)
        self._entries.append(entry)
        _log.info("audit", **msgspec.structs.asdict(entry))

    async def list(self, query: AuditQuery) -> Page[AuditEntry]:
        """See `AuditLog.list`."""
        wanted = _wanted(query, "who", "what", "target")
        rows = ((row.at_ms, row.id, row) for row in self._entries if wanted(row) and _within(query, row))
        return _page(rows, query.limit, cursors.decode(query.cursor, str))


def _wanted(query: object, *fields: str) -> Callable[[object], bool]:
    """Whether a row has the values that the query names."""
    named = {field: getattr(query, field) for field in fields if getattr(query, field) is not None}
    values = {field: storable(value) if isinstance(value, str) else value for field, value in named.items()}
    return lambda row: all(getattr(row, field) == value for field, value in values.items())


def _within(query: HistoryQuery | AuditQuery, row: Transition | AuditEntry) -> bool:
    after = query.since_ms is None or row.at_ms >= query.since_ms
    return after and (query.until_ms is None or row.at_ms < query.until_ms)


def _page(rows: Iterable[tuple[int, Key, Item]], limit: int, after: tuple[int, Key] | None) -> Page[Item]:
    cursors.checked_limit(limit)
    left = [row for row in rows if after is None or row[:2] < after]
    left.sort(key=lambda row: row[:2], reverse=True)
    last = left[limit - 1] if len(left) > limit else None
    next_cursor = None if last is None else cursors.encode(last[0], last[1])
    return Page(items=[row[2] for row in left[:limit]], next_cursor=next_cursor)
