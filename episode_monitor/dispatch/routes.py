"""Silences over HTTP: listed, previewed, created, changed, expired."""

from typing import Annotated, Literal

import msgspec
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
from episode_monitor.fleet.errors import InvalidQuery
from episode_monitor.storage.paging import BadQuery, decode_place, encode_place
from episode_monitor.web.answers import answer, done
from episode_monitor.web.exports import EXPORTED, MOST_ROWS, ExportFormat, export_rows
from episode_monitor.web.idempotency import REPLAY, id_of_creation
from episode_monitor.web.mutations import audited, read_body
from episode_monitor.web.parameters import REFUSED_IN_LANGUAGE, By, Clean, Cursor, Limit
from episode_monitor.web.paths import Whole
from episode_monitor.web.problems import Problem
from episode_monitor.web.schemas import returns, takes
from episode_monitor.web.security import actor_of
from streams.dispatch.inputs import ExpireSilence, SetSilence
from streams.dispatch.records import SilenceRecord
from streams.dispatch.silences import preview as hidden
from streams.dispatch.views import silence_state

MAX_MATCHES = 1000
SilenceId = Annotated[str, Path(min_length=1, max_length=500, description="The silence's id."), Whole, Clean]
State = Annotated[Literal["pending", "active", "expired"] | None, Query(description="Only silences in this state.")]
_Place = tuple[int, str]
_PREVIEW = takes(PreviewBody, required=True)
_COLUMNS = ("id", "state", "matchers", "starts_at", "ends_at", "created_by", "comment", "updated_at")
_SET = returns(SilenceView, problems=(400, 404, 409, 503), mutation=True)
_BODY = takes(SilenceBody, required=True)


def silence_router(desk: DispatchDesk) -> APIRouter:
    """For `create_web_app(extra_routers=[...])`."""
    router = APIRouter(prefix="/monitoring/episodes/silences", tags=["silences"])

    @router.get("", responses=returns(SilenceList))
    async def silences(request: Request, state: State = None, limit: Limit = 1000, cursor: Cursor = None) -> Response:
        """All silences of the fleet; expired ones are kept for five days."""

        async def listed() -> SilenceList:
            now_ms, found = desk.now_ms(), _found(desk, state)
            page, next_cursor = _page(found, limit, cursor)
            return SilenceList(
                silences=[silence_view(each, now_ms) for each in page], total=len(found), next_cursor=next_cursor
            )

        return await answer(request, listed)

    @router.get("/export", responses=EXPORTED)
    async def export_silences(request: Request, kind: ExportFormat = "csv", state: State = None) -> Response:
        """All silences of such a list as a file."""
        now_ms, (found, _) = desk.now_ms(), _page(_found(desk, state), MOST_ROWS, None)
        rows = [msgspec.to_builtins(silence_view(each, now_ms)) for each in found]
        return export_rows(request, kind, "silences", _COLUMNS, rows)

    @router.post("", status_code=201, responses=_SET, openapi_extra=_BODY, dependencies=REFUSED_IN_LANGUAGE)
    async def create_silence(request: Request) -> Response:
        """Silence the alerts that all matchers fit; they stay visible."""
        silence_id, is_there = id_of_creation(request, desk.state().silences)
        if is_there:
            return done(_view(desk, silence_id), 201, REPLAY)
        return await _set(request, desk, silence_id, "silence.create", 201)

    @router.post("/preview", responses=returns(SilencePreview, mutation=True), openapi_extra=_PREVIEW,
                 dependencies=REFUSED_IN_LANGUAGE)  # fmt: skip
    async def preview(request: Request) -> Response:
        """The alerts that these matchers fit now; nothing is changed."""
        found = hidden(desk.state(), (await read_body(request, PreviewBody)).parsed())
        return done(SilencePreview(matches=found[:MAX_MATCHES], total=len(found)))

    @router.get("/{silence_id}", responses=returns(SilenceView, problems=(404, 503)))
    async def silence(request: Request, silence_id: SilenceId) -> Response:
        """One silence."""

        async def found() -> SilenceView:
            return _view(desk, silence_id)

        return await answer(request, found)

    @router.put("/{silence_id}", responses=_SET, openapi_extra=_BODY, dependencies=REFUSED_IN_LANGUAGE)
    async def change_silence(request: Request, silence_id: SilenceId) -> Response:
        """Replace a silence; its id stays."""
        _view(desk, silence_id)
        return await _set(request, desk, silence_id, "silence.change", 200)

    @router.delete("/{silence_id}", responses=_SET)
    async def expire_silence(request: Request, silence_id: SilenceId, by: By = "") -> Response:
        """End a silence now; alerts that still fire are then delivered."""
        by = actor_of(request, by)
        with audited(request, by=by, action="silence.expire", target=silence_id, details={}):
            await desk.perform(ExpireSilence(silence_id=silence_id, by=by))
        return done(_view(desk, silence_id))

    return router


def _found(desk: DispatchDesk, state: str | None) -> list[SilenceRecord]:
    now_ms, records = desk.now_ms(), [each.record for each in desk.state().silences.values()]
    return [each for each in records if state in (None, silence_state(each, now_ms))]


def _page(
    records: list[SilenceRecord], limit: int, cursor: str | None
) -> tuple[list[SilenceRecord], str | None]:  # fmt: skip
    """Those that end first at the beginning. Raises InvalidQuery."""
    try:
        after: _Place | None = None if cursor is None else decode_place(cursor, _Place)
    except BadQuery as error:
        raise InvalidQuery("cursor", str(error)) from error
    left = sorted((each for each in records if after is None or _place(each) > after), key=_place)
    return left[:limit], encode_place(_place(left[limit - 1])) if len(left) > limit else None


def _place(record: SilenceRecord) -> _Place:
    return record.ends_at_ms, record.silence_id


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
