"""Who changed what: from the database that all workers share, or from the memory of each."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from episode_monitor.fleet.errors import InvalidQuery, Unreachable
from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.question import LONG_ANSWER_SECONDS, Question, Scope
from episode_monitor.storage.audit import AuditEntry, AuditQuery
from episode_monitor.storage.database_service import DatabaseAway
from episode_monitor.storage.paging import BadQuery, encode
from models.audit_views import AuditPage, AuditRow
from models.times import rfc3339

BY_THE_MONITOR = "monitor"  # the role of a row that no request caused


class AuditPart(msgspec.Struct, frozen=True):
    """A page of one storage, newest first. `total` counts all its pages."""

    rows: list[AuditEntry]
    is_last: bool
    total: int


class AuditQuestion(Question[Any, AuditPage], frozen=True, kw_only=True):
    """A page of the rows in the database. `since_ms` is inside the range, `until_ms` is not. Raises InvalidQuery for a
    cursor that is not of this list, Unreachable without database."""

    who: str | None = None
    what: str | None = None
    target: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    limit: int = 100  # 1 ... 1000
    cursor: str | None = None

    async def answer(self, here: LocalState) -> Any:
        return self.page([await self.part(here)], "database")

    async def part(self, here: LocalState) -> AuditPart:
        """What the storage of this worker has."""
        query = AuditQuery(**{name: getattr(self, name) for name in self.__struct_fields__})
        try:
            page = await here.audit.list(query)
            return AuditPart(page.items, page.next_cursor is None, await here.audit.count(query))
        except BadQuery as error:
            raise InvalidQuery("cursor", str(error)) from error
        except DatabaseAway as error:
            raise Unreachable(str(error)) from error

    def page(self, parts: Sequence[AuditPart], kept_in: Literal["database", "memory"]) -> AuditPage:
        """One page of the pages of all."""
        rows = sorted((row for part in parts for row in part.rows), key=lambda row: (row.at_ms, row.id), reverse=True)
        shown = rows[: self.limit]
        is_last = len(shown) == len(rows) and all(part.is_last for part in parts)
        return AuditPage(
            entries=[_shown(row) for row in shown],
            next_cursor=None if is_last else encode(shown[-1].at_ms, shown[-1].id),
            total=sum(part.total for part in parts),
            kept_in=kept_in,
        )


class FleetAuditQuestion(AuditQuestion, frozen=True, kw_only=True):
    """A page of the rows that the workers have in memory."""

    scope = Scope.EVERY_OWNER
    seconds = LONG_ANSWER_SECONDS
    found = AuditPart

    async def answer(self, here: LocalState) -> AuditPart:
        return await self.part(here)

    def merge(self, parts: Sequence[AuditPart], here: LocalState) -> AuditPage:
        return self.page(parts, "memory")


def _shown(entry: AuditEntry) -> AuditRow:
    request = dict(entry.request)
    role = str(request.pop("role", BY_THE_MONITOR))
    return AuditRow(
        at=rfc3339(entry.at_ms), who=entry.who, role=role, what=entry.what, target=entry.target, result=entry.result,
        request=request,
    )  # fmt: skip
