"""Turns an answer of the fleet into an HTTP answer: JSON, an ETag, and 304 for a caller that has it already.

The ETag is read before the body is made, so it may be older than the body but never newer.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from fastapi import Request
from starlette.responses import Response

from episode_monitor.fleet.errors import Recovering
from episode_monitor.fleet.question import OfProject, Question
from episode_monitor.web.context import context_of
from episode_monitor.web.problems import unknown_project


async def read(
    request: Request,
    question: Question[Any, Any],
    *,
    otherwise: Question[Any, Any] | None = None,
    follows_version: bool = False,
) -> Response:
    """Answer a read with the fleet's answer to a question, which is sent on as it came from another worker. Where there
    is none, `otherwise` is asked.

    With `follows_version` the ETag comes from `Asks.version()`, and a caller that is up to date costs no answer at all.
    """

    async def encoded() -> bytes:
        fleet = context_of(request).fleet
        body = await fleet.encoded(question)
        if body is None and otherwise is not None:
            body = await fleet.encoded(otherwise)
        if body is None:
            raise unknown_project(question.project_id if isinstance(question, OfProject) else "")
        return body

    return await _conditional(request, encoded, follows_version)


async def answer(request: Request, make: Callable[[], Awaitable[Any]], *, follows_version: bool = False) -> Response:
    """Answer a read with what `make` returns."""

    async def encoded() -> bytes:
        return msgspec.json.encode(await make())

    return await _conditional(request, encoded, follows_version)


async def _conditional(request: Request, make: Callable[[], Awaitable[bytes]], follows_version: bool) -> Response:
    etag = _version_etag(request) if follows_version else None
    if etag is not None and _has(request, etag):
        return _not_modified(etag)
    return conditional(request, await make(), "application/json", etag)


def conditional(request: Request, body: bytes, media_type: str, etag: str | None = None) -> Response:
    """A body with its ETag, or 304. Without a given ETag the body's own hash is taken."""
    etag = etag or content_etag(body)
    if _has(request, etag):
        return _not_modified(etag)
    return Response(body, headers={"etag": etag, "cache-control": "no-cache"}, media_type=media_type)


def content_etag(body: bytes) -> str:
    """A strong ETag: equal bytes, equal tag, on every worker."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def done(view: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """The answer to a mutation: never cached."""
    uncached = {"cache-control": "no-store", **(headers or {})}
    return Response(msgspec.json.encode(view), status, uncached, media_type="application/json")


def _version_etag(request: Request) -> str | None:
    """Weak, and salted with this process, since two workers may use the same version for different states."""
    web = context_of(request)
    try:
        version = web.fleet.version()
    except Recovering:
        return None
    if version is None:
        return None
    return f'W/"{hashlib.blake2b(version.encode(), digest_size=12, key=web.salt).hexdigest()}"'


def _has(request: Request, etag: str) -> bool:
    """If-None-Match compares weakly (RFC 9110): `W/` is not looked at."""
    header = ",".join(request.headers.getlist("if-none-match"))
    known = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in known or etag.removeprefix("W/") in known


def _not_modified(etag: str) -> Response:
    return Response(status_code=304, headers={"etag": etag, "cache-control": "no-cache"})
