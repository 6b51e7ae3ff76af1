"""Replays and backtests over HTTP: asked for, followed, cancelled, and their results."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Protocol
from urllib.parse import quote

from fastapi import APIRouter, Path, Request
from msgspec.structs import replace
from starlette.responses import Response

from alert_sinks.texts.catalogue import Language
from episode_monitor.replay.report import Report
from episode_monitor.replay_jobs.job import Asked
from episode_monitor.replay_jobs.jobs import TooManyJobs
from episode_monitor.replay_jobs.requests import BacktestBody, ReplayBody, Requests
from episode_monitor.replay_jobs.spoken import spoken_job
from episode_monitor.web.answers import answer, conditional, done
from episode_monitor.web.context import context_of
from episode_monitor.web.costly import TOO_OFTEN, spend
from episode_monitor.web.korean import with_spoken
from episode_monitor.web.mutations import CheckBody, audited, read_body
from episode_monitor.web.parameters import REFUSED_IN_LANGUAGE, By, Clean, InLanguage, Limit
from episode_monitor.web.paths import Whole
from episode_monitor.web.problems import Problem
from episode_monitor.web.schemas import Responses, reference, returns, takes
from episode_monitor.web.security import actor_of
from models.backtest_views import BacktestResult
from models.replay_job_views import ReplayJob, ReplayJobList

PREFIX = "/monitoring/episodes/replays"
RETRY_SECONDS = 30  # until another job is tried

JobId = Annotated[str, Path(min_length=1, max_length=128, description="The job's id."), Whole, Clean]


class ReplayJobWithResult(ReplayJob, frozen=True, kw_only=True):
    """A job with its result, which is the same as the command's with `--json`; null until it has completed."""

    result: Report | BacktestResult | None


class Jobs(Protocol):
    """`jobs.ReplayJobs`."""

    def start(self, asked: Asked) -> ReplayJob:
        """Raises TooManyJobs."""

    async def replays(self, limit: int) -> ReplayJobList:
        """Newest first."""

    async def replay(self, job_id: str) -> bytes:
        """With its result, as JSON."""

    async def cancel(self, job_id: str, by: str) -> ReplayJob:
        """The job after it was ended."""


def _begun() -> Responses:
    described = returns(ReplayJob, problems=(400,), mutation=True)
    del described[200]
    schema = {"application/json": {"schema": reference(ReplayJob)}}
    described[202] = {"description": "The job waits or runs; `Location` names it.", "content": schema}
    return described | TOO_OFTEN


def replay_router(find_jobs: Callable[[], Jobs], requests: Requests) -> APIRouter:
    """For `create_web_app(extra_routers=[...])`. `find_jobs` raises NotAvailable where there are none."""
    router = APIRouter(prefix="/monitoring/episodes", tags=["replays"])

    @router.post("/replays", status_code=202, responses=_begun(), openapi_extra=takes(ReplayBody, required=False),
                 dependencies=REFUSED_IN_LANGUAGE)  # fmt: skip
    async def start_replay(request: Request) -> Response:
        """Process events again, as `replay` does, in a process of its own: 202 with the job.

        It reads the topic without a group and changes nothing. One job runs on a worker, four wait.
        """
        body = await read_body(request, ReplayBody)
        by = actor_of(request, body.by)
        spend(request, "replay")
        asked = requests.replay(body, by, context_of(request).now_ms())
        return _start(request, find_jobs(), asked, "replay.start")

    tried = takes(BacktestBody, required=True)

    @router.post("/rules/backtest", status_code=202, responses=_begun(), openapi_extra=tried,
                 dependencies=REFUSED_IN_LANGUAGE)  # fmt: skip
    async def start_backtest(request: Request) -> Response:
        """Show how often and how long these rules would have fired, as `rules backtest` does: 202 with the job.

        Rules that cannot be used are refused with 422: `errors` has each fault with its line.
        """
        body = await read_body(request, BacktestBody)
        by, now_ms = actor_of(request, body.by), context_of(request).now_ms()
        spend(request, "backtest")
        asked = await asyncio.to_thread(requests.backtest, body, by, now_ms)
        return _start(request, find_jobs(), asked, "backtest.start")

    @router.get("/replays", responses=returns(ReplayJobList))
    async def list_replays(request: Request, limit: Limit = 50, language: InLanguage = Language.EN) -> Response:
        """The replays and backtests that wait, run, or have ended within a day, newest first, without results."""

        async def listed() -> ReplayJobList:
            kept = await find_jobs().replays(limit)
            return replace(kept, replays=[with_spoken(job, language, "error") for job in kept.replays])

        return await answer(request, listed)

    @router.get("/replays/{job_id}", responses=returns(ReplayJobWithResult, problems=(404, 503)))
    async def one_replay(request: Request, job_id: JobId, language: InLanguage = Language.EN) -> Response:
        """State, progress and result of one replay or backtest, whichever worker runs it."""
        job = spoken_job(await find_jobs().replay(job_id), language)
        return conditional(request, job, "application/json")

    async def cancel(request: Request, job_id: JobId) -> Response:
        """Cancel a replay or backtest that waits or runs; its process has ended when this answers."""
        return await ended(request, job_id, "")

    async def delete(request: Request, job_id: JobId, by: By = "") -> Response:
        """The same as cancel. `by` may be in the query too: proxies drop the body of a DELETE."""
        return await ended(request, job_id, by)

    async def ended(request: Request, job_id: str, asked_by: str) -> Response:
        body = await read_body(request, CheckBody)
        by = actor_of(request, body.by or asked_by)
        with audited(request, by=by, action="replay.cancel", target=job_id, details={}):
            status = await find_jobs().cancel(job_id, by)
        return done(status)

    described: dict[str, Any] = {
        "responses": returns(ReplayJob, problems=(400, 404, 409, 503), mutation=True),
        "openapi_extra": takes(CheckBody, required=False),
    }
    router.add_api_route("/replays/{job_id}/cancel", cancel, methods=["POST"], name="cancel_replay", **described)
    router.add_api_route("/replays/{job_id}", delete, methods=["DELETE"], name="delete_replay", **described)
    return router


def _start(request: Request, jobs: Jobs, asked: Asked, action: str) -> Response:
    details: dict[str, Any] = dict(asked.request)
    with audited(request, by=asked.by, action=action, target="events", details=details):
        try:
            job = jobs.start(asked)
        except TooManyJobs as error:
            headers, extra = {"retry-after": str(RETRY_SECONDS)}, {"retry_after_seconds": RETRY_SECONDS}
            raise Problem(429, "too_many_jobs", str(error), headers=headers, extra=extra) from None
        details["job_id"] = job.job_id
    return done(job, 202, {"location": f"{PREFIX}/{quote(job.job_id, safe='')}", "retry-after": "2"})
