"""Who the caller is to this monitor, so that a page knows what to offer before anybody presses anything."""

from typing import Literal

from fastapi import APIRouter, Request
from starlette.responses import Response

from episode_monitor.web.answers import done
from episode_monitor.web.context import context_of
from episode_monitor.web.problems import Problem
from episode_monitor.web.schemas import problem, returns
from episode_monitor.web.security import bearer_of, caller_that_changes, known_as
from episode_monitor.web.settings import WebSettings
from models.caller_views import WhoAmI

router = APIRouter(prefix="/monitoring/episodes", tags=["process"])

_ANSWERS = returns(WhoAmI, problems=()) | {401: problem("A token was sent, and it is not one of this monitor.")}


@router.get("/whoami", responses=_ANSWERS)
async def who_am_i(request: Request) -> Response:
    """The caller's role and rights, and whether changes need a token. A token that is wrong is a 401."""
    settings, token = context_of(request).settings, bearer_of(request.headers)
    depends_on_token = bool(settings.api_tokens) or settings.demands_local_token
    try:
        caller = caller_that_changes(request.scope, request.headers, settings)
    except Problem as refusal:
        if refusal.status == 401 and token is not None:
            raise
        is_viewer = refusal.code == "operator_required"
        return done(
            WhoAmI(
                role="viewer" if is_viewer else "anonymous",
                name=_name(token, settings),
                scopes=["read"],
                token="accepted" if is_viewer else _unchecked(token),
                tokens_required=depends_on_token,
                refused=refusal.code,
                detail=refusal.detail,
            )
        )
    is_operator = caller.role == "operator"
    return done(
        WhoAmI(
            role="operator" if is_operator else "loopback",
            name=caller.name or None,
            scopes=["read", "change"],
            token="accepted" if is_operator else _unchecked(token),
            tokens_required=depends_on_token,
        )
    )


def _name(token: str | None, settings: WebSettings) -> str | None:
    known = [] if token is None else known_as(token, settings.api_tokens)
    return next((one.name for one in known if one.name), None)


def _unchecked(token: str | None) -> Literal["none", "not_checked"]:
    return "none" if token is None else "not_checked"
