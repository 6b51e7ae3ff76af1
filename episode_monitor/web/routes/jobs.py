"""Checks started manually, and their jobs."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request
from msgspec.structs import replace
from starlette.responses import Response

from alert_sinks.texts.catalogue import Language
from episode_monitor.checks.jobs import UNKNOWN_JOB
from episode_monitor.fleet.errors import Refused
from episode_monitor.web.answers import answer, done
from episode_monitor.web.context import context_of
from episode_monitor.web.costly import TOO_OFTEN, spend
from episode_monitor.web.korean import with_spoken
from episode_monitor.web.mutations import CheckBody, audited, read_body
from episode_monitor.web.parameters import Clean, InLanguage, Limit
from episode_monitor.web.paths import Whole
from episode_monitor.web.problems import busy
from episode_monitor.web.schemas import reference, returns, takes
from episode_monitor.web.security import actor_of
from models.check_views import BasicCheckResult, DeepCheckResult, JobList, JobState, JobStatus

PREFIX = "/monitoring/episodes/jobs"
router = APIRouter(prefix=PREFIX, tags=["jobs"])

JobId = Annotated[str, Path(min_length=1, max_length=128, description="The job's id."), Whole, Clean]
Deep = Annotated[bool, Query(description="Check every project, and compare it with DATABASE_URL where that is set.")]

_STARTED = returns(BasicCheckResult, DeepCheckResult, problems=(400, 503), mutation=True) | {
    **TOO_OFTEN,
    202: {
        "description": "The check is still running; `Location` names the job.",
        "content": {"application/json": {"schema": reference(JobStatus)}},
    },
}


@router.post("/integrity/run-check", responses=_STARTED, openapi_extra=takes(CheckBody, required=False))
async def run_check(request: Request, deep_check: Deep = False) -> Response:
    """Start a check: 200 with its result, or 202 if it takes longer than ten seconds.

    The check starts after the request: if one of the same kind is running, it starts when that one has ended.
    """
    web = context_of(request)
    body = await read_body(request, CheckBody)
    by = actor_of(request, body.by)
    if deep_check:
        spend(request, "deep_check")
    action = "check.deep" if deep_check else "check.basic"
    with audited(request, by=by, action=action, target="fleet", details={}) as attempt:
        job = await web.jobs().run_check(deep=deep_check, by=by, wait_seconds=web.settings.check_wait_seconds)
        attempt.result = job.state.value
    location = f"{PREFIX}/{quote(job.job_id, safe='')}"
    if job.state in (JobState.FAILED, JobState.CANCELLED):
        raise busy(f"check_{job.state.value}", job.error or "The check failed: see the monitor's log.", 30)
    if job.result is not None:
        return done(job.result, headers={"content-location": location})
    return done(job, 202, {"location": location, "retry-after": "2"})


@router.get("", responses=returns(JobList))
async def list_jobs(request: Request, limit: Limit = 50, language: InLanguage = Language.EN) -> Response:
    """The jobs that are kept, newest first."""

    async def listed() -> JobList:
        kept = await context_of(request).jobs().jobs(limit)
        return replace(kept, jobs=[with_spoken(one, language, "error") for one in kept.jobs])

    return await answer(request, listed)


@router.get("/{job_id}", responses=returns(JobStatus, problems=(404, 503)))
async def job(request: Request, job_id: JobId, language: InLanguage = Language.EN) -> Response:
    """State, progress and result of one job."""

    async def found() -> JobStatus:
        status = await context_of(request).jobs().job(job_id)
        if status is None:
            raise Refused(UNKNOWN_JOB)
        return with_spoken(status, language, "error")

    return await answer(request, found)


@router.post(
    "/{job_id}/cancel",
    responses=returns(JobStatus, problems=(400, 404, 409, 503), mutation=True),
    openapi_extra=takes(CheckBody, required=False),
)
async def cancel_job(request: Request, job_id: JobId) -> Response:
    """Cancel a running job; its results so far are discarded."""
    body = await read_body(request, CheckBody)
    by = actor_of(request, body.by)
    with audited(request, by=by, action="check.cancel", target=job_id, details={}):
        status = await context_of(request).jobs().cancel_job(job_id, by)
    return done(status)
