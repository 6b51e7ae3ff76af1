"""Receivers and dead letters over HTTP."""

from collections.abc import Callable
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from agents.runtime import Runtime
from alert_sinks.sink import Sink
from alert_sinks.texts.catalogue import Language
from alert_sinks.trial import trial_alert, tried
from episode_monitor.deliveries.dead_letters import DeadLetterDesk
from episode_monitor.deliveries.views import (
    DeadLetterList,
    HandleBody,
    Handled,
    Kind,
    Outcome,
    ReceiverList,
    ReceiverView,
    SinkStatus,
    TrialOutcome,
    TrialResult,
)
from episode_monitor.fleet.errors import InvalidQuery
from episode_monitor.storage.paging import BadQuery, decode_place, encode_place
from episode_monitor.web.answers import answer, done
from episode_monitor.web.exports import EXPORTED, ExportFormat, export_rows
from episode_monitor.web.korean import spoken, with_spoken
from episode_monitor.web.mutations import CheckBody, audited, read_body
from episode_monitor.web.parameters import Clean, Cursor, InLanguage, Limit
from episode_monitor.web.paths import Whole
from episode_monitor.web.problems import Problem
from episode_monitor.web.schemas import returns, takes
from episode_monitor.web.security import actor_of

ROOT = "/monitoring/episodes"
_COLUMNS = ("id", "kind", "at", "reason", "detail", "origin", "key", "size", "first_kib")
Name = Annotated[str, Path(min_length=1, max_length=100, description="The receiver's name."), Whole, Clean]
LetterId = Annotated[str, Path(min_length=1, max_length=40, description="The dead letter's id."), Whole, Clean]
OfKind = Annotated[Kind | None, Query(description="Only dead letters of events, or of alerts.")]


def delivery_routers(runtime: Runtime, now_ms: Callable[[], int]) -> list[APIRouter]:
    """For `create_web_app(extra_routers=[...])`."""
    config = runtime.config

    def sink_of(name: str) -> Sink | None:
        found = (sink for sinks in runtime.fanout.receivers.values() for sink in sinks if sink.name == name)
        return next(found, None)

    desk = DeadLetterDesk(
        config.kafka, config.topics, config.monitor_id, lambda: runtime.producer, sink_of, now_ms, runtime.fanout.texts
    )
    return [receiver_router(runtime, config.monitor_id, now_ms), dead_letter_router(desk)]


def receiver_router(runtime: Runtime, monitor_id: str, now_ms: Callable[[], int]) -> APIRouter:
    """For `create_web_app(extra_routers=[...])`."""
    router = APIRouter(prefix=f"{ROOT}/receivers", tags=["receivers"])

    @router.get("", responses=returns(ReceiverList))
    async def receivers(request: Request, language: InLanguage = Language.EN) -> Response:
        """All receivers in force, with their sinks as this worker sees them."""

        async def made() -> ReceiverList:
            fanout = runtime.fanout
            waiting, troubles, off = fanout.waiting, fanout.troubles, fanout.switched_off
            found = [
                ReceiverView(
                    name=name,
                    sinks=[
                        SinkStatus(
                            sink=sink.name, waiting=waiting.get(sink.name, 0),
                            trouble=spoken(troubles.get(sink.name, ""), language), switched_off=sink.name in off,
                        )
                        for sink in sinks
                    ],
                )
                for name, sinks in fanout.receivers.items()
            ]  # fmt: skip
            return ReceiverList(receivers=found, total=len(found))

        return await answer(request, made)

    @router.post("/{name}/test", responses=returns(TrialResult, problems=(404,), mutation=True),
                 openapi_extra=takes(CheckBody, required=False))  # fmt: skip
    async def send_sample(request: Request, name: Name, language: InLanguage = Language.EN) -> Response:
        """Send a sample alert, marked as one, to each sink of a receiver, once and at once."""
        body = await read_body(request, CheckBody)
        sinks = runtime.fanout.receivers.get(name)
        if sinks is None:
            raise Problem(404, "unknown_receiver", "There is no receiver of this name.")
        outcomes: list[TrialOutcome] = []
        texts = runtime.fanout.texts
        by = actor_of(request, body.by)
        with audited(request, by=by, action="receiver.test", target=name, details={}) as attempt:
            for sink in sinks:
                reason = await tried(sink, trial_alert(monitor_id, now_ms(), texts), now_ms(), texts)
                outcome: Outcome = "failed" if reason else "delivered"
                outcomes.append(TrialOutcome(sink=sink.name, outcome=outcome, reason=spoken(reason, language)))
            is_taken = bool(outcomes) and all(each.outcome == "delivered" for each in outcomes)
            attempt.result = "delivered" if is_taken else "failed"
        return done(TrialResult(receiver=name, outcome="delivered" if is_taken else "failed", sinks=outcomes))

    return router


def dead_letter_router(desk: DeadLetterDesk) -> APIRouter:
    """For `create_web_app(extra_routers=[...])`."""
    router = APIRouter(prefix=f"{ROOT}/dead-letters", tags=["dead letters"])
    handled = returns(Handled, problems=(404, 409, 503), mutation=True)

    @router.get("", responses=returns(DeadLetterList))
    async def dead_letters(
        request: Request, kind: OfKind = None, limit: Limit = 100, cursor: Cursor = None,
        language: InLanguage = Language.EN,
    ) -> Response:  # fmt: skip
        """Dead letters that nobody has handled, newest first."""

        async def made() -> DeadLetterList:
            found = await desk.listed(kind)
            after = _after(cursor)
            left = [each for each in found if after is None or (each.at, each.id) < after]
            more = encode_place((left[limit - 1].at, left[limit - 1].id)) if len(left) > limit else None
            shown = [with_spoken(letter, language, "detail") for letter in left[:limit]]
            return DeadLetterList(dead_letters=shown, total=len(found), next_cursor=more)

        return await answer(request, made)

    @router.get("/export", responses=EXPORTED)
    async def export_dead_letters(request: Request, form: ExportFormat = "csv", kind: OfKind = None) -> Response:
        """All dead letters of such a list as a file."""
        rows = [msgspec.to_builtins(letter) for letter in await desk.listed(kind)]
        return export_rows(request, form, "dead-letters", _COLUMNS, rows)

    @router.post("/{letter_id}/retry", responses=handled, openapi_extra=takes(HandleBody, required=False))
    async def retry_dead_letter(request: Request, letter_id: LetterId, language: InLanguage = Language.EN) -> Response:
        """Send an event to its topic again, or an alert to its sink once; the answer says what became of it."""
        body = await read_body(request, HandleBody)
        by = actor_of(request, body.by)
        with audited(request, by=by, action="dead_letter.retry", target=letter_id, details={"comment": body.comment}):
            return done(with_spoken(await desk.retry(letter_id, by, body.comment), language, "reason"))

    @router.post("/{letter_id}/discard", responses=handled, openapi_extra=takes(HandleBody, required=False))
    async def discard_dead_letter(request: Request, letter_id: LetterId) -> Response:
        """Take a dead letter from the list; its record stays in the topic."""
        body = await read_body(request, HandleBody)
        by = actor_of(request, body.by)
        with audited(request, by=by, action="dead_letter.discard", target=letter_id, details={"comment": body.comment}):
            return done(await desk.discard(letter_id, by, body.comment))

    return router


def _after(cursor: str | None) -> tuple[str, str] | None:
    try:
        after: tuple[str, str] | None = None if cursor is None else decode_place(cursor, tuple[str, str])
        return after
    except BadQuery as error:
        raise InvalidQuery("cursor", str(error)) from error
