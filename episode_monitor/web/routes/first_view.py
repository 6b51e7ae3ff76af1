"""What the dashboard draws before it has all alerts. Its own: no part of the documented interface."""

import asyncio
import heapq
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from alert_sinks.texts.catalogue import Language
from alert_sinks.texts.languages import texts_of
from alert_sinks.texts.translation import translated
from episode_monitor.fleet.questions.project_list import ProjectListQuestion
from episode_monitor.web.alert_desk import ActivePage
from episode_monitor.web.answers import answer
from episode_monitor.web.context import alert_desk_of, context_of
from episode_monitor.web.parameters import InLanguage
from models.alert import AlertStatus, Severity
from models.alert_views import ActiveAlert
from models.integrity_views import ProjectPage

router = APIRouter(include_in_schema=False)

MOST_ALERTS = 1000  # as many as the page itself asks for, so that both count the same
MOST_SHOWN = 12  # `MOST` of dashboard/src/logic/attention.ts
MOST_PROJECTS = 20  # of dashboard/src/logic/overview.ts

_RANKS = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}


@router.get("/monitoring/episodes/first-view")
async def first_view(request: Request, language: InLanguage = Language.EN) -> Response:
    """The alerts that wait for a person, worst first, with counts of all; and the projects with problems."""

    async def found() -> dict[str, Any]:
        listed = ProjectListQuestion(status="unhealthy", limit=MOST_PROJECTS)
        page, projects = await asyncio.gather(
            alert_desk_of(request).active(MOST_ALERTS, None), context_of(request).fleet.ask(listed)
        )
        return {"alerts": _at_first(page, projects, language), "projects": projects}

    return await answer(request, found)


def _at_first(page: ActivePage, projects: ProjectPage | None, language: Language) -> dict[str, Any]:
    critical = [alert for alert in page.alerts if alert.severity is Severity.CRITICAL]
    waiting = [alert for alert in page.alerts if _waits(alert)]
    worst = heapq.nsmallest(MOST_SHOWN, waiting, key=_place)
    told = {alert.project_id for alert in page.alerts}
    return {
        "alerts": [translated(alert, texts_of(language)).to_dict() for alert in worst],
        "total": page.total,
        "critical": len(critical),
        "fires_critical": any(alert.status is AlertStatus.FIRING for alert in critical),
        "unseen": len(waiting) - len(worst),
        "told": sorted({project.project_id for project in projects.projects} & told) if projects else [],
    }


def _waits(alert: ActiveAlert) -> bool:
    is_quiet = alert.acknowledged_by or alert.silenced_by or alert.silenced_until_ms is not None
    return alert.status is AlertStatus.FIRING and not is_quiet


def _place(alert: ActiveAlert) -> tuple[int, int, bytes]:
    """As `worstFirst` of the page has it, whose texts are ordered by code units of UTF-16."""
    return _RANKS[alert.severity], alert.starts_at_ms, alert.alert_key.encode("utf-16-be", "surrogatepass")
