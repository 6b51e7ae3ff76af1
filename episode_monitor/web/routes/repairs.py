"""Repair: plans of a project, what is done with one, and the switch of what happens by itself."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final, TypeVar

import msgspec
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from episode_monitor.fleet.errors import NotAvailable
from episode_monitor.repair.answers import plan_summary, plan_view
from episode_monitor.repair.automatic import AutomaticRepairs
from episode_monitor.repair.errors import Code, RepairRefused
from episode_monitor.repair.plan_state import KeptPlan
from episode_monitor.repair.repairs import Repairs
from episode_monitor.service_database.errors import ServiceDatabaseAway, ServiceDatabaseError
from episode_monitor.storage.database_service import DatabaseAway
from episode_monitor.web.answers import answer, done
from episode_monitor.web.context import context_of
from episode_monitor.web.costly import TOO_OFTEN, spend
from episode_monitor.web.exports import EXPORTED, MOST_ROWS, ExportFormat, export_rows
from episode_monitor.web.mutations import PauseBody, RepairActBody, RepairPlanBody, audited, read_body
from episode_monitor.web.parameters import Clean, OptionalProject, ProjectIdPath, ProjectIdQuery
from episode_monitor.web.paths import Whole
from episode_monitor.web.problems import Problem, busy
from episode_monitor.web.schemas import returns, takes
from episode_monitor.web.security import actor_of
from models.repair import AutomaticRepair, RepairPlan, RepairPlanList, RepairPlanSummary

PLANS = "/monitoring/episodes/repair-plans"
SWITCH = "/monitoring/episodes/automatic-repair"
AGAIN_SECONDS: Final = 5
T = TypeVar("T")

router = APIRouter(prefix="/monitoring/episodes", tags=["repair"])

PlanId = Annotated[str, Path(min_length=1, max_length=128, description="The plan's id."), Whole, Clean]
PlansLimit = Annotated[int, Query(ge=1, le=100, description="The maximum number of plans.")]

_STATUS: Final = {
    Code.AUTO_FIX_DISABLED: 403,
    Code.SAME_PERSON: 403,
    Code.UNKNOWN_PLAN: 404,
    Code.UNKNOWN_PROJECT: 404,
    Code.WRONG_CONFIRMATION: 422,
}  # every other code is 409
_ANSWERS: Final = returns(RepairPlan, problems=(400, 404, 409, 501, 503), mutation=True)
_PLANNED: Final = _ANSWERS | TOO_OFTEN
_ACT_BODY: Final = takes(RepairActBody, required=True)


@router.post(
    "/integrity/project/{project_id:path}/repair-plans",
    responses=_PLANNED,
    openapi_extra=takes(RepairPlanBody, required=False),
)
async def plan_repair(request: Request, project_id: ProjectIdPath) -> Response:
    """Make a plan that lists every change and its consequences. Writes nothing to the project service."""
    return await _plan(request, project_id)


@router.post("/repair-plans", responses=_PLANNED, openapi_extra=takes(RepairPlanBody, required=False))
async def plan_repair_of(request: Request, project_id: ProjectIdQuery) -> Response:
    """The same of any project id: one such as `..` is no part of a path."""
    return await _plan(request, project_id)


async def _plan(request: Request, project_id: str) -> Response:
    body = await read_body(request, RepairPlanBody)
    by = actor_of(request, body.by)
    spend(request, "repair_plan")
    details = {"strategy": body.strategy.value}
    with audited(request, by=by, action="repair.plan", target=project_id, details=details):
        kept = await _answered(_repairs(request).plan(project_id, body.strategy, by))
        details["plan_id"] = kept.plan.plan_id
    return done(_view(request, kept))


@router.get("/repair-plans", responses=returns(RepairPlanList, problems=(501, 503)))
async def list_repair_plans(request: Request, project_id: OptionalProject = None, limit: PlansLimit = 20) -> Response:
    """Repair plans, newest first: who planned, applied and rolled back what."""

    async def found() -> RepairPlanList:
        return RepairPlanList(plans=await _listed(request, project_id, limit))

    return await answer(request, found)


@router.get("/repair-plans/export", responses=EXPORTED)
async def export_repair_plans(
    request: Request, kind: ExportFormat = "csv", project_id: OptionalProject = None
) -> Response:
    """All repair plans of such a list as a file."""
    rows = [msgspec.to_builtins(plan) for plan in await _listed(request, project_id, MOST_ROWS)]
    return export_rows(request, kind, "repair-plans", RepairPlanSummary.__struct_fields__, rows)


async def _listed(request: Request, project_id: str | None, limit: int) -> list[RepairPlanSummary]:
    listed = await _answered(_repairs(request).store.newest(project_id, limit))
    now_ms = context_of(request).now_ms()
    return [plan_summary(kept, changes, now_ms=now_ms) for kept, changes in listed]


@router.get("/repair-plans/{plan_id}", responses=returns(RepairPlan, problems=(404, 501, 503)))
async def repair_plan(request: Request, plan_id: PlanId) -> Response:
    """A plan, its state and its steps. A step that a crash interrupted is finished first."""

    async def found() -> RepairPlan:
        return _view(request, await _answered(_repairs(request).look(plan_id)))

    return await answer(request, found)


@router.post("/repair-plans/{plan_id}/approve", responses=_ANSWERS, openapi_extra=_ACT_BODY)
async def approve_repair(request: Request, plan_id: PlanId) -> Response:
    """Approve a plan with many changes, as a second person."""
    return await _act(request, "approve", plan_id, lambda at, body: at.approve(plan_id, body.by, body.confirm))


@router.post("/repair-plans/{plan_id}/apply", responses=_ANSWERS, openapi_extra=_ACT_BODY)
async def apply_repair(request: Request, plan_id: PlanId) -> Response:
    """Renumber in one transaction, send the events, verify by the stream; rolled back where that fails."""
    return await _act(
        request, "apply", plan_id,
        lambda at, body: at.apply(plan_id, body.by, body.confirm, with_newer=body.with_newer),
    )  # fmt: skip


@router.post("/repair-plans/{plan_id}/rollback", responses=_ANSWERS, openapi_extra=_ACT_BODY)
async def rollback_repair(request: Request, plan_id: PlanId) -> Response:
    """Restore the old numbers exactly, unless they were changed since."""
    return await _act(
        request, "rollback", plan_id,
        lambda at, body: at.rollback(plan_id, body.by, body.confirm, with_newer=body.with_newer),
    )  # fmt: skip


@router.get("/automatic-repair", responses=returns(AutomaticRepair, problems=(501, 503)))
async def automatic_repair(request: Request) -> Response:
    """Whether automatic repair is active, for which projects, and if not, why."""
    return await answer(request, lambda: _answered(_automatic(request).status()))


@router.post(
    "/automatic-repair",
    responses=returns(AutomaticRepair, problems=(400, 501, 503), mutation=True),
    openapi_extra=takes(PauseBody, required=True),
)
async def switch_automatic_repair(request: Request) -> Response:
    """Pause or resume automatic repair on all workers."""
    body = await read_body(request, PauseBody)
    action = "repair.pause" if body.paused else "repair.go_on"
    with audited(request, by=body.by, action=action, target="fleet", details={}):
        automatic = _automatic(request)
        await _answered(automatic.pause(body.paused, body.by))
        return done(await _answered(automatic.status()))


async def _act(
    request: Request, name: str, plan_id: str, act: Callable[[Repairs, RepairActBody], Awaitable[KeptPlan]]
) -> Response:
    body = await read_body(request, RepairActBody)
    details = {} if name == "approve" else {"with_newer": body.with_newer}
    with audited(request, by=body.by, action=f"repair.{name}", target=plan_id, details=details) as attempt:
        kept = await _answered(act(_repairs(request), body))
        attempt.result = kept.progress.state.value
    return done(_view(request, kept))


def _automatic(request: Request) -> AutomaticRepairs:
    automatic = context_of(request).repairs
    if automatic is None:
        raise NotAvailable("Repair needs the project service's database: set DATABASE_URL.")
    return automatic


def _repairs(request: Request) -> Repairs:
    return _automatic(request).repairs


def _view(request: Request, kept: KeptPlan) -> RepairPlan:
    repairs = _repairs(request)
    return plan_view(
        kept,
        approval_needed=repairs.needs_approval(kept),
        kept_in=repairs.store.kept_in,
        now_ms=context_of(request).now_ms(),
    )


async def _answered(work: Awaitable[T]) -> T:
    """The result; refusals and databases that are away become problems."""
    try:
        return await work
    except RepairRefused as refused:
        raise Problem(_STATUS.get(refused.code, 409), refused.code.value, str(refused)) from refused
    except DatabaseAway as error:
        raise busy("monitor_database_away", str(error), AGAIN_SECONDS) from error
    except ServiceDatabaseAway as error:
        raise busy("service_database_away", str(error), AGAIN_SECONDS) from error
    except ServiceDatabaseError as error:
        raise busy("service_database_refused", str(error), 60) from error
