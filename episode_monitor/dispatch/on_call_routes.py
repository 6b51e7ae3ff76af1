"""On-call over HTTP: who has the shift of each schedule, and overrides, which are acts of the dispatcher."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from episode_monitor.dispatch.desk import DispatchDesk
from episode_monitor.dispatch.on_call_bodies import (
    OnCallNow,
    OverrideBody,
    OverrideList,
    OverrideView,
    override_view,
    shift_view,
)
from episode_monitor.fleet.errors import InvalidQuery
from episode_monitor.web.answers import answer, done
from episode_monitor.web.idempotency import REPLAY, id_of_creation
from episode_monitor.web.mutations import audited, read_body
from episode_monitor.web.parameters import By, Clean
from episode_monitor.web.paths import Whole
from episode_monitor.web.problems import Problem
from episode_monitor.web.schemas import returns, takes
from episode_monitor.web.security import actor_of
from models.times import epoch_ms, rfc3339
from streams.dispatch.escalation import with_overrides
from streams.dispatch.inputs import RemoveOverride
from streams.routing.alerting import OnCall

_FIRST_YEAR, _LAST_YEAR = 1971, 2199  # what a shift can be computed for
OverrideId = Annotated[str, Path(min_length=1, max_length=200, description="The override's id."), Whole, Clean]
At = Annotated[datetime | None, Query(description="RFC 3339 with offset; default: now.")]
_CHANGED = returns(OverrideView, problems=(400, 404, 409, 503), mutation=True)


def on_call_router(desk: DispatchDesk, in_force: Callable[[], OnCall]) -> APIRouter:
    """For `create_web_app(extra_routers=[...])`. `in_force`: the on-call file of this worker."""
    router = APIRouter(prefix="/monitoring/episodes/oncall", tags=["on-call"])

    @router.get("", responses=returns(OnCallNow))
    async def on_call(request: Request, at: At = None) -> Response:
        """Who is on call in each schedule, overrides included, until when, and who is next."""

        async def now() -> OnCallNow:
            at_ms, state = desk.now_ms() if at is None else _moment(at), desk.state()
            schedules = [with_overrides(state, each) for each in in_force().schedules]
            return OnCallNow(at=rfc3339(at_ms), schedules=[shift_view(each, at_ms) for each in schedules])

        return await answer(request, now)

    @router.get("/overrides", responses=returns(OverrideList))
    async def overrides(request: Request) -> Response:
        """All overrides; past ones are kept for five days."""

        async def listed() -> OverrideList:
            records = sorted(desk.state().overrides.values(), key=lambda one: (one.since_ms, one.override_id))
            return OverrideList(overrides=[override_view(each) for each in records], total=len(records))

        return await answer(request, listed)

    body = takes(OverrideBody, required=True)

    @router.post("/overrides", status_code=201, responses=_CHANGED, openapi_extra=body)
    async def create_override(request: Request) -> Response:
        """Put a person on call for a while, whatever the layers say."""
        given = await read_body(request, OverrideBody)
        override_id, is_there = id_of_creation(request, desk.state().overrides)
        if is_there:
            return done(_view(desk, override_id), 201, REPLAY)
        act = given.act(override_id, desk.now_ms())
        details = {"schedule": act.schedule, "person": act.person, "comment": act.comment}
        with audited(request, by=given.by, action="override.create", target=override_id, details=details):
            await desk.perform(act)
        return done(_view(desk, override_id), 201)

    @router.delete("/overrides/{override_id}", responses=_CHANGED)
    async def remove_override(request: Request, override_id: OverrideId, by: By = "") -> Response:
        """The layers count again; answers what was removed."""
        removed = _view(desk, override_id)
        by = actor_of(request, by)
        with audited(request, by=by, action="override.remove", target=override_id, details={"person": removed.person}):
            await desk.perform(RemoveOverride(override_id=override_id))
        return done(removed)

    return router


def _moment(at: datetime) -> int:
    if at.tzinfo is None or not _FIRST_YEAR <= at.year <= _LAST_YEAR:
        raise InvalidQuery("at", f"must be a time with an offset, such as 2026-12-25T03:00:00+09:00, "
                                 f"from {_FIRST_YEAR} to {_LAST_YEAR}")  # fmt: skip
    return epoch_ms(at)


def _view(desk: DispatchDesk, override_id: str) -> OverrideView:
    found = desk.state().overrides.get(override_id)
    if found is None:
        raise Problem(404, "unknown_override", "There is no override of this id.")
    return override_view(found)
