"""What the routes of this API share: how they answer, and how they say what is wrong."""

from typing import Annotated, Any

import msgspec
from fastapi import Query
from starlette.responses import Response

from episode_monitor.web.parameters import Clean
from episode_monitor.web.schemas import Responses, problem, reference

TEXT: dict[str, Any] = {"content": {"application/json": {"schema": {"type": "string"}}}}
UNAVAILABLE = problem("The state of the dispatcher is being read.")
Filter = Annotated[
    list[Annotated[str, Clean]],
    Query(max_length=100, alias="filter", description='Matchers that must all fit, such as `severity="critical"`.'),
]


def text(status: int, sentence: str) -> Response:
    """An error as Alertmanager sends it."""
    return Response(msgspec.json.encode(sentence), status, {"cache-control": "no-store"}, media_type="application/json")


def lists(kind: type) -> Responses:
    """The `responses` of a route that answers with a list of these."""
    schema = {"type": "array", "items": reference(kind)}
    return {200: {"description": "The answer.", "content": {"application/json": {"schema": schema}}}, 503: UNAVAILABLE}


def one(kind: type) -> dict[str, Any]:
    """The response 200 of a route that answers with one of these."""
    return {"description": "The answer.", "content": {"application/json": {"schema": reference(kind)}}}
