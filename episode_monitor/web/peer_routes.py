"""The addresses under `/internal`, where workers ask each other: one for each question of the catalogue that goes from
worker to worker. A request needs this worker's token."""

from typing import Any

import msgspec
import structlog
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from agents.engine.stored_values import StoredValuesAreLost
from episode_monitor.fleet.catalogue import asked_by_peers
from episode_monitor.fleet.errors import STORED_VALUES_LOST, Refused
from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.peer_client import PREFIX
from episode_monitor.fleet.question import PartialAnswer, Question
from episode_monitor.web.problems import Problem
from episode_monitor.web.security import internal_guard

log = structlog.get_logger(__name__)


def peer_router(here: LocalState, token: str) -> APIRouter:
    """For `create_web_app(extra_routers=[...])`. `token` is the one that this worker publishes."""
    router = APIRouter(prefix=PREFIX, dependencies=[Depends(internal_guard(token))], include_in_schema=False)
    for name, kind in asked_by_peers().items():
        _add(router, name, kind, here)
    return router


def _add(router: APIRouter, name: str, kind: type[Question[Any, Any]], here: LocalState) -> None:
    async def answer(request: Request) -> Response:
        try:
            question = msgspec.json.decode(await request.body(), type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Problem(400, "malformed_question", f"The question cannot be read: {error}") from None
        try:
            found = await question.partial_answer(here)
        except Refused as refused:
            found = PartialAnswer(partitions=[], refusal=refused.refusal)
        except StoredValuesAreLost as error:
            log.error("a question has no answer", question=name, error=str(error))
            found = PartialAnswer(partitions=[], refusal=STORED_VALUES_LOST)
        return Response(msgspec.json.encode(found), media_type="application/json")

    router.add_api_route(f"/{name}", answer, methods=["POST"], name=f"internal_{name}")
