"""The ASGI layers in front of the routes: measure, catch, guard. An exception of ours ends here, as a problem.

Outside in: `Outermost` (headers, HEAD, metrics, last resort) and `Gate` (path, size, who may).
"""

import time
import uuid

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from episode_monitor.observe.request_metrics import RequestMetrics
from episode_monitor.web.cross_origin import options_answer, with_origin
from episode_monitor.web.paths import whole
from episode_monitor.web.problems import Problem
from episode_monitor.web.security import check_request
from episode_monitor.web.settings import MAX_BODY_BYTES, WebSettings
from episode_monitor.web.targets import MovedTo, aim
from models.record_headers import parse_traceparent

log = structlog.get_logger(__name__)

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",  # `no-referrer` would make browsers send `Origin: null` with our own forms
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


IS_HEAD = "episode_monitor.is_head"  # in the scope: the caller wants no body
UNTIMED = "episode_monitor.untimed"  # in the scope: the answer lasts as long as the caller stays


class Outermost:
    """Sees every request first and every answer last."""

    def __init__(self, app: ASGIApp, metrics: RequestMetrics, is_traced: bool = False) -> None:
        """`is_traced`: the caller's trace becomes an exemplar of the request's time."""
        self.app = app
        self.metrics = metrics
        self.is_traced = is_traced

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = _Answer(send)
        is_head = scope["method"] == "HEAD"
        inner = {**scope, "method": "GET", IS_HEAD: True} if is_head else scope  # the server drops the body of HEAD
        started = time.perf_counter()
        try:
            await self.app(inner, receive, answer.send)
        except ClientDisconnect:
            answer.status = 499  # the caller is gone; the status is for the metrics alone
        except Exception as error:
            await self._last_resort(inner, receive, answer, error)
        finally:
            route = getattr(inner.get("route"), "path_format", "_unmatched")
            seconds = None if inner.get(UNTIMED) else time.perf_counter() - started
            trace_id = _trace_of(scope) if self.is_traced else None
            self.metrics.observe(scope["method"], route, answer.status, seconds, trace_id)

    async def _last_resort(self, scope: Scope, receive: Receive, answer: "_Answer", error: Exception) -> None:
        error_id = uuid.uuid4().hex[:12]
        log.error("request failed", error_id=error_id, method=scope["method"], path=scope["path"], exc_info=error)
        if answer.status is not None:
            raise error  # half an answer is out: cutting the connection is the only honest end
        detail = f"Internal error: see the monitor's log for the error id {error_id}."
        problem = Problem(500, "internal_error", detail, extra={"error_id": error_id})
        await problem.response(whole(scope["path"]))(scope, receive, answer.send)


def _trace_of(scope: Scope) -> str | None:
    traceparent = parse_traceparent(Headers(scope=scope).get("traceparent"))
    return None if traceparent is None else traceparent.split("-")[1]


class _Answer:
    """Adds the headers to the answer and keeps its status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)


class Gate:
    """Refuses requests before any route sees them."""

    def __init__(self, app: ASGIApp, settings: WebSettings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer: Response | None = None
        outward = send
        try:
            aim(scope, self.settings.base_path)
            headers = Headers(scope=scope)
            outward = with_origin(send, headers, self.settings.allowed_origins)
            check_request(scope, headers, self.settings)
            _check_length(headers)
            if scope["method"] == "OPTIONS":
                answer = options_answer(scope, headers)
        except MovedTo as moved:
            answer = Response(status_code=308, headers={"location": moved.location, "cache-control": "no-store"})
        except Problem as problem:
            log.warning("request refused", code=problem.code, method=scope["method"], peer=scope.get("client"))
            answer = problem.response(whole(scope["path"]))
        if answer is not None:
            await answer(scope, receive, outward)
            return
        await self.app(scope, _limited(receive), outward)


def _check_length(headers: Headers) -> None:
    length = headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 9 or int(length) > MAX_BODY_BYTES:
        raise _too_large()


def _limited(receive: Receive) -> Receive:
    """The same body, counted, for callers that do not say its length beforehand."""
    taken_bytes = 0

    async def counted() -> Message:
        nonlocal taken_bytes
        message = await receive()
        taken_bytes += len(message.get("body", b""))
        if taken_bytes > MAX_BODY_BYTES:
            raise _too_large()
        return message

    return counted


def _too_large() -> Problem:
    return Problem(
        413, "body_too_large", f"The request body may have at most {MAX_BODY_BYTES} bytes: send a smaller one."
    )
