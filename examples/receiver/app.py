"""The receiver's HTTP side: `/slack`, `/webhook` and `/pagerduty` take alerts, the rest shows them and programs faults.

Every request to a sink is journalled, also one that is refused or answered with a programmed fault.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from ..serving import Problem, install_problems, require_loopback
from .behaviour import Programs, Sink, Step, perform
from .journal import Journal
from .page import render
from .reading import Reading, read_pagerduty, read_slack, read_webhook
from .settings import ReceiverSettings

BODY_MAX_BYTES = 1024 * 1024
SECRET_HEADERS = ("authorization", "cookie", "proxy-authorization")
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


def create_app(settings: ReceiverSettings | None = None) -> FastAPI:
    """The receiver as an ASGI application. `app.state.journal` holds what arrived, for tests in the same process."""
    settings = settings or ReceiverSettings()
    journal = Journal(settings.journal_max, settings.journal_file)
    programs = Programs()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        journal.open()
        try:
            yield
        finally:
            journal.close()

    app = FastAPI(title="local receiver", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.journal = journal
    install_problems(app)
    _add_sinks(app, journal, programs, settings.webhook_secret)
    _add_views(app, journal)
    _add_behaviour(app, programs)
    return app


def _add_sinks(app: FastAPI, journal: Journal, programs: Programs, secret: str | None) -> None:
    @app.post("/slack")
    async def slack(request: Request) -> Response:
        """Answers as a Slack incoming webhook: `ok`, or what is wrong with the payload."""
        body = await _body(request)
        payload, is_json = _parse(body)
        wrong = _slack_fault(payload) if is_json else "invalid_payload"
        healthy = Response(wrong or "ok", 400 if wrong else 200, media_type="text/plain")
        return await _answer(journal, programs, "slack", read_slack(payload), request, payload, healthy, "unchecked")

    @app.post("/pagerduty")
    async def pagerduty(request: Request) -> Response:
        """Answers as PagerDuty's Events API v2: 202, or 400 where a part of the event is missing."""
        body = await _body(request)
        payload, is_json = _parse(body)
        is_event = is_json and isinstance(payload, dict) and {"routing_key", "event_action"} <= payload.keys()
        if is_event:
            payload = {**payload, "routing_key": "(not kept)"}
        healthy = Response('{"status":"success"}' if is_event else '{"status":"invalid event"}',
                           202 if is_event else 400, media_type="application/json")  # fmt: skip
        return await _answer(
            journal, programs, "pagerduty", read_pagerduty(payload), request, payload, healthy, "unchecked"
        )

    @app.post("/webhook")
    async def webhook(request: Request) -> Response:
        """Takes an alert whose Standard Webhooks signature is right, when a secret is set."""
        body = await _body(request)
        payload, is_json = _parse(body)
        signature = "unchecked" if secret is None else _signature(secret, body, request)
        healthy = Response("accepted", 200, media_type="text/plain")
        if signature == "invalid":
            healthy = Response("the signature is missing, old or wrong", 401, media_type="text/plain")
        elif not is_json:
            healthy = Response("the body is not JSON", 400, media_type="text/plain")
        return await _answer(journal, programs, "webhook", read_webhook(payload), request, payload, healthy, signature)


async def _answer(
    journal: Journal,
    programs: Programs,
    sink: Sink,
    reading: Reading,
    request: Request,
    payload: Any,
    healthy: Response,
    signature: str,
) -> Response:
    step = programs.next(sink)
    status = healthy.status_code if step is None else 0 if step.close_midway else step.status
    journal.add(
        sink=sink,
        received_at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        status=status,
        message_id=request.headers.get("webhook-id", ""),
        signature=signature,
        headers={name: value for name, value in request.headers.items() if name not in SECRET_HEADERS},
        body=payload,
        **asdict(reading),
    )
    return healthy if step is None else await perform(step, bytes(healthy.body).decode())


def _add_views(app: FastAPI, journal: Journal) -> None:
    @app.get("/", response_class=HTMLResponse)
    async def page() -> HTMLResponse:
        """What arrived, for people."""
        return HTMLResponse(render(journal.since(0), journal.last), headers=PAGE_HEADERS)

    @app.get("/received")
    async def received(
        sink: Sink | None = None,
        since: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
    ) -> Response:
        """Entries after the number `since`, oldest first; ask again with the number of the last one."""
        found = journal.since(since, sink, limit)
        # Not through FastAPI: its encoder walks the bodies of strangers in Python, however deep they are nested.
        content = msgspec.json.encode({"received": found, "last": journal.last})
        return Response(content, media_type="application/json")

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Alive."""
        return {"status": "ok"}


def _add_behaviour(app: FastAPI, programs: Programs) -> None:
    @app.post("/behaviour", dependencies=[Depends(require_loopback)], status_code=201)
    async def program(step: Step) -> Step:
        """Appends a step to the sink's program."""
        try:
            programs.add(step)
        except OverflowError as error:
            raise Problem(409, "too_many_steps", str(error)) from error
        return step

    @app.delete("/behaviour", dependencies=[Depends(require_loopback)], status_code=204)
    async def clear(sink: Sink | None = None) -> None:
        """Good health again, for one sink or both."""
        programs.clear(sink)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_MAX_BYTES:
            raise Problem(413, "too_large", f"A body may have {BODY_MAX_BYTES} bytes.")
    return bytes(body)


def _parse(body: bytes) -> tuple[Any, bool]:
    """The JSON and True, or the text and False."""
    try:
        return msgspec.json.decode(body), True
    except (msgspec.DecodeError, RecursionError):
        return body.decode(errors="replace"), False


def _slack_fault(payload: Any) -> str | None:
    """Slack's own word for what it does not take."""
    if not isinstance(payload, dict):
        return "invalid_payload"
    return None if payload.get("text") or payload.get("attachments") or payload.get("blocks") else "no_text"


def _signature(secret: str, body: bytes, request: Request) -> str:
    try:
        Webhook(secret).verify(body, dict(request.headers), json_parse=False)
    except (WebhookVerificationError, ValueError):  # ValueError: a signature header of an unknown shape
        return "invalid"
    return "valid"
