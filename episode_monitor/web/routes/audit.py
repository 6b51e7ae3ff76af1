"""Who changed what."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from episode_monitor.fleet.questions.audit import AuditQuestion, FleetAuditQuestion
from episode_monitor.storage.paging import MAX_PAGE_ROWS
from episode_monitor.web.answers import read
from episode_monitor.web.context import context_of
from episode_monitor.web.exports import EXPORTED, ExportFormat, Listed, export
from episode_monitor.web.parameters import MAX_ALERT_KEY, Clean, Cursor, Limit, Moment, range_ms
from episode_monitor.web.schemas import returns
from models.audit_views import AuditPage

router = APIRouter(prefix="/monitoring/episodes/audit", tags=["audit"])

_COLUMNS = ("at", "who", "role", "what", "target", "result", "request")

Who = Annotated[str | None, Query(max_length=200, description="Only changes by this name."), Clean]
What = Annotated[str | None, Query(max_length=128, description="Only this kind, such as `alert.resolve`."), Clean]
Target = Annotated[
    str | None,
    Query(max_length=MAX_ALERT_KEY, description="Only changes of this alert key, project, plan, …"),
    Clean,
]
From = Annotated[Moment | None, Query(alias="from", description="RFC 3339 with offset; at or after this time.")]
To = Annotated[Moment | None, Query(alias="to", description="RFC 3339 with offset; before this time.")]


@router.get("", responses=returns(AuditPage))
async def audit(
    request: Request,
    who: Who = None,
    what: What = None,
    target: Target = None,
    since: From = None,
    until: To = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Every mutation with its result, newest first.

    Without MONITOR_DATABASE_URL the entries are those in the memory of the workers that own partitions now.
    """
    question = _kept(request)(
        who=who, what=what, target=target, limit=limit, cursor=cursor, **range_ms(since, until, ("from", "to")),
    )  # fmt: skip
    return await read(request, question)


@router.get("/export", responses=EXPORTED)
async def export_audit(
    request: Request,
    kind: ExportFormat = "csv",
    who: Who = None,
    what: What = None,
    target: Target = None,
    since: From = None,
    until: To = None,
) -> Response:
    """All mutations of such a list as a file."""

    def read_page(page: AuditPage) -> Listed:
        return Listed([msgspec.to_builtins(row) for row in page.entries], page.next_cursor)

    question = _kept(request)(
        who=who, what=what, target=target, limit=MAX_PAGE_ROWS, cursor=None, **range_ms(since, until, ("from", "to")),
    )  # fmt: skip
    return await export(request, kind, "audit", _COLUMNS, question, read_page)


def _kept(request: Request) -> type[AuditQuestion]:
    return AuditQuestion if context_of(request).audit_is_shared else FleetAuditQuestion
