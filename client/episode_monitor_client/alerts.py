"""Handlers of alerts that a team writes itself: `class MyHandler(AlertHandler)` with `handle(alert)`, sync or async.

The monitor runs a handler in a process of its own (`ALERT_HANDLERS=package.module:MyHandler`), so nothing that it does
can block or break other deliveries. A `handle` that raises is called again later, with growing pauses.
"""

import json
import os
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

POST_SECONDS = 10.0
SERVICE = "project-service"
COMPONENT = "episode-numbering"
_COLORS = {"critical": "danger", "warning": "warning", "info": "good"}


class Alert:
    """One alert as the monitor sends it to webhooks: each field of its JSON is an attribute, times are RFC 3339 texts.

    `alert_key`, `alert_id`, `rule_id`, `alert_type`, `severity` (`info`, `warning`, `critical`), `status` (`pending`,
    `firing`, `resolved`), `project_id`, `title`, `description`, `value`, `threshold`, `window_minutes`, `sample_size`,
    `starts_at`, `ends_at`, `updated_at`, `acknowledged_by`, `silenced_until`, `escalation_level`, `reason`, `labels`,
    `runbook_url`, `dashboard_url`, `trace_ids`, `inputs`. `alert_id`, `status` and `escalation_level` together name a
    transition.
    """

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = dict(fields)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_fields"][name]
        except KeyError:
            raise AttributeError(f"An alert has no field {name!r}.") from None

    def to_dict(self) -> dict[str, Any]:
        """The JSON object."""
        return dict(self._fields)

    def __repr__(self) -> str:
        return f"Alert({self._fields.get('alert_key')!r}, {self._fields.get('status')!r})"


class AlertHandler(ABC):
    """Made once in its process, without arguments."""

    @abstractmethod
    def handle(self, alert: Alert) -> Any:
        """Take one transition of an alert. May be `async`. An exception means: not taken, call again later."""


class SlackAlertHandler(AlertHandler):
    """Posts an attachment to an incoming webhook of Slack; override `payload` for another message."""

    def __init__(self, url: str | None = None) -> None:
        """`url` None: SLACK_WEBHOOK_URL. Raises ValueError where neither is there."""
        self._url = _address(url, "SLACK_WEBHOOK_URL")

    def payload(self, alert: Alert) -> dict[str, Any]:
        """The message."""
        color = "good" if alert.status == "resolved" else _COLORS.get(alert.severity, "warning")
        fields = [
            {"title": "Project", "value": _escaped(alert.project_id), "short": True},
            {"title": "Severity", "value": alert.severity.upper(), "short": True},
        ]
        attachment = {
            "color": color,
            "title": _escaped(alert.title),
            "text": _escaped(alert.description),
            "fields": fields,
        }
        return {"text": f"[{alert.severity.upper()}] {_escaped(alert.title)}", "attachments": [attachment]}

    def handle(self, alert: Alert) -> None:
        """Raises OSError where Slack does not take it."""
        answer = _post(self._url, self.payload(alert))
        if answer.strip() not in (b"ok", b'{"ok":true}'):
            raise OSError(f"Slack answered 200 but rejected the message: {answer[:100]!r}")


class WebhookAlertHandler(AlertHandler):
    """Posts the body of the monitor's own webhook; override `payload` for another one."""

    def __init__(self, url: str | None = None) -> None:
        """`url` None: MONITORING_WEBHOOK_URL. Raises ValueError where neither is there."""
        self._url = _address(url, "MONITORING_WEBHOOK_URL")

    def payload(self, alert: Alert) -> dict[str, Any]:
        """The body."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        return {"alert": alert.to_dict(), "timestamp": now, "service": SERVICE, "component": COMPONENT}

    def handle(self, alert: Alert) -> None:
        """Raises OSError where the receiver does not take it."""
        _post(self._url, self.payload(alert))


def _address(url: str | None, variable: str) -> str:
    found = url or os.environ.get(variable, "")
    if not found.startswith(("http://", "https://")):
        raise ValueError(f"Pass an address that begins with http:// or https://, or set {variable} to one.")
    return found


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _post(url: str, body: dict[str, Any]) -> bytes:
    """Raises OSError (HTTPError among them) for everything but 2xx."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=POST_SECONDS) as answer:  # of the settings  # nosec B310
        taken: bytes = answer.read(65_536)
        return taken
