"""Rates and latencies, of now and of the hours before."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from episode_monitor.fleet.questions.stats import FleetStatsQuestion, ProjectStatsQuestion
from episode_monitor.fleet.questions.trend import FleetTrendQuestion, ProjectTrendQuestion
from episode_monitor.web.answers import read
from episode_monitor.web.parameters import Hours, OptionalProject, WindowMinutes
from episode_monitor.web.schemas import returns
from models.performance_views import PerformanceStats, PerformanceTrend

router = APIRouter(prefix="/monitoring/episodes/performance", tags=["performance"])


@router.get("/stats", responses=returns(PerformanceStats, problems=(404, 503)))
async def performance_stats(
    request: Request, project_id: OptionalProject = None, window_minutes: WindowMinutes = 15
) -> Response:
    """Rates in percent and latencies in seconds over the window; null where nothing happened."""
    if project_id is None:
        return await read(request, FleetStatsQuestion(window_minutes=window_minutes))
    return await read(request, ProjectStatsQuestion(project_id=project_id, window_minutes=window_minutes))


@router.get("/trend", responses=returns(PerformanceTrend, problems=(404, 503)))
async def performance_trend(request: Request, project_id: OptionalProject = None, hours: Hours = 24) -> Response:
    """One point per hour, or per minute for up to two hours; intervals without data are left out."""
    if project_id is None:
        return await read(request, FleetTrendQuestion(hours=hours))
    return await read(request, ProjectTrendQuestion(project_id=project_id, hours=hours))
