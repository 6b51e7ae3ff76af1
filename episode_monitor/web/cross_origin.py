"""CORS for the sites of MONITORING_ALLOWED_ORIGINS: answers to OPTIONS, and headers on all other answers.

Other sites get no such header, so a browser keeps the answer from them.
"""

import re
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import Message, Scope, Send

from episode_monitor.web.targets import methods_at

_NAMES: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(\s*,\s*[A-Za-z0-9!#$%&'*+.^_`|~-]+)*")
_EXPOSED: Final = "etag, location, content-location, retry-after, www-authenticate, idempotent-replayed"
_REMEMBER_SECONDS: Final = 600


def is_preflight(scope: Scope, headers: Headers) -> bool:
    """Whether a browser asks before it sends a page's request."""
    return scope["method"] == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers


def options_answer(scope: Scope, headers: Headers) -> Response | None:
    """The answer to OPTIONS; None for a path that nothing is at."""
    methods = [*methods_at(scope), "OPTIONS"]
    if len(methods) == 1 and scope["path"] != "*":
        return None
    answer = Response(status_code=204, headers={"allow": ", ".join(methods), "cache-control": "no-store"})
    if is_preflight(scope, headers):
        answer.headers["access-control-allow-methods"] = ", ".join(methods)
        answer.headers["access-control-max-age"] = str(_REMEMBER_SECONDS)
        wanted = headers.get("access-control-request-headers", "")
        if _NAMES.fullmatch(wanted):  # the site is trusted, and what counts is checked when it comes
            answer.headers["access-control-allow-headers"] = wanted
        if headers.get("access-control-request-private-network") == "true":
            answer.headers["access-control-allow-private-network"] = "true"
    return answer


def with_origin(send: Send, headers: Headers, allowed_origins: tuple[str, ...]) -> Send:
    """`send` with what a browser of an allowed site needs on every answer, errors too."""
    if not allowed_origins:
        return send
    origin = headers.get("origin")

    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            added = MutableHeaders(scope=message)
            added.add_vary_header("Origin")
            if origin in allowed_origins:
                added["access-control-allow-origin"] = origin
                added["access-control-expose-headers"] = _EXPOSED
        await send(message)

    return with_headers
