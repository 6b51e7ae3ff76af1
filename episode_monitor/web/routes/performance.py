"""Rates and latencies, of now and of the hours before."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from episode_monitor.fleet.questions.project_ranks import MOST_LISTED, ProjectRankingQuestion
from episode_monitor.fleet.questions.retry_reasons import FleetRetriesQuestion, ProjectRetriesQuestion
from episode_monitor.fleet.questions.stats import FleetStatsQuestion, ProjectStatsQuestion
from episode_monitor.fleet.questions.trend import FleetTrendQuestion, ProjectTrendQuestion
from episode_monitor.web.answers import read
from episode_monitor.web.parameters import Hours, OptionalProject, WindowMinutes
from episode_monitor.web.schemas import returns
from models.performance_views import PerformanceStats, PerformanceTrend, ProjectRanking, RetryReasons

router = APIRouter(prefix="/monitoring/episodes/performance", tags=["performance"])

BeforeHours = Annotated[
    int, Query(ge=0, le=168, description="End the range so many hours before now: 1, 24 and 168 compare with before.")
]
RankLimit = Annotated[int, Query(ge=1, le=MOST_LISTED, description="The maximum number of projects of each kind.")]


@router.get("/stats", responses=returns(PerformanceStats, problems=(404, 503)))
async def performance_stats(
    request: Request, project_id: OptionalProject = None, window_minutes: WindowMinutes = 15
) -> Response:
    """Rates in percent and latencies in seconds over the window; null where nothing happened."""
    if project_id is None:
        return await read(request, FleetStatsQuestion(window_minutes=window_minutes))
    return await read(request, ProjectStatsQuestion(project_id=project_id, window_minutes=window_minutes))


@router.get("/trend", responses=returns(PerformanceTrend, problems=(404, 503)))
async def performance_trend(
    request: Request, project_id: OptionalProject = None, hours: Hours = 24, before_hours: BeforeHours = 0
) -> Response:
    """One point per hour, or per minute within the last two hours; intervals without data are left out.

    The fleet keeps a week, a project a day.
    """
    if project_id is None:
        return await read(request, FleetTrendQuestion(hours=hours, before_hours=before_hours))
    return await read(request, ProjectTrendQuestion(project_id=project_id, hours=hours, before_hours=before_hours))


@router.get("/projects", responses=returns(ProjectRanking))
async def performance_projects(request: Request, window_minutes: WindowMinutes = 60, limit: RankLimit = 10) -> Response:
    """The projects with the longest average duration, and those with the most conflicted operations, of the window.

    Each worker looks for them at most once a minute, among at most 200 000 projects and 2000 that are not in memory.
    """
    return await read(request, ProjectRankingQuestion(window_minutes=window_minutes, limit=limit))


@router.get("/retries", responses=returns(RetryReasons, problems=(404, 503)))
async def performance_retries(request: Request, project_id: OptionalProject = None) -> Response:
    """Retries by reason since the beginning of the topic; no window keeps reasons."""
    if project_id is None:
        return await read(request, FleetRetriesQuestion())
    return await read(request, ProjectRetriesQuestion(project_id=project_id))
