"""Who changed what."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from episode_monitor.fleet.questions.audit import AuditQuestion, FleetAuditQuestion
from episode_monitor.web.answers import read
from episode_monitor.web.context import context_of
from episode_monitor.web.parameters import MAX_ALERT_KEY, Clean, Cursor, Limit, Moment, range_ms
from episode_monitor.web.schemas import returns
from models.audit_views import AuditPage

router = APIRouter(prefix="/monitoring/episodes/audit", tags=["audit"])

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
    kind = AuditQuestion if context_of(request).audit_is_shared else FleetAuditQuestion
    question = kind(
        who=who, what=what, target=target, limit=limit, cursor=cursor, **range_ms(since, until, ("from", "to")),
    )  # fmt: skip
    return await read(request, question)
