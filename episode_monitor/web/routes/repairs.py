"""Repair: plans of a project, what is done with one, and the switch of what happens by itself."""

from collections.abc import Awaitable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from episode_monitor.fleet.errors import NotAvailable
from episode_monitor.repair.answers import plan_summary, plan_view
from episode_monitor.repair.desk import RepairDesk
from episode_monitor.repair.errors import Code, PlansAway, RepairRefused
from episode_monitor.repair.plan_state import KeptPlan
from episode_monitor.service_database.errors import ServiceDatabaseAway, ServiceDatabaseError
from episode_monitor.web.answers import answer, done
from episode_monitor.web.commands import PauseBody, RepairActBody, RepairPlanBody, audited, read_body
from episode_monitor.web.context import context_of
from episode_monitor.web.parameters import Clean, OptionalProject, ProjectIdPath
from episode_monitor.web.paths import Whole
from episode_monitor.web.problems import Problem, busy
from episode_monitor.web.schemas import returns, takes
from episode_monitor.web.security import caller_of
from models.repair import AutomaticRepair, RepairPlan, RepairPlanList

PLANS = "/monitoring/episodes/repair-plans"
SWITCH = "/monitoring/episodes/automatic-repair"
AGAIN_SECONDS: Final = 5
router = APIRouter(prefix="/monitoring/episodes", tags=["repair"])

PlanId = Annotated[str, Path(min_length=1, max_length=128, description="The plan's id."), Whole, Clean]
PlansLimit = Annotated[int, Query(ge=1, le=100, description="The most plans.")]

_STATUS: Final = {
    Code.AUTO_FIX_DISABLED: 403,
    Code.SAME_PERSON: 403,
    Code.UNKNOWN_PLAN: 404,
    Code.UNKNOWN_PROJECT: 404,
    Code.WRONG_CONFIRMATION: 422,
}  # every other code is 409
_ANSWERS: Final = returns(RepairPlan, problems=(400, 404, 409, 501, 503), mutation=True)
_ACT_BODY: Final = takes(RepairActBody, required=True)


@router.post(
    "/integrity/project/{project_id:path}/repair-plans",
    responses=_ANSWERS,
    openapi_extra=takes(RepairPlanBody, required=False),
)
async def plan_repair(request: Request, project_id: ProjectIdPath) -> Response:
    """Simulate: every change with its consequences. Writes nothing to the project service."""
    body = await read_body(request, RepairPlanBody)
    by = body.by or caller_of(request).role
    details = {"strategy": body.strategy.value}
    with audited(request, by=by, action="repair.plan", target=project_id, details=details):
        kept = await _told(_desk(request).repairs.plan(project_id, body.strategy, by))
        details["plan_id"] = kept.plan.plan_id
    return done(_view(request, kept))


@router.get("/repair-plans", responses=returns(RepairPlanList, problems=(501, 503)))
async def list_repair_plans(request: Request, project_id: OptionalProject = None, limit: PlansLimit = 20) -> Response:
    """The plans made last, the newest first: what was planned, applied and rolled back, by whom."""

    async def found() -> RepairPlanList:
        listed = await _told(_desk(request).repairs.store.newest(project_id, limit))
        now_ms = context_of(request).now_ms()
        return RepairPlanList(plans=[plan_summary(kept, changes, now_ms=now_ms) for kept, changes in listed])

    return await answer(request, found)


@router.get("/repair-plans/{plan_id}", responses=returns(RepairPlan, problems=(404, 501, 503)))
async def repair_plan(request: Request, plan_id: PlanId) -> Response:
    """A plan and what became of it. What a crash left of it is finished first."""

    async def found() -> RepairPlan:
        return _view(request, await _told(_desk(request).repairs.look(plan_id)))

    return await answer(request, found)


@router.post("/repair-plans/{plan_id}/approve", responses=_ANSWERS, openapi_extra=_ACT_BODY)
async def approve_repair(request: Request, plan_id: PlanId) -> Response:
    """A second person says yes to a plan with many changes."""
    return await _act(request, plan_id, "approve")


@router.post("/repair-plans/{plan_id}/apply", responses=_ANSWERS, openapi_extra=_ACT_BODY)
async def apply_repair(request: Request, plan_id: PlanId) -> Response:
    """Renumber in one transaction, tell the topic, verify by the stream; taken back where that fails."""
    return await _act(request, plan_id, "apply")


@router.post("/repair-plans/{plan_id}/rollback", responses=_ANSWERS, openapi_extra=_ACT_BODY)
async def rollback_repair(request: Request, plan_id: PlanId) -> Response:
    """Restore the old numbers exactly, unless somebody has changed them since."""
    return await _act(request, plan_id, "rollback")


@router.get("/automatic-repair", responses=returns(AutomaticRepair, problems=(501, 503)))
async def automatic_repair(request: Request) -> Response:
    """Whether repair happens by itself, for whom, and why not."""
    return await answer(request, lambda: _told(_desk(request).automatic.standing()))


@router.post(
    "/automatic-repair",
    responses=returns(AutomaticRepair, problems=(400, 501, 503), mutation=True),
    openapi_extra=takes(PauseBody, required=True),
)
async def switch_automatic_repair(request: Request) -> Response:
    """The kill switch, for all workers."""
    body = await read_body(request, PauseBody)
    action = "repair.pause" if body.paused else "repair.go_on"
    with audited(request, by=body.by, action=action, target="fleet", details={}):
        automatic = _desk(request).automatic
        await _told(automatic.pause(body.paused, body.by))
        return done(await _told(automatic.standing()))


async def _act(request: Request, plan_id: str, verb: str) -> Response:
    body = await read_body(request, RepairActBody)
    options = {} if verb == "approve" else {"with_newer": body.with_newer}
    with audited(request, by=body.by, action=f"repair.{verb}", target=plan_id, details=options) as attempt:
        act = getattr(_desk(request).repairs, verb)
        kept: KeptPlan = await _told(act(plan_id, body.by, body.confirm, **options))
        attempt.result = kept.progress.state.value
    return done(_view(request, kept))


def _desk(request: Request) -> RepairDesk:
    desk = context_of(request).repairs
    if desk is None:
        raise NotAvailable("Repair needs the project service's database: set DATABASE_URL.")
    return desk


def _view(request: Request, kept: KeptPlan) -> RepairPlan:
    repairs = _desk(request).repairs
    return plan_view(
        kept,
        approval_needed=repairs.needs_approval(kept),
        kept_in=repairs.store.kept_in,
        now_ms=context_of(request).now_ms(),
    )


async def _told(work: Awaitable[Any]) -> Any:
    """What the work gives; its refusals and troubles as problems."""
    try:
        return await work
    except RepairRefused as refused:
        raise Problem(_STATUS.get(refused.code, 409), refused.code.value, str(refused)) from refused
    except PlansAway as error:
        raise busy("monitor_database_away", str(error), AGAIN_SECONDS) from error
    except ServiceDatabaseAway as error:
        raise busy("service_database_away", str(error), AGAIN_SECONDS) from error
    except ServiceDatabaseError as error:
        raise busy("service_database_refused", str(error), 60) from error
