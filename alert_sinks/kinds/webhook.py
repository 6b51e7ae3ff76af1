"""A webhook of the user's own, signed by the Standard Webhooks scheme when a secret is set.

`webhook-id` is computed from the transition, so it is the same over retries and restarts: a receiver that keeps the ids
it has seen gets every transition once.
"""

import base64
import binascii
import hashlib
from datetime import UTC, datetime
from typing import Annotated

import httpx
from pydantic import BeforeValidator, SecretStr
from standardwebhooks import Webhook

from alert_sinks.digest import Digest
from alert_sinks.posting import TIMEOUT_SECONDS, json_body, outcome_of, post
from alert_sinks.receivers import Form, ReceiverConfig, ReceiverKind
from alert_sinks.settings import ADDRESS, SecretAddress, SinkSettings, reachable, secret, sink_setting
from alert_sinks.sink import Attempt, Destinations, Outcome, SinkKind, SinkParts
from models.alert import Alert
from models.times import rfc3339

SERVICE = "project-service"
COMPONENT = "episode-numbering"
_PREFIX = "whsec_"


class WebhookConfig(ReceiverConfig, frozen=True, kw_only=True):
    """An address that takes a POST. `secret` signs it (Standard Webhooks). `max_alerts` 0: all of a group."""

    url: SecretStr
    secret: SecretStr | None = None
    max_alerts: int = 0


RECEIVER = ReceiverKind(
    key="webhook_configs",
    config=WebhookConfig,
    forms={"url": Form.SECRET_ADDRESS, "secret": Form.SECRET, "max_alerts": Form.COUNT},
    required=("url",),
    refused={"http_config": "remove it, and sign requests with `secret`; a proxy comes from HTTPS_PROXY"},
)


class WebhookSink:
    """Posts `{"alert", "timestamp", "service", "component"}`. The client is shared and stays open.

    `secret` is `whsec_` and base64, or any other text, whose UTF-8 bytes are then the key; None sends unsigned.
    `max_alerts`: of a group at most so many; 0: as many as a message holds.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        url: str,
        secret: str | None = None,
        *,
        name: str = "webhook",
        timeout_seconds: float = TIMEOUT_SECONDS,
        max_alerts: int = 0,
    ) -> None:
        self.name = name
        self._max_alerts = max_alerts
        self._client = client
        self._url = url
        self._signer = None if secret is None else Webhook(secret_key(secret))
        self._timeout_seconds = timeout_seconds

    async def deliver(self, alert: Alert, attempt: Attempt) -> Outcome:
        """Posts the alert once."""
        return await self._post(webhook_payload(alert, attempt), attempt.message_id or alert.transition_id, attempt)

    async def deliver_digest(self, digest: Digest, attempt: Attempt) -> Outcome:
        """Posts them all once."""
        return await self._post(digest_payload(digest, attempt, self._max_alerts), attempt.message_id, attempt)

    async def _post(self, payload: dict[str, object], name: str, attempt: Attempt) -> Outcome:
        body = json_body(payload)
        answer = await post(
            self._client, self._url, body, self._headers(name, attempt, body), self._timeout_seconds, attempt.check
        )
        return outcome_of(answer, attempt.at_ms, self._url)

    async def aclose(self) -> None:
        """Nothing to close."""

    def _headers(self, name: str, attempt: Attempt, body: bytes) -> dict[str, str]:
        identity = webhook_id(name)
        seconds = attempt.at_ms // 1000
        headers = {"webhook-id": identity, "webhook-timestamp": str(seconds)}
        if self._signer is not None:
            moment = datetime.fromtimestamp(seconds, UTC)
            headers["webhook-signature"] = self._signer.sign(identity, moment, body.decode())
        return headers


def webhook_payload(alert: Alert, attempt: Attempt) -> dict[str, object]:
    """The body. `timestamp` is the time of this try; the alert has the times of its transitions."""
    return {
        "alert": alert.to_dict(),
        "timestamp": rfc3339(attempt.at_ms),
        "service": SERVICE,
        "component": COMPONENT,
    }


def digest_payload(digest: Digest, attempt: Attempt, max_alerts: int = 0) -> dict[str, object]:
    """The body for many: that for the worst, and beside it all, or at most `max_alerts`, the worst first."""
    shown = digest.shown[:max_alerts] if max_alerts else digest.shown
    return {
        **webhook_payload(digest.worst, attempt),
        "alerts": [alert.to_dict() for alert in shown],
        "group_key": digest.group_key,
        "truncated": digest.total - len(shown),
    }


def webhook_id(name: str) -> str:
    """`msg_` and 32 hexadecimal digits. Hashed, because the signed text is split at dots, which an id may hold."""
    return "msg_" + hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:32]


def secret_key(secret: str) -> bytes:
    """The key bytes of a secret. Raises ValueError, which does not show the secret, if there is no key in it."""
    if not secret.startswith(_PREFIX):
        key = secret.encode()
    else:
        text = secret.removeprefix(_PREFIX)
        try:
            key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("after 'whsec_' is not base64; copy it again") from None
    if not key:
        raise ValueError("is empty; set it, or leave it out to send unsigned")
    return key


def _usable_secret(text: str) -> str:
    secret_key(text)
    return text


SigningSecret = Annotated[SecretStr, BeforeValidator(secret(_usable_secret))]


class WebhookSettings(SinkSettings):
    """One address for the team, one for those on call, and what signs them."""

    monitoring_webhook_url: SecretAddress | None = sink_setting(None, "The team's own webhook.", form=ADDRESS)
    monitoring_webhook_secret: SigningSecret | None = sink_setting(
        None, "The secret that signs webhook requests (Standard Webhooks).", form="whsec_ and base64, or any text"
    )
    oncall_webhook_url: SecretAddress | None = sink_setting(None, "The webhook of the on-call team.", form=ADDRESS)
    oncall_webhook_secret: SigningSecret | None = sink_setting(
        None, "The secret that signs requests to ONCALL_WEBHOOK_URL; unset: MONITORING_WEBHOOK_SECRET.", form="as above"
    )


def _sinks(settings: WebhookSettings, client: httpx.AsyncClient) -> Destinations:
    def made(name: str, address: SecretStr | None, signing: SecretStr | None) -> list[WebhookSink]:
        if address is None:
            return []
        key = None if signing is None else signing.get_secret_value()
        return [WebhookSink(client, reachable(address), key, name=name, timeout_seconds=settings.sink_timeout_seconds)]

    teams = settings.monitoring_webhook_secret
    return Destinations(
        made("webhook", settings.monitoring_webhook_url, teams),
        made("oncall_webhook", settings.oncall_webhook_url, settings.oncall_webhook_secret or teams),
    )


def _configs(settings: WebhookSettings) -> tuple[list[WebhookConfig], list[WebhookConfig]]:
    def made(address: SecretStr | None, signing: SecretStr | None) -> list[WebhookConfig]:
        return [] if address is None else [WebhookConfig(url=address, secret=signing)]

    teams = settings.monitoring_webhook_secret
    return (
        made(settings.monitoring_webhook_url, teams),
        made(settings.oncall_webhook_url, settings.oncall_webhook_secret or teams),
    )


def _of_config(config: WebhookConfig, parts: SinkParts) -> WebhookSink:
    key = None if config.secret is None else config.secret.get_secret_value()
    return WebhookSink(
        parts.client, reachable(config.url), key, name=parts.name, timeout_seconds=parts.timeout_seconds,
        max_alerts=config.max_alerts,
    )  # fmt: skip


KIND = SinkKind(WebhookSettings, _sinks, configs=_configs, receiver=RECEIVER, of_config=_of_config)
