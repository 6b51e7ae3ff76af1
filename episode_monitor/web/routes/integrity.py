"""Gaps and duplicates: the fleet, the list of projects, one project."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from episode_monitor.fleet.acts.waive import WaiveFinding
from episode_monitor.fleet.questions.finding import FindingQuestion
from episode_monitor.fleet.questions.findings import FindingsQuestion
from episode_monitor.fleet.questions.project import ProjectQuestion
from episode_monitor.fleet.questions.project_list import ProjectHealth, ProjectListQuestion, ProjectSort
from episode_monitor.fleet.questions.project_rules import ProjectRulesQuestion
from episode_monitor.fleet.questions.states import MAX_ROWS, ProjectFactsQuestion, ProjectStatesQuestion
from episode_monitor.fleet.questions.summary import SummaryQuestion
from episode_monitor.web.answers import answer, done, read
from episode_monitor.web.context import context_of
from episode_monitor.web.exports import EXPORTED, ExportFormat, Listed, export
from episode_monitor.web.mutations import WaiveBody, audited, read_body
from episode_monitor.web.parameters import Clean, Cursor, Limit, ProjectIdPath, ProjectIdQuery
from episode_monitor.web.paths import Whole
from episode_monitor.web.problems import invalid, unknown_project
from episode_monitor.web.schemas import returns, takes
from episode_monitor.web.targets import had_encoded_slash
from models.check_views import ProjectDrift
from models.finding_views import FindingDetail, FindingList, FindingView
from models.integrity_views import IntegritySummary, ProjectPage, ProjectView, SwitchedOffSummary
from models.project_facts import ProjectFactsAnswer, ProjectStatesPage
from models.rule_views import ProjectRules
from models.times import epoch_ms, rfc3339

router = APIRouter(prefix="/monitoring/episodes/integrity", tags=["integrity"])

_EXPORTED_AT_ONCE = 5000  # each page looks through all projects once
_COLUMNS = (
    "project_id", "is_healthy", "total_episodes", "max_number", "gaps_total", "duplicates_total", "health_score",
    "since", "is_split", "as_of",
)  # fmt: skip

FindingId = Annotated[str, Path(min_length=1, max_length=64, description="The finding's id."), Whole, Clean]
PartitionNumber = Annotated[int, Query(ge=0, le=1_000_000, description="A partition of the events topic.")]
Rows = Annotated[int, Query(ge=1, le=MAX_ROWS, description="The maximum number of rows on a page.")]
Search = Annotated[str | None, Query(max_length=200, description="Part of the project's id, in either case."), Clean]


@router.get("/summary", responses=returns(IntegritySummary, SwitchedOffSummary))
async def integrity_summary(request: Request) -> Response:
    """Totals of all projects; every worker returns the whole fleet."""
    return await read(request, SummaryQuestion(), follows_version=True)


@router.get("/projects", responses=returns(ProjectPage))
async def list_projects(
    request: Request,
    status: ProjectHealth = "all",
    q: Search = None,
    sort: ProjectSort = "worst",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Projects in pages, the worst first."""
    question = ProjectListQuestion(status=status, q=q or None, sort=sort, limit=limit, cursor=cursor)
    return await read(request, question)


@router.get("/projects/export", responses=EXPORTED)
async def export_projects(
    request: Request,
    kind: ExportFormat = "csv",
    status: ProjectHealth = "all",
    q: Search = None,
    sort: ProjectSort = "worst",
) -> Response:
    """All projects of such a list as a file."""

    def read_page(page: ProjectPage) -> Listed:
        return Listed([msgspec.to_builtins(row) for row in page.projects], page.next_cursor)

    question = ProjectListQuestion(status=status, q=q or None, sort=sort, limit=_EXPORTED_AT_ONCE)
    return await export(request, kind, "projects", _COLUMNS, question, read_page)


@router.get("/project/{project_id:path}/rules", responses=returns(ProjectRules, problems=(404, 503)))
async def project_rules(request: Request, project_id: ProjectIdPath) -> Response:
    """Where each rule of a project stands, and why it fires or does not."""
    question = ProjectRulesQuestion(project_id=project_id)
    return await read(request, question, otherwise=_with_such_an_ending(request, project_id, "/rules"))


@router.get("/project/{project_id:path}/findings", responses=returns(FindingList, problems=(404, 503)))
async def project_findings(request: Request, project_id: ProjectIdPath) -> Response:
    """Gaps and duplicates with their ids: suspect, open and waived ones, and the history of earlier ones."""
    question = FindingsQuestion(project_id=project_id)
    return await read(request, question, otherwise=_with_such_an_ending(request, project_id, "/findings"))


@router.get("/project/{project_id:path}/findings/{finding_id}", responses=returns(FindingDetail, problems=(404, 503)))
async def project_finding(request: Request, project_id: ProjectIdPath, finding_id: FindingId) -> Response:
    """One gap or duplicate with its history, oldest first; a closed one as long as its history is kept."""
    question = FindingQuestion(project_id=project_id, finding_id=finding_id)
    otherwise = _with_such_an_ending(request, project_id, f"/findings/{finding_id}")
    return await read(request, question, otherwise=otherwise)


@router.post(
    "/project/{project_id:path}/findings/{finding_id}/waive",
    responses=returns(FindingView, problems=(400, 404, 409, 503), mutation=True),
    openapi_extra=takes(WaiveBody, required=True),
)
async def waive_finding(request: Request, project_id: ProjectIdPath, finding_id: FindingId) -> Response:
    """Exclude an open finding from totals, health and alerts for a while; then it counts again unless it was filled."""
    return await _waive(request, project_id, finding_id)


@router.post(
    "/findings/{finding_id}/waive",
    responses=returns(FindingView, problems=(400, 404, 409, 503), mutation=True),
    openapi_extra=takes(WaiveBody, required=True),
)
async def waive_finding_of(request: Request, finding_id: FindingId, project_id: ProjectIdQuery) -> Response:
    """The same in a project of any id: one such as `..` is no part of a path."""
    return await _waive(request, project_id, finding_id)


async def _waive(request: Request, project_id: str, finding_id: str) -> Response:
    body = await read_body(request, WaiveBody)
    web = context_of(request)
    lasting_ms = (body.minutes or 0) * 60_000
    until_ms = web.now_ms() + lasting_ms if body.until is None else epoch_ms(body.until)
    if until_ms <= web.now_ms():
        raise invalid("until", "must be in the future")
    details = {"reason": body.reason, "until": rfc3339(until_ms)}
    target = f"{project_id}:{finding_id}"
    with audited(request, by=body.by, action="finding.waive", target=target, details=details):
        act = WaiveFinding(
            project_id=project_id, finding_id=finding_id, by=body.by, reason=body.reason, until_ms=until_ms
        )
        return done(await web.fleet.ask(act))


@router.get("/findings", responses=returns(FindingList, problems=(404, 503)))
async def findings_by_query(request: Request, project_id: ProjectIdQuery) -> Response:
    """The same with the id as a parameter: for ids such as `..`, and for proxies that rewrite paths."""
    return await read(request, FindingsQuestion(project_id=project_id))


@router.get("/drift", responses=returns(ProjectDrift, problems=(404, 501, 503)))
async def project_drift(request: Request, project_id: ProjectIdQuery) -> Response:
    """One project, number by number: the stream's state compared with the project service's table, read now."""

    async def found() -> ProjectDrift:
        view = await context_of(request).drift_of(project_id)
        if view is None:
            raise unknown_project(project_id)
        return view

    return await answer(request, found)


@router.get("/states", responses=returns(ProjectStatesPage, problems=(404, 503)))
async def project_states(
    request: Request, partition: PartitionNumber, limit: Rows = MAX_ROWS, cursor: Cursor = None
) -> Response:
    """The digests of a partition's projects, each at the offset that it has applied: for `replay --against live`."""
    return await read(request, ProjectStatesQuestion(partition=partition, limit=limit, cursor=cursor))


@router.get("/facts", responses=returns(ProjectFactsAnswer, problems=(404, 503)))
async def project_facts(request: Request, partition: PartitionNumber, project_id: ProjectIdQuery) -> Response:
    """All that one partition's state of a project holds: numbers, counters, windows. For programs that compare it."""
    return await read(request, ProjectFactsQuestion(partition=partition, project_id=project_id))


@router.get("/project", responses=returns(ProjectView, problems=(404, 503)))
async def project_by_query(request: Request, project_id: ProjectIdQuery) -> Response:
    """One project, with its id as a parameter: for ids such as `..`, and for proxies that rewrite paths."""
    return await read(request, ProjectQuestion(project_id=project_id))


@router.get("/project/{project_id:path}", responses=returns(ProjectView, problems=(404, 503)))
async def project(request: Request, project_id: ProjectIdPath) -> Response:
    """One project: its gaps, its duplicates with the episodes that hold them, and its suspect findings."""
    return await read(request, ProjectQuestion(project_id=project_id))


def _with_such_an_ending(request: Request, project_id: str, ending: str) -> ProjectQuestion | None:
    """The project whose id itself ends like this route, for a caller that did not encode the id's slashes."""
    return None if had_encoded_slash(request.scope) else ProjectQuestion(project_id=project_id + ending)
