"""Pushes alerts to an Alertmanager by its API v2, as Prometheus does.

A firing alert ends there after `FIRES_FOR_MS` unless it is sent again, so that an alert of a monitor that is gone ends.
"""

from typing import Any

from pydantic import SecretStr

from alert_sinks import wording
from alert_sinks.digest import Digest
from alert_sinks.posting import json_body, outcome_of, post
from alert_sinks.receivers import Form, ReceiverConfig, ReceiverKind
from alert_sinks.settings import reachable
from alert_sinks.sink import Attempt, Outcome, SinkKind, SinkParts
from alert_sinks.texts.catalogue import Texts
from alert_sinks.texts.english import ENGLISH
from models.alert import Alert, AlertStatus
from models.times import rfc3339
from streams.routing.labels import labels_of

FIRES_FOR_MS = 7 * 24 * 3_600_000  # longer than any usual repeat_interval, each repetition extends it
MAX_TEXT = 10_000


class AlertmanagerConfig(ReceiverConfig, frozen=True, kw_only=True):
    """An Alertmanager that gets the alerts through its API v2. `url` is its base address."""

    url: SecretStr
    bearer_token: SecretStr | None = None


RECEIVER = ReceiverKind(
    key="alertmanager_configs",
    config=AlertmanagerConfig,
    forms={"url": Form.SECRET_ADDRESS, "bearer_token": Form.SECRET},
    required=("url",),
)


class AlertmanagerSink:
    """Posts to `/api/v2/alerts` below one address. The client is shared and stays open."""

    def __init__(self, config: AlertmanagerConfig, parts: SinkParts) -> None:
        self.name = parts.name
        self._url = reachable(config.url).rstrip("/") + "/api/v2/alerts"
        token = config.bearer_token
        self._secret = "" if token is None else token.get_secret_value()
        self._parts = parts

    async def deliver(self, alert: Alert, attempt: Attempt) -> Outcome:
        """Pushes the alert once."""
        return await self._push([alert], attempt)

    async def deliver_digest(self, digest: Digest, attempt: Attempt) -> Outcome:
        """Pushes those that the digest shows in one request; the Alertmanager groups them itself."""
        return await self._push(digest.shown, attempt)

    async def _push(self, alerts: list[Alert] | tuple[Alert, ...], attempt: Attempt) -> Outcome:
        body = json_body([pushed(alert, attempt.at_ms, attempt.texts) for alert in alerts])
        headers = {"authorization": f"Bearer {self._secret}"} if self._secret else {}
        answer = await post(self._parts.client, self._url, body, headers, self._parts.timeout_seconds, attempt.check)
        return outcome_of(answer, attempt.at_ms, self._secret, self._url)

    async def aclose(self) -> None:
        """Nothing to close."""


def pushed(alert: Alert, now_ms: int, texts: Texts = ENGLISH) -> dict[str, Any]:
    """The alert as `postableAlert` of Alertmanager's OpenAPI; empty labels and annotations are left out."""
    is_over = alert.status is AlertStatus.RESOLVED
    ends_at_ms = (alert.ends_at_ms or alert.updated_at_ms) if is_over else now_ms + FIRES_FOR_MS
    annotations = {
        "summary": alert.title, "description": alert.description, "reason": wording.reason(alert.reason, texts),
        "runbook_url": alert.runbook_url, "dashboard_url": alert.dashboard_url,
    }  # fmt: skip
    return {
        "labels": {name: value for name, value in labels_of(alert).items() if value},
        "annotations": {name: wording.cut(value, MAX_TEXT) for name, value in annotations.items() if value},
        "startsAt": rfc3339(alert.starts_at_ms),
        "endsAt": rfc3339(max(ends_at_ms, alert.starts_at_ms)),
        **({"generatorURL": alert.dashboard_url} if alert.dashboard_url else {}),
    }


KIND = SinkKind(receiver=RECEIVER, of_config=AlertmanagerSink, takes_all=True)
