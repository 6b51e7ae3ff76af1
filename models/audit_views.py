"""What the monitor answers about who changed what. Times are RFC 3339 in UTC."""

from typing import Any, Literal

import msgspec


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """One mutation. `role` is the caller's: operator, loopback, or monitor for what the monitor did by itself."""

    at: str
    who: str
    role: str
    what: str  # the kind of mutation: alert.resolve, repair.apply, …
    target: str  # what it changed: an alert key, a project, a plan
    result: str  # done, or the code of the error
    request: dict[str, Any]


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the audit, newest first. `next_cursor` is null on the last page; `total` counts all pages.

    `kept_in` is `memory` where MONITOR_DATABASE_URL is not set: then the rows are those of the workers that run now.
    """

    entries: list[AuditRow]
    next_cursor: str | None
    total: int
    kept_in: Literal["database", "memory"]
