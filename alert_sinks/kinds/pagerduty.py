"""PagerDuty by its Events API v2: one incident for each group of alerts, which ends when nothing in the group fires.

`dedup_key` is computed from the group, so a repetition opens no second incident.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from pydantic import SecretStr

from alert_sinks import wording
from alert_sinks.digest import Digest
from alert_sinks.posting import json_body, outcome_of, post
from alert_sinks.receivers import ALERTS_OWN, HTTP, TEXTS, Form, ReceiverConfig, ReceiverKind, each_of
from alert_sinks.settings import reachable
from alert_sinks.sink import Attempt, Outcome, SinkKind, SinkParts
from alert_sinks.texts.catalogue import Texts
from models.alert import Alert, AlertStatus, Severity
from models.times import rfc3339

PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue"
MAX_SUMMARY = 1024
MAX_DETAIL = 10_000  # characters of one row; PagerDuty refuses events of more than 512 KiB
CLIENT = "episode-monitor"
SEVERITIES = {Severity.CRITICAL: "critical", Severity.WARNING: "warning", Severity.INFO: "info"}


class PagerdutyConfig(ReceiverConfig, frozen=True, kw_only=True):
    """A service of PagerDuty, Events API v2."""

    routing_key: SecretStr
    url: str = PAGERDUTY_URL


RECEIVER = ReceiverKind(
    key="pagerduty_configs",
    config=PagerdutyConfig,
    forms={"routing_key": Form.SECRET, "url": Form.ADDRESS},
    required=("routing_key",),
    defaults={"url": "pagerduty_url"},
    refused=each_of(TEXTS, "client", "client_url", "description", "details", "images", "links")
    | each_of(ALERTS_OWN, "severity", "class", "component", "group")
    | {"http_config": HTTP, "service_key": "use `routing_key`, the key of an integration with Events API v2"},
    common={"pagerduty_url": Form.ADDRESS},
)


class PagerdutySink:
    """Sends events to one integration. The client is shared and stays open."""

    def __init__(self, config: PagerdutyConfig, parts: SinkParts) -> None:
        self.name = parts.name
        self._key = config.routing_key.get_secret_value()
        self._url = reachable(SecretStr(config.url))
        self._parts = parts

    async def deliver(self, alert: Alert, attempt: Attempt) -> Outcome:
        """Sends the alert once."""
        facts = wording.facts(alert, attempt.texts)
        return await self._send(
            action_of([alert]),
            alert,
            wording.headline(alert, attempt.texts),
            facts,
            attempt.group_key or alert.alert_key,
            attempt,
        )

    async def deliver_digest(self, digest: Digest, attempt: Attempt) -> Outcome:
        """Sends one event for all of them."""
        listed = wording.Fact(digest.texts.say("fact.alerts"), "\n".join(wording.lines(digest)), False)
        facts = [listed, *wording.digest_facts(digest)]
        return await self._send(
            action_of(digest.alerts), digest.worst, digest.title, facts, attempt.group_key or digest.group_key, attempt
        )

    async def _send(
        self, action: str, alert: Alert, summary: str, facts: list[wording.Fact], group_key: str, attempt: Attempt
    ) -> Outcome:
        event = _event(action, alert, summary, facts, dedup_key(group_key), attempt.texts)
        body = json_body({"routing_key": self._key, **event})
        answer = await post(self._parts.client, self._url, body, {}, self._parts.timeout_seconds, attempt.check)
        return outcome_of(answer, attempt.at_ms, self._key)

    async def aclose(self) -> None:
        """Nothing to close."""


def dedup_key(group_key: str) -> str:
    """64 hexadecimal digits; PagerDuty takes 255 characters, and a group's key may be longer."""
    return hashlib.sha256(group_key.encode("utf-8", "replace")).hexdigest()


def _event(
    action: str, alert: Alert, summary: str, facts: list[wording.Fact], key: str, texts: Texts
) -> dict[str, Any]:
    links = [(alert.runbook_url, texts.say("fact.runbook")), (alert.dashboard_url, texts.say("fact.dashboard"))]
    return {
        "event_action": action,
        "dedup_key": key,
        "client": CLIENT,
        "links": [{"href": address, "text": text} for address, text in links if address],
        "payload": {
            "summary": wording.cut(summary, MAX_SUMMARY),
            "source": wording.cut(alert.project_id, MAX_SUMMARY) or CLIENT,
            "severity": SEVERITIES[alert.severity],
            "timestamp": rfc3339(alert.updated_at_ms),
            "component": "episode-numbering",
            "group": alert.rule_id,
            "class": alert.alert_type,
            "custom_details": {
                texts.say("fact.description"): wording.cut(alert.description, MAX_DETAIL),
                **{fact.title: wording.cut(fact.value, MAX_DETAIL) for fact in facts},
            },
        },
    }


def action_of(alerts: Sequence[Alert]) -> str:
    """Of an incident: it is over when nothing fires, and acknowledged when all that fires is."""
    firing = [alert for alert in alerts if alert.status is not AlertStatus.RESOLVED]
    if not firing:
        return "resolve"
    return "acknowledge" if all(alert.acknowledged_by for alert in firing) else "trigger"


KIND = SinkKind(receiver=RECEIVER, of_config=PagerdutySink, keeps_incidents=lambda _: True)
