"""Alerts: what is active, what was, and what a person does about one."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from alert_sinks.texts.catalogue import Language
from alert_sinks.texts.languages import texts_of
from alert_sinks.texts.translation import translated
from episode_monitor.fleet.errors import UNKNOWN_ALERT
from episode_monitor.fleet.questions.alert_history import AlertHistoryQuestion, TransitionStatus
from episode_monitor.fleet.questions.alert_statistics import alert_statistics_of
from episode_monitor.storage.alert_deliveries import CountQuery
from episode_monitor.storage.paging import FIRST_MS, MAX_PAGE_ROWS
from episode_monitor.web.alert_desk import AlertAct, AlertActKind
from episode_monitor.web.answers import answer, done, read
from episode_monitor.web.context import alert_desk_of, context_of
from episode_monitor.web.exports import EXPORTED, ExportFormat, Listed, export
from episode_monitor.web.mutations import AlertActionBody, audited, read_body
from episode_monitor.web.parameters import (
    MAX_ALERT_KEY,
    AlertKeyPath,
    Clean,
    Cursor,
    InLanguage,
    Limit,
    Moment,
    OptionalProject,
    range_ms,
)
from episode_monitor.web.problems import Problem, invalid
from episode_monitor.web.schemas import ActiveAlerts, returns, takes
from episode_monitor.web.security import actor_of
from models.alert import Alert
from models.alert_statistics import AlertStatistics
from models.alert_views import AlertDetails
from models.process_views import AlertHistoryPage
from models.times import epoch_ms

router = APIRouter(prefix="/monitoring/episodes/alerts", tags=["alerts"])

_ACTED = returns(Alert, problems=(400, 404, 409, 503), mutation=True)
_BODY = takes(AlertActionBody, required=False)
DEFAULT_SILENCE_MINUTES = 60
STATISTICS_DAYS = 30
DAY_MS = 86_400_000

_COLUMNS = (
    "at", "alert_key", "status", "reason", "by", "comment", "severity", "alert_type", "project_id", "title", "value",
    "threshold", "window_minutes", "sample_size", "starts_at", "ends_at", "escalation_level", "alert_id",
    "transition_id",
)  # fmt: skip

RuleId = Annotated[str | None, Query(max_length=128, description="Only this rule."), Clean]
AlertKey = Annotated[str | None, Query(max_length=MAX_ALERT_KEY, description="Only this alert."), Clean]
Status = Annotated[TransitionStatus | None, Query(description="Only transitions to this status.")]
Since = Annotated[Moment | None, Query(description="RFC 3339 with offset; at or after this time.")]
Until = Annotated[Moment | None, Query(description="RFC 3339 with offset; before this time.")]
From = Annotated[
    Moment | None,
    Query(alias="from", description="RFC 3339 with offset; firings that began then or later. Default: 30 days before."),
]
To = Annotated[
    Moment | None, Query(alias="to", description="RFC 3339 with offset; firings that began before it. Default: now.")
]


@router.get("/active", responses=returns(ActiveAlerts))
async def active_alerts(
    request: Request, limit: Limit = 1000, cursor: Cursor = None, language: InLanguage = Language.EN
) -> Response:
    """All pending and firing alerts of the fleet, the most severe first, silenced ones too."""

    async def listed() -> dict[str, Any]:
        page = await alert_desk_of(request).active(limit, cursor)
        return {
            "alerts": await context_of(request).listed_alerts.encoded(page.alerts, language),
            "total": page.total,
            "next_cursor": page.next_cursor,
            "values_are_current": page.values_are_current,
        }

    return await answer(request, listed, follows_version=False)


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


@router.get("/history/export", responses=EXPORTED)
async def export_alert_history(
    request: Request,
    kind: ExportFormat = "csv",
    project_id: OptionalProject = None,
    rule_id: RuleId = None,
    alert_key: AlertKey = None,
    status: Status = None,
    since: Since = None,
    until: Until = None,
) -> Response:
    """All transitions of such a list as a file; in CSV the alert's own fields are columns."""

    def read_page(page: AlertHistoryPage) -> Listed:
        rows = [msgspec.to_builtins(step) for step in page.transitions]
        return Listed(rows if kind == "json" else [row["alert"] | row for row in rows], page.next_cursor)

    question = AlertHistoryQuestion(
        project_id=project_id, rule_id=rule_id, alert_key=alert_key, status=status, limit=MAX_PAGE_ROWS, cursor=None,
        **range_ms(since, until, ("since", "until")),
    )  # fmt: skip
    return await export(request, kind, "alert-history", _COLUMNS, question, read_page)


@router.get("/statistics", responses=returns(AlertStatistics))
async def alert_statistics(
    request: Request, since: From = None, until: To = None, rule_id: RuleId = None, project_id: OptionalProject = None
) -> Response:
    """By rule: how often alerts fired in a range, how soon people acknowledged them, and how long they lasted."""
    until_ms = context_of(request).now_ms() if until is None else epoch_ms(until)
    since_ms = max(FIRST_MS, until_ms - STATISTICS_DAYS * DAY_MS) if since is None else epoch_ms(since)
    if since_ms > until_ms:
        raise invalid("from", "must not be later than to")
    asked = CountQuery(since_ms=since_ms, until_ms=until_ms, rule_id=rule_id, project_id=project_id)

    async def counted() -> AlertStatistics:
        return await alert_statistics_of(context_of(request).fleet, asked)

    return await answer(request, counted)


@router.get("/{alert_key}", responses=returns(AlertDetails, problems=(404, 503)))
async def alert_details(request: Request, alert_key: AlertKeyPath, language: InLanguage = Language.EN) -> Response:
    """One alert: what happened, who was notified, who was not and why, and what happens next."""

    async def found() -> dict[str, Any]:
        details = await alert_desk_of(request).details(alert_key)
        if details is None:
            raise Problem(404, UNKNOWN_ALERT.code, UNKNOWN_ALERT.detail)
        return translated(details, texts_of(language)).to_dict()

    return await answer(request, found)


@router.post("/{alert_key:path}/resolve", responses=_ACTED, openapi_extra=_BODY)
async def resolve_alert(request: Request, alert_key: AlertKeyPath) -> Response:
    """Resolve the alert manually; it fires again when its condition is met again."""
    return await _act(request, alert_key, AlertActKind.RESOLVE)


@router.post("/{alert_key:path}/acknowledge", responses=_ACTED, openapi_extra=_BODY)
async def acknowledge_alert(request: Request, alert_key: AlertKeyPath) -> Response:
    """Acknowledge the alert, which stops its escalation; with `minutes` until then.

    It replaces an acknowledgement of another person, who is in `annotations.acknowledged_before_by` of the answer; both
    stay in the timeline.
    """
    return await _act(request, alert_key, AlertActKind.ACKNOWLEDGE)


@router.post("/{alert_key:path}/unacknowledge", responses=_ACTED, openapi_extra=_BODY)
async def unacknowledge_alert(request: Request, alert_key: AlertKeyPath) -> Response:
    """Take the acknowledgement back: escalation begins anew."""
    return await _act(request, alert_key, AlertActKind.UNACKNOWLEDGE)


@router.post("/{alert_key:path}/silence", responses=_ACTED, openapi_extra=_BODY)
async def silence_alert(request: Request, alert_key: AlertKeyPath) -> Response:
    """Suppress deliveries of the alert for `minutes`; it stays visible here."""
    return await _act(request, alert_key, AlertActKind.SILENCE)


async def _act(request: Request, alert_key: str, kind: AlertActKind) -> Response:
    body = await read_body(request, AlertActionBody)
    by = actor_of(request, body.by)
    act = AlertAct(alert_key=alert_key, kind=kind, by=by, comment=body.comment, minutes=_minutes(kind, body))
    details = {"comment": body.comment} | ({} if act.minutes is None else {"minutes": act.minutes})
    with audited(request, by=by, action=f"alert.{kind.value}", target=alert_key, details=details):
        alert = await alert_desk_of(request).perform(act)
    return done(alert.to_dict())


def _minutes(kind: AlertActKind, body: AlertActionBody) -> int | None:
    if kind is AlertActKind.SILENCE:
        return body.minutes or DEFAULT_SILENCE_MINUTES
    return (body.minutes or None) if kind is AlertActKind.ACKNOWLEDGE else None
