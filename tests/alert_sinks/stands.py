"""For each kind of sink a real local server, and a receiver's way that leads to it: what the contract suite runs on."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import SecretStr

from alert_sinks.kinds.alertmanager import AlertmanagerConfig
from alert_sinks.kinds.apprise import AppriseConfig
from alert_sinks.kinds.email import EmailConfig, EmailSink
from alert_sinks.kinds.pagerduty import PagerdutyConfig
from alert_sinks.kinds.slack import SlackConfig
from alert_sinks.kinds.webhook import WebhookConfig
from alert_sinks.receiver_sinks import build_receivers
from alert_sinks.receivers import Receiver as FileReceiver
from alert_sinks.receivers import ReceiverConfig
from alert_sinks.sink import Sink, SinkParts
from tests.alert_sinks.mail_server import mailing
from tests.alert_sinks.receiver import Receiver, answers, hangs, receiving
from tests.alert_sinks.support import Signal

SECRET = "hushhush0123456789hushhush012345"
SHORT = 0.5  # seconds, for destinations that never answer


@dataclass
class Stand:
    """A sink, and the server to which it delivers. `says(status)` lets the server answer the next message so."""

    sink: Sink
    says: Callable[[int], None]
    hangs: Callable[[], None]
    stop: Callable[[], Any]  # the server refuses connections from then on
    texts: Callable[[], list[str]]  # of each message that came, all that people read, decoded
    ids: Callable[[], list[str]]  # what names each message
    knows_status: bool = True  # False: its library says only whether it was taken
    waits: bool = True  # understands Retry-After


def _config(key: str, url: str) -> ReceiverConfig:
    address = SecretStr(f"{url}/{SECRET}")
    port = url.rsplit(":", 1)[1].split("/")[0]
    made: dict[str, ReceiverConfig] = {
        "slack": SlackConfig(api_url=address),
        "webhook": WebhookConfig(url=address, secret=SecretStr(SECRET)),
        "pagerduty": PagerdutyConfig(routing_key=SecretStr(SECRET), url=url),
        "alertmanager": AlertmanagerConfig(url=SecretStr(url), bearer_token=SecretStr(SECRET)),
        "apprise": AppriseConfig(url=SecretStr(f"gotify://127.0.0.1:{port}/{SECRET}")),
    }
    return made[key]


def _id_of(key: str, receiver: Receiver) -> list[str]:
    def one(request: Any) -> str:
        if key == "webhook":
            return str(request.headers["webhook-id"])
        if key == "pagerduty":
            return str(request.json["dedup_key"])
        if key == "alertmanager":  # it knows an alert by its labels and start
            return json.dumps([[each["labels"], each["startsAt"]] for each in request.json])
        return str(request.body)  # a service without ids of messages: at least the same message

    return [one(request) for request in receiver.requests]


@contextlib.asynccontextmanager
async def http_stand(key: str, client: httpx.AsyncClient, timeout_seconds: float) -> AsyncIterator[Stand]:
    """For kinds that post."""
    async with receiving(Signal()) as receiver:
        receiver.default = answers(200, b"ok")
        receivers = [FileReceiver(name="team", configs=(_config(key, receiver.url),))]
        (made,) = build_receivers(receivers, client, timeout_seconds)["team"]

        def says(status: int) -> None:
            extra = {"retry_after": "7"} if status in (429, 503) else {}
            extra |= {"location": receiver.url + "/elsewhere"} if 300 <= status < 400 else {}
            receiver.script.append(answers(status, SECRET.encode() + b" is what you sent", **extra))

        yield Stand(
            made.sink, says, lambda: receiver.script.append(hangs), receiver.stop,
            texts=lambda: [json.dumps(request.json, ensure_ascii=False) for request in receiver.requests],
            ids=lambda: _id_of(key, receiver), knows_status=key != "apprise",
        )  # fmt: skip
        receiver.script.clear()


_SMTP = {
    200: "250 OK",
    400: "550 refused " + SECRET,
    429: "451 later",
    503: "421 busy",
    408: "451 slow",
    500: "451 oops",
}


@contextlib.asynccontextmanager
async def mail_stand(client: httpx.AsyncClient, timeout_seconds: float) -> AsyncIterator[Stand]:
    """For e-mail."""
    async with mailing() as server:
        config = EmailConfig(
            to="kim@example.com, lee@example.com", smarthost=f"127.0.0.1:{server.port}", sender="monitor@example.com",
            auth_username="monitor", auth_password=SecretStr(SECRET),
        )  # fmt: skip
        sink = EmailSink(config, SinkParts(client, "team/email", timeout_seconds), tls=server.client_tls)

        def hang() -> None:
            server.hangs = True

        async def stop() -> None:
            server.stop()

        yield Stand(
            sink, lambda status: server.script.append(_SMTP[status]), hang, stop,
            texts=lambda: [f"{mail['subject']}\n{mail.get_content()}" for mail in server.mails],
            ids=lambda: [str(mail["message-id"]) for mail in server.mails], waits=False,
        )  # fmt: skip


@contextlib.asynccontextmanager
async def stand_of(key: str, client: httpx.AsyncClient, timeout_seconds: float = 10.0) -> AsyncIterator[Stand]:
    """The stand of one kind: the word before `_configs`."""
    made = mail_stand(client, timeout_seconds) if key == "email" else http_stand(key, client, timeout_seconds)
    async with made as stand:
        yield stand
