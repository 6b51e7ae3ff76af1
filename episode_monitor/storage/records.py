"""The rows of the monitor's own tables as the rest of the monitor sees them. Times are epoch milliseconds."""

import itertools
import secrets
from enum import Enum
from typing import Any, Generic, TypeVar

import msgspec

MAX_PAGE_ROWS = 500  # a page of history is some hundred kilobytes then
DEFAULT_PAGE_ROWS = 100

Item = TypeVar("Item")
_drawn = itertools.count()


class Stored(Enum):
    """What became of a write."""

    WRITTEN = "written"  # it is in the table
    QUEUED = "queued"  # PostgreSQL is away; it waits in memory and is written later
    LEFT_TO_CATCH_UP = "left to catch-up"  # history only: memory is full, the topic still has it
    REFUSED = "refused"  # PostgreSQL cannot hold this row, or memory was full; it was logged


class Page(msgspec.Struct, Generic[Item], frozen=True, kw_only=True):
    """Rows, newest first. `next_cursor` is null on the last page."""

    items: list[Item]
    next_cursor: str | None


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """One transition of one alert. `alert` is the alert's JSON object; `acted_by` the person, where a person did it."""

    transition_id: str
    alert_id: str
    alert_key: str
    project_id: str
    rule_id: str
    severity: str
    status: str
    escalation_level: int
    reason: str
    at_ms: int
    kafka_partition: int
    kafka_offset: int
    acted_by: str | None
    comment: str | None
    alert: dict[str, Any]


class HistoryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which transitions; every condition given must hold. `since_ms` is included, `until_ms` is not."""

    project_id: str | None = None
    alert_key: str | None = None
    rule_id: str | None = None
    severity: str | None = None
    status: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    limit: int = DEFAULT_PAGE_ROWS
    cursor: str | None = None


class CheckKind(Enum):
    """The two integrity checks."""

    BASIC = "basic"
    DEEP = "deep"


class CheckState(Enum):
    """Where a check stands. Only a running one changes."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a check. Progress counts projects; `progress_total` is null until it is known."""

    id: str
    kind: CheckKind
    state: CheckState
    started_at_ms: int
    finished_at_ms: int | None = None
    updated_at_ms: int
    progress_done: int = 0
    progress_total: int | None = None
    result: dict[str, Any] | None = None
    requested_by: str


class CheckQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which checks; every condition given must hold."""

    kind: CheckKind | None = None
    state: CheckState | None = None
    limit: int = DEFAULT_PAGE_ROWS
    cursor: str | None = None


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who changed what, when and with which result. `id` is drawn when it is empty."""

    who: str
    what: str  # the kind of mutation: "alert.resolve", "repair.apply", …
    target: str  # what it was done to: an alert key, a project, a plan
    result: str  # what came of it, in a word or a sentence
    at_ms: int
    request: dict[str, Any] = {}
    id: str = ""


class AuditQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which audit rows; every condition given must hold. `since_ms` is included, `until_ms` is not."""

    who: str | None = None
    what: str | None = None
    target: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    limit: int = DEFAULT_PAGE_ROWS
    cursor: str | None = None


def new_id(at_ms: int) -> str:
    """An id nobody else draws; ids sort by time, those of one process also by the order they were drawn in."""
    return f"{max(at_ms, 0):012x}{next(_drawn) & 0xFFFFFF:06x}{secrets.token_hex(7)}"
