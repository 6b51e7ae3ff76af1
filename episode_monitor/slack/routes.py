"""What Slack sends when a person presses a button. The signature stands in place of a token."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import structlog
from fastapi import APIRouter, Request
from starlette.responses import Response

from alert_sinks.slack_buttons import ACTIONS, SILENCE
from alert_sinks.texts.catalogue import Texts
from alert_sinks.texts.english import ENGLISH
from alert_sinks.wording import one_line
from episode_monitor.slack.signature import is_from_slack
from episode_monitor.web.alert_desk import AlertAct, AlertActKind
from episode_monitor.web.context import alert_desk_of, context_of
from episode_monitor.web.mutations import audited
from episode_monitor.web.problems import Problem, to_problem
from episode_monitor.web.security import SLACK_PATH

log = structlog.get_logger(__name__)

ANSWER_SECONDS = 2.5  # Slack waits 3
SILENCE_MINUTES = 60
SAY_HOST = "hooks.slack.com"

Say = Callable[[str, str], Awaitable[None]]


class _User(msgspec.Struct):
    id: str = ""
    name: str = ""
    username: str = ""


class _Action(msgspec.Struct):
    action_id: str
    value: str


class _Pressed(msgspec.Struct):
    actions: list[_Action]
    user: _User
    response_url: str = ""


def say_by(client: httpx.AsyncClient) -> Say:
    """Says a sentence to the person alone, at the address that came with the press."""

    async def say(url: str, text: str) -> None:
        if urlsplit(url).scheme != "https" or urlsplit(url).hostname != SAY_HOST:
            return
        body = {"response_type": "ephemeral", "replace_original": False, "text": text}
        try:
            await client.post(url, json=body, timeout=ANSWER_SECONDS)
        except (httpx.HTTPError, OSError) as error:
            log.warning("Slack did not take an answer", reason=type(error).__name__)

    return say


def slack_router(say: Say, texts: Texts = ENGLISH) -> APIRouter:
    """For `create_web_app(extra_routers=[...])`; refusals are said in English."""
    router, under_way = APIRouter(tags=["alerts"]), set[asyncio.Task[None]]()

    @router.post(SLACK_PATH, include_in_schema=False)
    async def slack_action(request: Request) -> Response:
        """A press of a button; Slack shows nothing of this answer, and the person is answered by `say`."""
        pressed = _read(await _signed(request))
        task = asyncio.create_task(_act_and_say(request, pressed, say, texts))
        under_way.add(task)  # goes on after the answer
        task.add_done_callback(under_way.discard)
        await asyncio.wait({task}, timeout=ANSWER_SECONDS)
        return Response(status_code=200)

    return router


async def _signed(request: Request) -> bytes:
    web, headers, body = context_of(request), request.headers, await request.body()
    secret = web.settings.slack_signing_secret
    if not secret:
        raise Problem(501, "not_available", "Slack's buttons need SLACK_SIGNING_SECRET.")
    timestamp, signature = headers.get("x-slack-request-timestamp", ""), headers.get("x-slack-signature", "")
    if not is_from_slack(secret, timestamp, signature, body, web.now_ms()):
        raise Problem(401, "unauthorized", "The signature is not Slack's, or older than five minutes: check "
                                           "SLACK_SIGNING_SECRET and this machine's clock.")  # fmt: skip
    return body


def _read(body: bytes) -> _Pressed:
    try:
        (payload,) = parse_qs(body.decode(), strict_parsing=True)["payload"]
        pressed = msgspec.json.decode(payload, type=_Pressed)
        if len(pressed.actions) == 1 and pressed.actions[0].action_id in ACTIONS and pressed.actions[0].value:
            return pressed
    except (ValueError, KeyError, RecursionError, msgspec.MsgspecError):
        pass
    raise Problem(400, "malformed_action", "This is not the press of one of the monitor's buttons.")


async def _act_and_say(request: Request, pressed: _Pressed, say: Say, texts: Texts) -> None:
    (action,), user = pressed.actions, pressed.user
    by = one_line(user.name or user.username or user.id)[:200] or "slack"
    kind = AlertActKind(action.action_id.removeprefix("episode_monitor_"))
    minutes = SILENCE_MINUTES if action.action_id == SILENCE else None
    act = AlertAct(alert_key=action.value, kind=kind, by=by, comment="by a button in Slack", minutes=minutes)
    details: dict[str, Any] = {"comment": act.comment, "slack_user": user.id[:200]}
    text = texts.say(f"pressed.{kind.value}", person=by)
    try:
        with audited(request, by=by, action=f"alert.{kind.value}", target=act.alert_key, details=details):
            await alert_desk_of(request).perform(act)
    except Exception as error:
        text = _sentence(error, texts)
    await say(pressed.response_url, text)


def _sentence(error: Exception, texts: Texts) -> str:
    if isinstance(error, TimeoutError):
        return texts.say("pressed.late")
    try:
        return to_problem(error).detail
    except Exception:
        log.exception("a press of a button failed")
        return "The monitor failed to do this; see its log."
