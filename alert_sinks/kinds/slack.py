"""Slack by an incoming webhook. What people wrote is escaped, so that no project can mention a channel or fake a link.

Slack may answer 200 and still have refused: only a body that is `ok`, or JSON with `"ok": true`, is a delivery. Of the
refusals, the words in `TRANSIENT` are tried again, every other one is a dead letter.
"""

from urllib.parse import urlsplit

import httpx
import msgspec
from pydantic import SecretStr

from alert_sinks.digest import Digest
from alert_sinks.pace import Rate
from alert_sinks.posting import (
    TIMEOUT_SECONDS,
    HttpAnswer,
    NoHttpAnswer,
    json_body,
    outcome_of,
    post,
    printable,
    without_secrets,
)
from alert_sinks.receivers import HTTP, TEXTS, Fault, Form, ReceiverConfig, ReceiverKind, Values, each_of
from alert_sinks.retry_after import retry_after_seconds
from alert_sinks.settings import ADDRESS, SecretAddress, SinkSettings, reachable, sink_setting
from alert_sinks.sink import Attempt, Delivered, Destinations, Outcome, Rejected, Retry, Sink, SinkKind, SinkParts
from alert_sinks.slack_message import slack_digest, slack_payload
from models.alert import Alert

RATE_LIMITED = frozenset({"rate_limited", "ratelimited"})
TRANSIENT = RATE_LIMITED | {
    "fatal_error",
    "internal_error",
    "request_timeout",
    "rollup_error",
    "service_unavailable",
    "team_added_to_org",  # the workspace is being moved; Slack asks to try later
}

RATE = Rate(interval_seconds=1.0, burst=10)  # Slack takes one a second to a channel, and short bursts


class SlackSettings(SinkSettings):
    """One incoming webhook for the team, one for those on call."""

    slack_webhook_url: SecretAddress | None = sink_setting(None, "The team's Slack webhook.", form=ADDRESS)
    oncall_slack_webhook_url: SecretAddress | None = sink_setting(
        None, "The Slack webhook of the on-call team.", form=ADDRESS
    )


class SlackConfig(ReceiverConfig, frozen=True, kw_only=True):
    """An incoming webhook, or a bot that posts to a channel. Exactly one of the two."""

    api_url: SecretStr | None = None
    bot_token: SecretStr | None = None
    channel: str = ""  # with a webhook of Slack: fixed by Slack, and only shown


def _fault(values: Values) -> Fault:
    if values.get("api_url") and values.get("bot_token"):
        return "bot_token", "stands beside `api_url`; keep one of the two"
    if not values.get("api_url") and not values.get("bot_token"):
        return "api_url", "is missing, and `bot_token` too; set one of the two, or `slack_api_url` under `global`"
    if values.get("bot_token") and not values.get("channel"):
        return "channel", "is missing; name the channel to which the bot posts"
    return None


RECEIVER = ReceiverKind(
    key="slack_configs",
    config=SlackConfig,
    forms={"api_url": Form.SECRET_ADDRESS, "bot_token": Form.SECRET, "channel": Form.TEXT},
    defaults={"api_url": "slack_api_url"},
    refused=each_of(TEXTS, "username", "color", "title", "title_link", "pretext", "text", "fields", "short_fields",
                    "footer", "fallback", "callback_id", "icon_emoji", "icon_url", "image_url", "thumb_url",
                    "link_names", "mrkdwn_in", "actions") | {"http_config": HTTP},
    fault=_fault,
    common={"slack_api_url": Form.SECRET_ADDRESS},
)  # fmt: skip


class _SlackAnswer(msgspec.Struct):
    ok: bool
    error: str = ""


_verdicts = msgspec.json.Decoder(_SlackAnswer)


class SlackSink:
    """One incoming webhook of Slack. The client is shared and stays open."""

    def __init__(
        self, client: httpx.AsyncClient, url: str, *, name: str = "slack", timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        self.name = name
        self._client = client
        self._url = url
        self.rate = slack_rate(url)
        self._timeout_seconds = timeout_seconds

    async def deliver(self, alert: Alert, attempt: Attempt) -> Outcome:
        """Posts the alert once."""
        return await self._post(slack_payload(alert, attempt.texts), attempt)

    async def deliver_digest(self, digest: Digest, attempt: Attempt) -> Outcome:
        """Posts them all once."""
        return await self._post(slack_digest(digest), attempt)

    async def _post(self, payload: dict[str, object], attempt: Attempt) -> Outcome:
        content = json_body(payload)
        return slack_outcome(
            await post(self._client, self._url, content, {}, self._timeout_seconds, attempt.check),
            attempt.at_ms,
            self._url,
        )

    async def aclose(self) -> None:
        """Nothing to close."""


def slack_rate(url: str) -> Rate | None:
    """Of a server that only takes Slack's messages nothing is known."""
    return RATE if f".{urlsplit(url).hostname or ''}".endswith(".slack.com") else None


def slack_outcome(answer: HttpAnswer | NoHttpAnswer, now_ms: int, *secrets: str) -> Outcome:
    """What Slack's answer means; its status first, then its words."""
    outcome = outcome_of(answer, now_ms, *secrets)
    if isinstance(answer, NoHttpAnswer) or not isinstance(outcome, Delivered):
        return outcome
    if answer.broke_off:
        return Retry(None, "Slack's answer was cut off")
    word = _word(answer.body)
    if word == "ok":
        return Delivered()
    reason = f"Slack answered {printable(without_secrets(word, secrets)) or 'nothing'}"
    if word in TRANSIENT:
        after = retry_after_seconds(answer.retry_after, now_ms)
        return Retry(after, reason, holds_sink=word in RATE_LIMITED)
    return Rejected(reason)


def _word(body: bytes) -> str:
    text = body.decode("utf-8", "replace").strip()
    if not text.startswith("{"):
        return text
    try:
        verdict = _verdicts.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return text
    return "ok" if verdict.ok else verdict.error or "not ok"


def _sinks(settings: SlackSettings, client: httpx.AsyncClient) -> Destinations:
    def made(name: str, address: SecretAddress | None) -> list[SlackSink]:
        if address is None:
            return []
        return [SlackSink(client, reachable(address), name=name, timeout_seconds=settings.sink_timeout_seconds)]

    return Destinations(
        made("slack", settings.slack_webhook_url), made("oncall_slack", settings.oncall_slack_webhook_url)
    )


def _configs(settings: SlackSettings) -> tuple[list[SlackConfig], list[SlackConfig]]:
    def made(address: SecretAddress | None) -> list[SlackConfig]:
        return [] if address is None else [SlackConfig(api_url=address)]

    return made(settings.slack_webhook_url), made(settings.oncall_slack_webhook_url)


def _rate(config: SlackConfig) -> Rate | None:
    return RATE if config.api_url is None else slack_rate(config.api_url.get_secret_value())


def _of_config(config: SlackConfig, parts: SinkParts) -> Sink:
    if config.api_url is None:
        from alert_sinks.kinds.slack_bot import SlackBot  # it takes its words from here

        return SlackBot(config, parts)
    url = reachable(config.api_url)
    return SlackSink(parts.client, url, name=parts.name, timeout_seconds=parts.timeout_seconds)


KIND = SinkKind(SlackSettings, _sinks, configs=_configs, receiver=RECEIVER, of_config=_of_config, rate=_rate,
                keeps_incidents=lambda config: config.bot_token is not None)  # fmt: skip
