"""Every error leaves as `application/problem+json` (RFC 9457) with a `code` for programs and a sentence for people.

No stack, exception text of a bug or configuration may get into an answer.
"""

import math
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from agents.engine.stored_values import StoredValuesAreLost
from alert_sinks.texts.catalogue import Language
from episode_monitor.fleet.errors import (
    STORED_VALUES_LOST,
    InvalidQuery,
    NotAvailable,
    Recovering,
    Refused,
    Unreachable,
    ViewError,
)
from episode_monitor.web.korean_refusals import refusal_in_korean
from episode_monitor.web.paths import whole
from episode_monitor.web.schemas import PLAIN_JSON, PROBLEM_JSON

log = structlog.get_logger(__name__)


class Problem(Exception):
    """An error on its way to the caller. `extra` holds further members of the body."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def response(self, path: str) -> Response:
        """The answer to send; `path` is the request's."""
        body = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "instance": path,
            **self.extra,
        }
        headers = {"cache-control": "no-store", **self.headers}
        media_type = "application/json" if path.startswith(PLAIN_JSON) else PROBLEM_JSON
        return Response(msgspec.json.encode(body), self.status, headers, media_type=media_type)


def unknown_project(project_id: str) -> Problem:
    """404 for a project that no event named."""
    return Problem(404, "unknown_project", f"There are no events of the project {project_id!r}: check the id.")


def busy(code: str, detail: str, retry_after_seconds: float) -> Problem:
    """503 with `Retry-After`, in whole seconds as the header wants them."""
    seconds = max(1, math.ceil(retry_after_seconds))
    return Problem(503, code, detail, headers={"retry-after": str(seconds)}, extra={"retry_after_seconds": seconds})


def install(app: FastAPI, kafka_trouble: Callable[[], str]) -> None:
    """Answer every known error of the app as a problem. Unknown ones are the outermost middleware's. While the worker's
    start waits for Kafka, `kafka_trouble` says why, and nothing recovers before that is mended."""

    async def answer(request: Request, error: Exception) -> Response:
        problem, trouble = to_problem(error), kafka_trouble()
        if trouble and problem.code == "recovering":
            problem.detail = f"{trouble} This worker waits for that."
        if getattr(request.state, "language", None) is Language.KO:
            problem = _in_korean(problem)
        return problem.response(whole(request.scope["path"]))

    for kind in (Problem, ViewError, StoredValuesAreLost, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, answer)


def _in_korean(problem: Problem) -> Problem:
    extra = dict(problem.extra)
    if "errors" in extra:
        extra["errors"] = [each | {"detail": refusal_in_korean(each["detail"])} for each in extra["errors"]]
    return Problem(
        problem.status, problem.code, refusal_in_korean(problem.detail), headers=problem.headers, extra=extra
    )


def to_problem(error: Exception) -> Problem:
    """The problem for an error; an unexpected error is raised again."""
    match error:
        case Problem():
            return error
        case ViewError():
            return _of_view_error(error)
        case StoredValuesAreLost():
            log.error("a request has no answer", error=str(error))  # where, which is the operator's alone to know
            return _of_view_error(Refused(STORED_VALUES_LOST))
        case RequestValidationError():
            return _of_validation(error)
        case HTTPException():
            return _of_http(error)
    raise error


def _of_view_error(error: ViewError) -> Problem:
    match error:
        case Recovering():
            detail = "The tables are recovering, so the numbers are not complete yet: try again shortly."
            return busy("recovering", detail, error.retry_after_seconds)
        case Unreachable():
            return busy("unreachable", error.detail, error.retry_after_seconds)
        case NotAvailable():
            return Problem(501, "not_available", error.detail)
        case InvalidQuery():
            return invalid(error.parameter, error.detail)
        case Refused():
            return Problem(error.refusal.status, error.refusal.code, error.refusal.detail)
    raise error


def invalid(parameter: str, detail: str, status: int = 422) -> Problem:
    """A parameter or body field that is wrong; the code names it."""
    return Problem(
        status, f"invalid_{parameter}", f"{parameter}: {detail}", extra={"errors": [_finding(parameter, detail)]}
    )


def _finding(parameter: str, detail: str) -> dict[str, str]:
    return {"parameter": parameter, "detail": detail}


def _of_validation(error: RequestValidationError) -> Problem:
    findings = [_finding(str(found["loc"][-1]), str(found["msg"])) for found in error.errors()]
    first = findings[0]
    return Problem(
        422, f"invalid_{first['parameter']}", f"{first['parameter']}: {first['detail']}", extra={"errors": findings}
    )


_SENTENCES = {
    404: ("not_found", "There is nothing at this path: see /docs for the paths."),
    405: ("method_not_allowed", "This path does not support this method: see the Allow header."),
}


def _of_http(error: HTTPException) -> Problem:
    code, detail = _SENTENCES.get(error.status_code, (f"http_{error.status_code}", str(error.detail)))
    if error.status_code == 404 and error.detail != HTTPStatus.NOT_FOUND.phrase:
        detail = str(error.detail)  # a router of another part has a sentence of its own
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if "GET" in headers.get("allow", "").split(", "):
        headers["allow"] += ", HEAD"
    return Problem(error.status_code, code, detail, headers=headers)
