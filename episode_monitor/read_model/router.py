"""The addresses under `/internal`, where workers ask each other. Whoever asks must bear this worker's word."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from episode_monitor.read_model.comparing import OwnNumbers
from episode_monitor.read_model.messages import (
    PREFIX,
    ActQuestion,
    CompareQuestion,
    HoldingsQuestion,
    IssuesQuestion,
    KnownQuestion,
    PageQuestion,
    PositionsQuestion,
    ProjectQuestion,
    StatsQuestion,
    TrendQuestion,
)
from episode_monitor.read_model.own import OwnPartitions
from episode_monitor.web.problems import Problem
from episode_monitor.web.security import internal_guard

Question = TypeVar("Question", bound=msgspec.Struct)


def internal_router(own: OwnPartitions, token: str, numbers: OwnNumbers | None = None) -> APIRouter:
    """For `create_web_app(extra_routers=[...])`. `token` is the word that this worker publishes.

    `numbers` answers the questions of checks.
    """
    router = APIRouter(prefix=PREFIX, dependencies=[Depends(internal_guard(token))], include_in_schema=False)

    async def project(question: ProjectQuestion) -> Any:
        return own.project(question)

    async def stats(question: StatsQuestion) -> Any:
        return own.stats(question)

    async def trend(question: TrendQuestion) -> Any:
        return own.trend(question)

    _add(router, "project", ProjectQuestion, project)
    _add(router, "stats", StatsQuestion, stats)
    _add(router, "trend", TrendQuestion, trend)
    _add(router, "projects", PageQuestion, own.page)
    _add(router, "act", ActQuestion, own.act)
    if numbers is not None:
        _add(router, "compare", CompareQuestion, numbers.compare)
        _add(router, "holdings", HoldingsQuestion, numbers.holdings)
        _add(router, "known", KnownQuestion, numbers.known)
        _add(router, "issues", IssuesQuestion, numbers.issues)
        _add(router, "positions", PositionsQuestion, numbers.positions)
    return router


def _add(router: APIRouter, path: str, kind: type[Question], give: Callable[[Question], Awaitable[Any]]) -> None:
    async def answer(request: Request) -> Response:
        try:
            question = msgspec.json.decode(await request.body(), type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Problem(400, "malformed_question", f"The question cannot be read: {error}") from None
        return Response(msgspec.json.encode(await give(question)), media_type="application/json")

    router.add_api_route(f"/{path}", answer, methods=["POST"], name=f"internal_{path}")
