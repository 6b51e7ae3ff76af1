"""Gaps and duplicates: the fleet, the list of projects, one project."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from episode_monitor.web.answers import answer
from episode_monitor.web.context import context_of
from episode_monitor.web.parameters import Clean, Cursor, Limit, ProjectIdPath, ProjectIdQuery
from episode_monitor.web.problems import unknown_project
from episode_monitor.web.schemas import returns
from episode_monitor.web.views import ProjectHealth, ProjectQuery, ProjectSort
from models.views import IntegritySummary, ProjectPage, ProjectView

router = APIRouter(prefix="/monitoring/episodes/integrity", tags=["integrity"])

Search = Annotated[str | None, Query(max_length=200, description="Part of the project's id, in either case."), Clean]


@router.get("/summary", responses=returns(IntegritySummary))
async def integrity_summary(request: Request) -> Response:
    """The whole fleet, whichever worker answers."""
    return await answer(request, context_of(request).views.integrity_summary, follows_version=True)


@router.get("/projects", responses=returns(ProjectPage))
async def list_projects(
    request: Request,
    status: ProjectHealth = "all",
    q: Search = None,
    sort: ProjectSort = "worst",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Pages of projects, the worst first."""
    query = ProjectQuery(status=status, q=q or None, sort=sort, limit=limit, cursor=cursor)
    return await answer(request, lambda: context_of(request).views.list_projects(query))


@router.get("/project", responses=returns(ProjectView, problems=(404, 503)))
async def project_by_query(request: Request, project_id: ProjectIdQuery) -> Response:
    """One project, its id as a parameter: for ids such as `..`, and behind proxies that rewrite paths."""
    return await _project(request, project_id)


@router.get("/project/{project_id:path}", responses=returns(ProjectView, problems=(404, 503)))
async def project(request: Request, project_id: ProjectIdPath) -> Response:
    """One project: its gaps, duplicates and who holds them, and what has not settled yet."""
    return await _project(request, project_id)


async def _project(request: Request, project_id: str) -> Response:
    async def found() -> ProjectView:
        view = await context_of(request).views.project(project_id)
        if view is None:
            raise unknown_project(project_id)
        return view

    return await answer(request, found)
