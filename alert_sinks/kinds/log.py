"""Writes alerts to the log: the team's only sink if no other one is configured. It takes everything."""

import structlog

from alert_sinks.digest import Digest
from alert_sinks.sink import Attempt, Delivered, Outcome
from alert_sinks.texts.numbers import threshold_of, value_of
from models.alert import Alert, AlertStatus, Severity

_log = structlog.get_logger(__name__)


class LogSink:
    """One line an alert: error for critical, warning for warning, info for the rest."""

    def __init__(self, name: str = "log") -> None:
        self.name = name

    async def deliver(self, alert: Alert, attempt: Attempt) -> Outcome:
        """Logs the alert."""
        say = _log.info
        links = {"runbook_url": alert.runbook_url, "dashboard_url": alert.dashboard_url}
        if alert.status is AlertStatus.FIRING:
            say = {Severity.CRITICAL: _log.error, Severity.WARNING: _log.warning}.get(alert.severity, _log.info)
        say(
            f"alert {alert.status.value}",
            title=alert.title,
            description=alert.description,
            project_id=alert.project_id,
            rule_id=alert.rule_id,
            severity=alert.severity.value,
            value=value_of(alert, attempt.texts),
            threshold=threshold_of(alert, attempt.texts),
            reason=alert.reason,
            alert_key=alert.alert_key,
            transition_id=alert.transition_id,
            **{name: address for name, address in links.items() if address},
        )
        return Delivered()

    async def deliver_digest(self, digest: Digest, attempt: Attempt) -> Outcome:
        """Logs all of them in one line."""
        _log.warning(digest.title, alerts=[alert.alert_key for alert in digest.shown], truncated=digest.truncated)
        return Delivered()

    async def aclose(self) -> None:
        """Nothing to close."""
