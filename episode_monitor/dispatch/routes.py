"""Silences over HTTP: listed, previewed, created, changed, expired."""

import uuid
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from episode_monitor.dispatch.bodies import (
    PreviewBody,
    SilenceBody,
    SilenceList,
    SilencePreview,
    SilenceView,
    silence_view,
)
from episode_monitor.dispatch.desk import DispatchDesk
from episode_monitor.web.answers import answer, done
from episode_monitor.web.mutations import audited, read_body
from episode_monitor.web.parameters import Clean
from episode_monitor.web.paths import Whole
from episode_monitor.web.problems import Problem
from episode_monitor.web.schemas import returns, takes
from episode_monitor.web.security import caller_of
from streams.dispatch.inputs import ExpireSilence, SetSilence

MAX_MATCHES = 1000
SilenceId = Annotated[str, Path(min_length=1, max_length=500, description="The silence's id."), Whole, Clean]
State = Annotated[Literal["pending", "active", "expired"] | None, Query(description="Only silences in this state.")]
_SET = returns(SilenceView, problems=(400, 404, 409, 503), mutation=True)
_BODY = takes(SilenceBody, required=True)


def silence_router(desk: DispatchDesk) -> APIRouter:
    """For `create_web_app(extra_routers=[...])`."""
    router = APIRouter(prefix="/monitoring/episodes/silences", tags=["silences"])

    @router.get("", responses=returns(SilenceList))
    async def silences(request: Request, state: State = None) -> Response:
        """All silences of the fleet; expired ones are kept for five days."""

        async def listed() -> SilenceList:
            records = sorted((each.record for each in desk.state().silences.values()), key=lambda one: one.ends_at_ms)
            views = [silence_view(record, desk.now_ms()) for record in records]
            found = [view for view in views if state in (None, view.state)]
            return SilenceList(silences=found, total=len(found))

        return await answer(request, listed)

    @router.post("", status_code=201, responses=_SET, openapi_extra=_BODY)
    async def create_silence(request: Request) -> Response:
        """Silence the alerts that all matchers fit; they stay visible."""
        return await _set(request, desk, uuid.uuid4().hex, "silence.create", 201)

    @router.post("/preview", responses=returns(SilencePreview), openapi_extra=takes(PreviewBody, required=True))
    async def preview(request: Request) -> Response:
        """The alerts that these matchers fit now; nothing is changed."""
        found = desk.state().by_label.matching((await read_body(request, PreviewBody)).parsed())
        return done(SilencePreview(matches=found[:MAX_MATCHES], total=len(found)))

    @router.get("/{silence_id}", responses=returns(SilenceView, problems=(404, 503)))
    async def silence(request: Request, silence_id: SilenceId) -> Response:
        """One silence."""

        async def found() -> SilenceView:
            return _view(desk, silence_id)

        return await answer(request, found)

    @router.put("/{silence_id}", responses=_SET, openapi_extra=_BODY)
    async def change_silence(request: Request, silence_id: SilenceId) -> Response:
        """Replace a silence; its id stays."""
        _view(desk, silence_id)
        return await _set(request, desk, silence_id, "silence.change", 200)

    @router.delete("/{silence_id}", responses=_SET)
    async def expire_silence(request: Request, silence_id: SilenceId) -> Response:
        """End a silence now; alerts that still fire are then delivered."""
        with audited(request, by=caller_of(request).role, action="silence.expire", target=silence_id, details={}):
            await desk.perform(ExpireSilence(silence_id=silence_id))
        return done(_view(desk, silence_id))

    return router


async def _set(request: Request, desk: DispatchDesk, silence_id: str, action: str, status: int) -> Response:
    body = await read_body(request, SilenceBody)
    act: SetSilence = body.act(silence_id, body.by, desk.now_ms())
    details = {"comment": body.comment, "matchers": [str(each) for each in act.matchers]}
    with audited(request, by=body.by, action=action, target=silence_id, details=details):
        await desk.perform(act)
    return done(_view(desk, silence_id), status)


def _view(desk: DispatchDesk, silence_id: str) -> SilenceView:
    found = desk.state().silences.get(silence_id)
    if found is None:
        raise Problem(404, "unknown_silence", "There is no silence of this id.")
    return silence_view(found.record, desk.now_ms())
