"""`Idempotency-Key` on a POST: the same request sent again by the same caller gets the first answer and has no second
effect. Without the header nothing here does anything.

What had an effect is kept, a refusal is not: after one the key is free. Silences and overrides have ids made of the
key, so that a worker that knows nothing of the first request finds what it created.
"""

import asyncio
import hashlib
import re
import uuid
from collections.abc import Iterable

from fastapi import Request
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from episode_monitor.storage.idempotency import (
    RENEWED_SECONDS,
    Asked,
    IdempotencyKeys,
    InFlight,
    Kept,
    Reused,
    Taken,
)
from episode_monitor.web.problems import Problem
from episode_monitor.web.security import INTERNAL_PREFIX, SLACK_PATH, caller_of_scope

HEADER = "idempotency-key"
REPLAYED = "idempotent-replayed"
REPLAY = {REPLAYED: "true"}
MAX_KEY = 255
MOST_KEPT_BYTES = 1024 * 1024  # of an answer; a longer one is not kept, and the key is free again
RETRY_SECONDS = 1
_KEY = re.compile(rf"[\x21-\x7e](?:[\x20-\x7e]{{0,{MAX_KEY - 2}}}[\x21-\x7e])?")
_KEPT_HEADERS = ("content-type", "cache-control", "location", "retry-after")
_ASKED = "episode_monitor.idempotency"  # where the request's key is left in the ASGI scope


class Idempotency:
    """Behind the gate, in front of the routes."""

    def __init__(self, app: ASGIApp, keys: IdempotencyKeys) -> None:
        self.app, self._keys = app, keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = Headers(scope=scope).getlist(HEADER) if _may_have_key(scope) else []
        if not given:
            await self.app(scope, receive, send)
            return
        try:
            asked, again = await _asked(scope, receive, given)
            found = await self._keys.take(asked)
            if not isinstance(found, Taken):
                answer = _known(found)
                await answer(scope, receive, send)
                return
        except Problem as problem:
            await problem.response(scope["path"])(scope, receive, send)
            return
        scope[_ASKED] = asked
        await self._run(asked, found.token, scope, again, send)

    async def _run(self, asked: Asked, token: str, scope: Scope, receive: Receive, send: Send) -> None:
        """The answer is stored before it is sent: who has it may rely on it."""
        answer = _Answer()
        renewing = asyncio.create_task(self._renew(asked, token))
        is_kept = False
        try:
            await self.app(scope, receive, answer.take)
            if answer.has_effect:
                await self._keys.keep(asked, token, answer.kept())
                is_kept = True
        finally:
            renewing.cancel()
            if not is_kept:
                await self._keys.release(asked, token)
        for message in answer.messages:
            await send(message)

    async def _renew(self, asked: Asked, token: str) -> None:
        while True:
            await asyncio.sleep(RENEWED_SECONDS)
            await self._keys.renew(asked, token)


class _Answer:
    """What the route answers, held back until it is stored."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def take(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def _body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    @property
    def has_effect(self) -> bool:
        return bool(self.messages) and self.messages[0]["status"] < 400 and len(self._body) <= MOST_KEPT_BYTES

    def kept(self) -> Kept:
        headers = Headers(raw=self.messages[0]["headers"])
        return Kept(
            self.messages[0]["status"], {name: headers[name] for name in _KEPT_HEADERS if name in headers}, self._body
        )


def _may_have_key(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "POST":
        return False
    path: str = scope["path"]
    return not path.startswith(INTERNAL_PREFIX) and path != SLACK_PATH


async def _asked(scope: Scope, receive: Receive, given: list[str]) -> tuple[Asked, Receive]:
    """The request as it is known by, and its body to be read again. Raises Problem."""
    if len(given) > 1 or not _KEY.fullmatch(given[0]):
        detail = f"Idempotency-Key: must be one text of 1 to {MAX_KEY} printable ASCII characters"
        raise Problem(422, "invalid_idempotency_key", detail)
    body = await Request(scope, receive).body()
    digest = hashlib.sha256(b"POST")
    for part in (scope.get("raw_path") or scope["path"].encode(), scope.get("query_string", b""), body):
        digest.update(len(part).to_bytes(8, "big") + part)
    caller = caller_of_scope(scope)
    is_read = False

    async def again() -> Message:
        nonlocal is_read
        if is_read:
            return await receive()  # waits for the end of the connection
        is_read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return Asked(f"{caller.role}:{caller.name}", given[0], digest.digest()), again


def _known(found: Kept | InFlight | Reused) -> Response:
    match found:
        case Kept():
            return Response(found.body, found.status, found.headers | REPLAY)
        case InFlight():
            raise Problem(
                409, "request_in_flight", "The first request with this Idempotency-Key has no answer yet: try again "
                "shortly.", headers={"retry-after": str(RETRY_SECONDS)}, extra={"retry_after_seconds": RETRY_SECONDS},
            )  # fmt: skip
    raise _reused()


def _reused() -> Problem:
    detail = "This Idempotency-Key was used for another request: draw a new key for each change."
    return Problem(422, "idempotency_key_reused", detail)


def id_of_creation(request: Request, present: Iterable[str]) -> tuple[str, bool]:
    """The id (32 hexadecimal digits) of what this request creates, and whether an earlier request with the same key has
    created it already: `present` are the ids that exist, dashes in them do not count. Raises Problem 422."""
    asked = request.scope.get(_ASKED)
    if not isinstance(asked, Asked):
        return uuid.uuid4().hex, False
    of_key = hashlib.sha256(f"{asked.caller}\0{asked.key}".encode()).hexdigest()[:16]
    wanted = of_key + hashlib.sha256(asked.digest).hexdigest()[:16]
    before = next((found for each in present if (found := each.replace("-", "")).startswith(of_key)), None)
    if before not in (None, wanted):
        raise _reused()
    return wanted, before is not None
