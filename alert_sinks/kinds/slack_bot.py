"""Slack by a bot's token: one message for each incident, edited as it changes, with the timeline in its thread.

Only Slack knows where the message is, which carries the incident's key as metadata. Before one is posted, the newest of
the channel are looked through for it, so that neither a restart nor a lost answer makes a second one.
"""

import hashlib
from typing import Any
from urllib.parse import urlencode

import msgspec
import structlog

from alert_sinks import wording
from alert_sinks.digest import Digest
from alert_sinks.kinds.slack import RATE, SlackConfig, slack_outcome
from alert_sinks.posting import HttpAnswer, json_body, post
from alert_sinks.sink import Attempt, Delivered, Outcome, Retry, SinkParts
from alert_sinks.slack_buttons import with_buttons
from alert_sinks.slack_message import MAX_FALLBACK, escaped, slack_digest, slack_payload
from models.alert import Alert, AlertStatus

_log = structlog.get_logger(__name__)

API = "https://slack.com/api"
LOOKED_THROUGH = 100  # messages of the channel
MAX_ANSWER_BYTES = 4 * 1024 * 1024  # Slack repeats what was posted
EVENT_TYPE = "episode_monitor_incident"
_FORM = {"content-type": "application/x-www-form-urlencoded"}


class _Payload(msgspec.Struct):
    key: str = ""
    message: str = ""
    is_over: bool = False


class _Metadata(msgspec.Struct):
    event_type: str = ""
    event_payload: _Payload = msgspec.field(default_factory=_Payload)


class _Message(msgspec.Struct):
    ts: str = ""
    metadata: Any = None


class _Answer(msgspec.Struct):
    ok: bool = False
    ts: str = ""
    channel: str = ""
    messages: list[_Message] = []


class SlackBot:
    """A bot in one channel. With a channel's name in place of its id, messages of an earlier process are not found."""

    rate = RATE

    def __init__(self, config: SlackConfig, parts: SinkParts, *, api: str = API) -> None:
        assert config.bot_token is not None
        self.name = parts.name
        self._token = config.bot_token.get_secret_value()
        self._channel = config.channel
        self._parts = parts
        self._api = api
        self._known: dict[str, tuple[str, str]] = {}  # incident -> id of the channel, time stamp of the message
        self._says_no_history = False

    async def deliver(self, alert: Alert, attempt: Attempt) -> Outcome:
        """Posts or edits the incident's message once."""
        return await self._tell(
            self._shown(alert, attempt), wording.event(alert, attempt.texts),
            attempt.group_key or alert.alert_key, attempt.message_id or alert.transition_id, alert, attempt,
        )  # fmt: skip

    async def deliver_digest(self, digest: Digest, attempt: Attempt) -> Outcome:
        """The same for many."""
        return await self._tell(
            slack_digest(digest), digest.title, attempt.group_key or digest.group_key,
            attempt.message_id, digest.worst, attempt,
        )  # fmt: skip

    def _shown(self, alert: Alert, attempt: Attempt) -> dict[str, object]:
        payload = slack_payload(alert, attempt.texts)
        return with_buttons(payload, alert, attempt.texts) if self._parts.has_buttons else payload

    async def _tell(
        self, payload: dict[str, object], line: str, incident: str, name: str, worst: Alert, attempt: Attempt
    ) -> Outcome:
        key, message = _hash(incident), _hash(name)
        is_over = worst.status is AlertStatus.RESOLVED
        about = {"key": key, "message": message, "is_over": is_over}
        payload = {**payload, "metadata": {"event_type": EVENT_TYPE, "event_payload": about}}
        place = self._known.get(key) or await self._found(key, message, attempt)
        if isinstance(place, Retry):
            return place
        if place is None:
            outcome, said = await self._call("chat.postMessage", {**payload, "channel": self._channel}, attempt)
            if isinstance(outcome, Delivered) and said.ts and not is_over:
                self._known[key] = said.channel or self._channel, said.ts
            return outcome
        channel, ts = place
        outcome, _ = await self._call("chat.update", {**payload, "channel": channel, "ts": ts}, attempt)
        if isinstance(outcome, Delivered):
            reply: dict[str, object] = {"channel": channel, "thread_ts": ts, "text": escaped(line, MAX_FALLBACK)}
            outcome, _ = await self._call("chat.postMessage", reply, attempt)
        if isinstance(outcome, Delivered):
            self._known[key] = place
            if is_over:
                del self._known[key]
        return outcome

    async def _found(self, key: str, message: str, attempt: Attempt) -> tuple[str, str] | Retry | None:
        """The incident's message that an earlier process, or a try without an answer, has left in the channel."""
        if self._channel.startswith("#"):
            return None
        asked = {"channel": self._channel, "limit": LOOKED_THROUGH, "include_all_metadata": "true"}
        outcome, said = await self._call("conversations.history", asked, attempt, is_form=True)
        if isinstance(outcome, Retry):
            return outcome
        if not isinstance(outcome, Delivered):
            if not self._says_no_history:
                self._says_no_history = True
                _log.warning("the bot cannot read its channel, so a restart may post an incident a second time; "
                             "give it the scope channels:history", sink=self.name, reason=outcome.reason)  # fmt: skip
            return None
        for one in said.messages:
            about = _about(one)
            if about.key == key and (not about.is_over or about.message == message):
                return self._channel, one.ts
        return None

    async def _call(
        self, method: str, body: dict[str, object], attempt: Attempt, *, is_form: bool = False
    ) -> tuple[Outcome, _Answer]:
        content = urlencode(body).encode() if is_form else json_body(body)
        headers = {"authorization": f"Bearer {self._token}", **(_FORM if is_form else {})}
        answer = await post(
            self._parts.client, f"{self._api}/{method}", content, headers, self._parts.timeout_seconds, attempt.check,
            max_answer_bytes=MAX_ANSWER_BYTES,
        )  # fmt: skip
        return slack_outcome(answer, attempt.at_ms, self._token), _read(answer)

    async def aclose(self) -> None:
        """Nothing to close."""


def _read(answer: object) -> _Answer:
    try:
        return msgspec.json.decode(answer.body, type=_Answer) if isinstance(answer, HttpAnswer) else _Answer()
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _Answer()


def _about(message: _Message) -> _Payload:
    try:
        found = msgspec.convert(message.metadata or {}, _Metadata)
    except msgspec.ValidationError:
        return _Payload()
    return found.event_payload if found.event_type == EVENT_TYPE else _Payload()


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:32]
