"""The addresses under `/internal`, where workers ask each other. Whoever asks must bear this worker's word."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from episode_monitor.fleet.local_compare import OwnNumbers
from episode_monitor.fleet.local_partitions import OwnPartitions
from episode_monitor.fleet.peer_protocol import (
    PREFIX,
    ActQuestion,
    CompareQuestion,
    DriftedQuestion,
    DriftsQuestion,
    FindingQuestion,
    FindingsQuestion,
    HoldingsQuestion,
    IssuesQuestion,
    KnownQuestion,
    MeasuredQuestion,
    PageQuestion,
    PartsQuestion,
    Path,
    PiecesQuestion,
    PositionsQuestion,
    ProjectQuestion,
    StatsQuestion,
    TrendQuestion,
    WaiveQuestion,
)
from episode_monitor.fleet.split_watch import SplitWatch
from episode_monitor.web.problems import Problem
from episode_monitor.web.security import internal_guard

Question = TypeVar("Question", bound=msgspec.Struct)


def internal_router(
    own: OwnPartitions, token: str, numbers: OwnNumbers | None = None, splits: SplitWatch | None = None
) -> APIRouter:
    """For `create_web_app(extra_routers=[...])`. `token` is the word that this worker publishes.

    `numbers` answers the questions of checks, `splits` those about projects in several partitions.
    """
    router = APIRouter(prefix=PREFIX, dependencies=[Depends(internal_guard(token))], include_in_schema=False)

    async def project(question: ProjectQuestion) -> Any:
        return own.project(question)

    async def stats(question: StatsQuestion) -> Any:
        return own.stats(question)

    async def trend(question: TrendQuestion) -> Any:
        return own.trend(question)

    add_question(router, "project", ProjectQuestion, project)
    add_question(router, "stats", StatsQuestion, stats)
    add_question(router, "trend", TrendQuestion, trend)

    async def pieces(question: PiecesQuestion) -> Any:
        return own.pieces(question)

    async def measured(question: MeasuredQuestion) -> Any:
        return own.measured(question)

    add_question(router, "measured", MeasuredQuestion, measured)
    add_question(router, "pieces", PiecesQuestion, pieces)
    if splits is not None:
        add_question(router, "parts", PartsQuestion, splits.parts)
    add_question(router, "projects", PageQuestion, own.page)

    async def findings(question: FindingsQuestion) -> Any:
        return own.findings(question)

    async def finding(question: FindingQuestion) -> Any:
        return own.finding(question)

    async def drifts(question: DriftsQuestion) -> Any:
        return own.drift.drifts()

    add_question(router, "act", ActQuestion, own.act)
    add_question(router, "drifts", DriftsQuestion, drifts)
    add_question(router, "drifted", DriftedQuestion, own.drift.take)
    add_question(router, "findings", FindingsQuestion, findings)
    add_question(router, "finding", FindingQuestion, finding)
    add_question(router, "waive", WaiveQuestion, own.waive)
    if numbers is not None:
        add_question(router, "compare", CompareQuestion, numbers.compare)
        add_question(router, "holdings", HoldingsQuestion, numbers.holdings)
        add_question(router, "known", KnownQuestion, numbers.known)
        add_question(router, "issues", IssuesQuestion, numbers.issues)
        add_question(router, "positions", PositionsQuestion, numbers.positions)
    return router


def add_question(
    router: APIRouter, path: Path, kind: type[Question], give: Callable[[Question], Awaitable[Any]]
) -> None:
    """Answer questions of one kind."""

    async def answer(request: Request) -> Response:
        try:
            question = msgspec.json.decode(await request.body(), type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Problem(400, "malformed_question", f"The question cannot be read: {error}") from None
        return Response(msgspec.json.encode(await give(question)), media_type="application/json")

    router.add_api_route(f"/{path}", answer, methods=["POST"], name=f"internal_{path}")
