"""Silences below /api/v2: what a person changes here is done by the dispatcher and leaves an audit entry."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from episode_monitor.alertmanager_api.answers import TEXT, UNAVAILABLE, Filter, lists, one, text
from episode_monitor.alertmanager_api.shapes import GettableSilence, PostableSilence, SilenceCreated
from episode_monitor.alertmanager_api.silence_views import act_of, gettable, listed
from episode_monitor.dispatch.desk import DispatchDesk
from episode_monitor.web.answers import answer, done
from episode_monitor.web.idempotency import REPLAY, id_of_creation
from episode_monitor.web.mutations import audited, read_json
from episode_monitor.web.parameters import Clean
from episode_monitor.web.paths import Whole
from episode_monitor.web.problems import Problem
from episode_monitor.web.schemas import Responses, problem, returns, takes
from episode_monitor.web.security import actor_of, caller_of
from streams.dispatch.inputs import ExpireSilence
from streams.dispatch.records import SilenceRecord
from streams.dispatch.table import Refusal
from streams.routing.matcher import MatcherError
from streams.routing.matcher_parsing import parse_matcher

NOT_FOUND = "silence not found"  # Alertmanager's own words
_WRONG: Responses = {400: {"description": "The silence cannot be made; the string says why.", **TEXT}}
_UNKNOWN: Responses = {404: {"description": "There is no silence of this id.", **TEXT}}
_MALFORMED = problem("The silence cannot be made; a string says why, or a problem where the body is no JSON.")
_CREATED: Responses = {
    **returns(SilenceCreated, mutation=True),
    400: {**_MALFORMED, "content": {**_MALFORMED["content"], **TEXT["content"]}},
    **_UNKNOWN,
    503: UNAVAILABLE,
}
_FOUND: Responses = {
    200: one(GettableSilence),
    404: problem("There is no silence of this id."),
    503: UNAVAILABLE,
}
_EXPIRED: Responses = {
    **returns(SilenceCreated, mutation=True),
    200: {"description": "The silence has ended."},
    500: {"description": "There is no silence of this id; the string says so.", **TEXT},
    503: UNAVAILABLE,
}
SilenceId = Annotated[str, Path(min_length=1, max_length=500, description="The silence's id."), Whole, Clean]


def add_silences(router: APIRouter, desk: DispatchDesk) -> None:
    """Their routes."""

    @router.get("/silences", responses={**lists(GettableSilence), **_WRONG})
    async def alertmanager_silences(request: Request, filters: Filter = []) -> Response:  # noqa: B006
        """All silences that have these matchers; expired ones are kept for five days."""
        try:
            wanted = tuple(parse_matcher(each) for each in filters)
        except MatcherError as error:
            return text(400, str(error))

        async def made() -> list[GettableSilence]:
            return listed((each.record for each in desk.state().silences.values()), wanted, desk.now_ms())

        return await answer(request, made)

    @router.get(
        "/silence/{silence_id}",
        responses={200: one(GettableSilence), 404: problem("It does not exist."), 503: UNAVAILABLE},
    )
    async def alertmanager_silence(request: Request, silence_id: SilenceId) -> Response:
        """One silence."""

        async def made() -> GettableSilence:
            record = _record(desk, silence_id)
            if record is None:
                raise Problem(404, "unknown_silence", "There is no silence of this id.")
            return gettable(record, desk.now_ms())

        return await answer(request, made)

    @router.post("/silences", responses=_CREATED, openapi_extra=takes(PostableSilence, required=True))
    async def alertmanager_set_silence(request: Request) -> Response:
        """Create a silence, or change the one of this `id`."""
        return await _set(request, desk)

    @router.delete("/silence/{silence_id}", responses=_EXPIRED, response_class=Response)
    async def alertmanager_expire_silence(request: Request, silence_id: SilenceId) -> Response:
        """End a silence now; one that has ended stays as it is."""
        return await _expire(request, desk, silence_id)


def _record(desk: DispatchDesk, silence_id: str) -> SilenceRecord | None:
    found = desk.state().silences.get(silence_id)
    return found.record if found else None


async def _set(request: Request, desk: DispatchDesk) -> Response:
    body = await read_json(request, PostableSilence)
    before = _record(desk, body.id)
    if body.id and before is None:
        return text(404, NOT_FOUND)
    new_id, is_there = id_of_creation(request, desk.state().silences)
    new_id = str(uuid.UUID(new_id))
    if is_there:
        return done(SilenceCreated(new_id), headers=REPLAY)
    by = actor_of(request, body.created_by)
    try:
        act = act_of(body, before, by, desk.now_ms(), new_id)
    except MatcherError as error:
        return text(400, str(error))
    action = "silence.create" if act.silence_id != body.id else "silence.change"
    details = {"comment": body.comment, "matchers": [str(each) for each in act.matchers]}
    try:
        with audited(request, by=by, action=action, target=act.silence_id, details=details):
            await desk.perform(act)
    except Problem as refused:
        if refused.status == 422:
            return text(400, refused.detail)
        raise
    return done(SilenceCreated(act.silence_id))


async def _expire(request: Request, desk: DispatchDesk, silence_id: str) -> Response:
    if _record(desk, silence_id) is None:
        return text(500, NOT_FOUND)  # so says its document; newer versions answer 404
    try:
        by = caller_of(request).who
        with audited(request, by=by, action="silence.expire", target=silence_id, details={}):
            await desk.perform(ExpireSilence(silence_id=silence_id, by=by))
    except Problem as refused:
        if refused.code != Refusal.ALREADY_EXPIRED.value:
            raise
    return Response(status_code=200, headers={"cache-control": "no-store"})
