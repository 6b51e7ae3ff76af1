"""Records for the storage tests, with only what a test cares about to be said."""

from typing import Any

from episode_monitor.storage.audit import AuditEntry
from models.alert import Alert, AlertStatus, Severity

NOON_MS = 1_760_000_400_000  # 2025-10-09T09:00:00Z


def alert(number: int = 1, **changes: Any) -> Alert:
    """A firing of its own for each number, one second after the one before."""
    fields: dict[str, Any] = {
        "alert_key": "episode_failure_rate:p1",
        "alert_id": f"firing-{number}",
        "rule_id": "episode_failure_rate",
        "alert_type": "HIGH_FAILURE_RATE",
        "severity": Severity.WARNING,
        "status": AlertStatus.FIRING,
        "project_id": "p1",
        "title": "Too many failures",
        "description": "2 of 100 failed",
        "value": 2.0,
        "threshold": 1.0,
        "window_minutes": 15,
        "sample_size": 100,
        "starts_at_ms": NOON_MS,
        "ends_at_ms": None,
        "updated_at_ms": NOON_MS + number * 1000,
        "reason": "threshold_crossed",
    }
    return Alert(**(fields | changes))


def entry(number: int = 1, **changes: Any) -> AuditEntry:
    """An audit row of its own for each number, one second after the one before."""
    fields: dict[str, Any] = {
        "who": "kim",
        "what": "alert.resolve",
        "target": "episode_failure_rate:p1",
        "result": "done",
        "at_ms": NOON_MS + number * 1000,
        "request": {"comment": f"number {number}"},
    }
    return AuditEntry(**(fields | changes))
