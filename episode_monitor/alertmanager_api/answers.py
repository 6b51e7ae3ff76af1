"""What the routes of this API share: how they answer, and how they say what is wrong."""

from typing import Annotated, Any

import msgspec
from fastapi import Query
from starlette.responses import Response

from episode_monitor.dispatch.desk import DispatchDesk
from episode_monitor.fleet.errors import NotAvailable
from episode_monitor.web.parameters import Clean
from episode_monitor.web.problems import Problem
from episode_monitor.web.schemas import Responses, problem, reference
from streams.dispatch.state import State

TEXT: dict[str, Any] = {"content": {"application/json": {"schema": {"type": "string"}}}}
UNAVAILABLE = problem("There is no dispatcher (ALERT_DISPATCHER), or its state is being read.")
Filter = Annotated[
    list[Annotated[str, Clean]],
    Query(max_length=100, alias="filter", description='Matchers that must all fit, such as `severity="critical"`.'),
]


def text(status: int, sentence: str) -> Response:
    """An error as Alertmanager sends it."""
    return Response(msgspec.json.encode(sentence), status, {"cache-control": "no-store"}, media_type="application/json")


def state_of(desk: DispatchDesk) -> State:
    """Raises Problem 503, also where there is no dispatcher."""
    try:
        return desk.state()
    except NotAvailable as error:
        raise Problem(503, "not_available", error.detail) from None


def lists(kind: type) -> Responses:
    """The `responses` of a route that answers with a list of these."""
    schema = {"type": "array", "items": reference(kind)}
    return {200: {"description": "The answer.", "content": {"application/json": {"schema": schema}}}, 503: UNAVAILABLE}


def one(kind: type) -> dict[str, Any]:
    """The response 200 of a route that answers with one of these."""
    return {"description": "The answer.", "content": {"application/json": {"schema": reference(kind)}}}
