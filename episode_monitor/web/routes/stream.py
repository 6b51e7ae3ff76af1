"""Server-sent events for open pages."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from episode_monitor.web.context import context_of
from episode_monitor.web.gate import IS_HEAD, UNTIMED
from episode_monitor.web.schemas import problem, reference
from episode_monitor.web.stream import ChangeFeed, ResourceChanged

router = APIRouter(prefix="/monitoring/episodes", tags=["process"])

_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}  # nginx would hold events back
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events whose data is the JSON of this shape, and a comment at least each 15 s.",
        "content": {"text/event-stream": {"schema": reference(ResourceChanged)}},
    },
    503: problem("Too many pages listen to this worker, or it is stopping; see Retry-After."),
}


@router.get("/stream", responses=_ANSWERS)
async def stream(request: Request) -> Response:
    """Names each resource whose answers have changed, so that a page asks again. `EventSource` reads it."""
    feed = context_of(request).changes
    if request.scope.get(IS_HEAD):
        return Response(headers=_HEADERS, media_type="text/event-stream")
    request.scope[UNTIMED] = True
    return _Events(feed)


class _Events(StreamingResponse):
    """Lasts until the caller leaves or the feed ends; then the reader is forgotten, even one that never began."""

    def __init__(self, feed: ChangeFeed) -> None:
        self._feed, self._reader = feed, feed.open()
        super().__init__(feed.lines(self._reader), headers=_HEADERS, media_type="text/event-stream")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._feed.leave(self._reader)
