"""Rates and latencies, of now and of the hours before."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from episode_monitor.web.answers import answer
from episode_monitor.web.context import context_of
from episode_monitor.web.parameters import Hours, OptionalProject, WindowMinutes
from episode_monitor.web.problems import unknown_project
from episode_monitor.web.schemas import returns
from models.views import PerformanceStats, PerformanceTrend

router = APIRouter(prefix="/monitoring/episodes/performance", tags=["performance"])


@router.get("/stats", responses=returns(PerformanceStats, problems=(404, 503)))
async def performance_stats(
    request: Request, project_id: OptionalProject = None, window_minutes: WindowMinutes = 15
) -> Response:
    """Rates in percent and latencies in seconds over the window; null where nothing happened."""

    async def found() -> PerformanceStats:
        view = await context_of(request).views.performance_stats(project_id, window_minutes)
        if view is None:
            raise unknown_project(project_id or "")
        return view

    return await answer(request, found)


@router.get("/trend", responses=returns(PerformanceTrend, problems=(404, 503)))
async def performance_trend(request: Request, project_id: OptionalProject = None, hours: Hours = 24) -> Response:
    """One point an hour, or a minute up to two hours; what has no data is left out."""

    async def found() -> PerformanceTrend:
        view = await context_of(request).views.performance_trend(project_id, hours)
        if view is None:
            raise unknown_project(project_id or "")
        return view

    return await answer(request, found)
