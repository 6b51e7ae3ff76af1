"""For machines that look after this process: alive, ready, metrics. None of these may be cached or need a token."""

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from episode_monitor.web.context import context_of
from episode_monitor.web.schemas import Responses, reference
from models.process_views import Readiness

router = APIRouter(tags=["process"])

_NO_STORE = {"cache-control": "no-store"}
_READY: Responses = {
    status: {"description": text, "content": {"application/json": {"schema": reference(Readiness)}}}
    for status, text in ((200, "Able to serve."), (503, "Not able to serve; `parts` says why."))
}
_FORMATS: dict[str, dict[str, object]] = {"text/plain": {}, "application/openmetrics-text": {}, "application/json": {}}
_EXPOSITION: Responses = {200: {"description": "The samples.", "content": _FORMATS}}
Format = Annotated[Literal["prometheus", "json"], Query(description="The text exposition, or the samples as JSON.")]


@router.get("/livez")
async def livez() -> Response:
    """The process is alive; says nothing about its dependencies."""
    return Response(b'{"alive":true}', headers=_NO_STORE, media_type="application/json")


@router.get("/readyz", responses=_READY)
async def readyz(request: Request) -> Response:
    """Whether this worker can serve, part by part."""
    readiness = await context_of(request).process.readiness()
    headers = _NO_STORE if readiness.ready else {**_NO_STORE, "retry-after": "2"}
    body = msgspec.json.encode(readiness)
    return Response(body, 200 if readiness.ready else 503, headers, media_type="application/json")


@router.get("/metrics", responses=_EXPOSITION)
async def metrics(request: Request) -> Response:
    """The samples as Prometheus' text, or as OpenMetrics with exemplars if `Accept` asks for it."""
    return await _prometheus(request)


@router.get("/monitoring/episodes/metrics/export", responses=_EXPOSITION)
async def export_metrics(request: Request, format: Format = "prometheus") -> Response:
    """The same samples as `/metrics`, as text or as JSON."""
    if format == "prometheus":
        return await _prometheus(request)
    body = msgspec.json.encode(await context_of(request).process.metrics_json())
    return Response(body, headers=_NO_STORE, media_type="application/json")


async def _prometheus(request: Request) -> Response:
    body, content_type = await context_of(request).process.metrics(request.headers.get("accept", ""))
    return Response(body, headers={**_NO_STORE, "content-type": content_type, "vary": "Accept"})
