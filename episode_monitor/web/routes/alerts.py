"""Alerts: what is active, what was, and what a person does about one."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from episode_monitor.fleet.acts.alert import ActOnAlert
from episode_monitor.fleet.questions.active_alerts import ActiveAlertsQuestion
from episode_monitor.fleet.questions.alert_history import AlertHistoryQuestion, TransitionStatus
from episode_monitor.web.answers import answer, done, read
from episode_monitor.web.context import context_of
from episode_monitor.web.mutations import AlertActionBody, audited, read_body
from episode_monitor.web.parameters import (
    MAX_ALERT_KEY,
    AlertKeyPath,
    Clean,
    Cursor,
    Limit,
    Moment,
    OptionalProject,
    range_ms,
)
from episode_monitor.web.schemas import ActiveAlerts, returns, takes
from episode_monitor.web.security import caller_of
from models.alert import Alert
from models.process_views import AlertHistoryPage
from streams.project.alert_actions import ActionKind

router = APIRouter(prefix="/monitoring/episodes/alerts", tags=["alerts"])

_ACTED = returns(Alert, problems=(400, 404, 409, 503), mutation=True)
_BODY = takes(AlertActionBody, required=False)

RuleId = Annotated[str | None, Query(max_length=128, description="Only this rule."), Clean]
AlertKey = Annotated[str | None, Query(max_length=MAX_ALERT_KEY, description="Only this alert."), Clean]
Status = Annotated[TransitionStatus | None, Query(description="Only transitions to this status.")]
Since = Annotated[Moment | None, Query(description="RFC 3339 with offset; at or after this time.")]
Until = Annotated[Moment | None, Query(description="RFC 3339 with offset; before this time.")]


@router.get("/active", responses=returns(ActiveAlerts))
async def active_alerts(request: Request) -> Response:
    """All pending and firing alerts of the fleet, the most severe first."""

    async def listed() -> dict[str, Any]:
        alerts = await context_of(request).fleet.ask(ActiveAlertsQuestion())
        return {"alerts": [alert.to_dict() for alert in alerts], "total": len(alerts)}

    return await answer(request, listed, follows_version=True)


@router.get("/history", responses=returns(AlertHistoryPage))
async def alert_history(
    request: Request,
    project_id: OptionalProject = None,
    rule_id: RuleId = None,
    alert_key: AlertKey = None,
    status: Status = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """All alert transitions with their reasons, newest first."""
    question = AlertHistoryQuestion(
        project_id=project_id,
        rule_id=rule_id,
        alert_key=alert_key,
        status=status,
        limit=limit,
        cursor=cursor,
        **range_ms(since, until, ("since", "until")),
    )
    return await read(request, question)


@router.post("/{alert_key:path}/resolve", responses=_ACTED, openapi_extra=_BODY)
async def resolve_alert(request: Request, alert_key: AlertKeyPath) -> Response:
    """Resolve the alert manually; it fires again when its condition is met again."""
    return await _act(request, alert_key, ActionKind.RESOLVE)


@router.post("/{alert_key:path}/acknowledge", responses=_ACTED, openapi_extra=_BODY)
async def acknowledge_alert(request: Request, alert_key: AlertKeyPath) -> Response:
    """Acknowledge the alert, which stops its escalation."""
    return await _act(request, alert_key, ActionKind.ACKNOWLEDGE)


@router.post("/{alert_key:path}/silence", responses=_ACTED, openapi_extra=_BODY)
async def silence_alert(request: Request, alert_key: AlertKeyPath) -> Response:
    """Suppress deliveries of the alert for `minutes`; it stays visible here."""
    return await _act(request, alert_key, ActionKind.SILENCE)


async def _act(request: Request, alert_key: str, kind: ActionKind) -> Response:
    body = await read_body(request, AlertActionBody)
    by = body.by or caller_of(request).role
    minutes = body.minutes if kind is ActionKind.SILENCE else None
    act = ActOnAlert(alert_key=alert_key, kind=kind, by=by, comment=body.comment, minutes=minutes)
    details = {"comment": body.comment} | ({} if minutes is None else {"minutes": minutes})
    with audited(request, by=by, action=f"alert.{kind.value}", target=alert_key, details=details):
        alert = await context_of(request).fleet.ask(act)
    return done(alert.to_dict())
