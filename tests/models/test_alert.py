"""An alert leaves as the JSON object that everybody outside reads."""

from datetime import UTC, datetime, timedelta, timezone

from models.alert import Alert, AlertStatus, Severity
from models.times import epoch_ms, rfc3339

ALERT = Alert(
    alert_key="episode_failure_rate:project_123",
    alert_id="a1b2",
    rule_id="episode_failure_rate",
    alert_type="HIGH_FAILURE_RATE",
    severity=Severity.WARNING,
    status=AlertStatus.FIRING,
    project_id="project_123",
    title="High failure rate",
    description="Episode creation failure rate exceeds 1%",
    value=2.0,
    threshold=1.0,
    window_minutes=15,
    sample_size=100,
    starts_at_ms=1_760_000_000_123,
    ends_at_ms=None,
    updated_at_ms=1_760_000_060_000,
    labels={"team": "dev"},
    trace_ids=["4bf92f3577b34da6a3ce929d0e0e4736"],
)


def test_an_alert_leaves_with_rfc_3339_times_and_lower_case_words() -> None:
    assert ALERT.to_dict() == {
        "alert_key": "episode_failure_rate:project_123",
        "alert_id": "a1b2",
        "rule_id": "episode_failure_rate",
        "alert_type": "HIGH_FAILURE_RATE",
        "severity": "warning",
        "status": "firing",
        "project_id": "project_123",
        "title": "High failure rate",
        "description": "Episode creation failure rate exceeds 1%",
        "value": 2.0,
        "threshold": 1.0,
        "window_minutes": 15,
        "sample_size": 100,
        "starts_at": "2025-10-09T08:53:20.123Z",
        "ends_at": None,
        "updated_at": "2025-10-09T08:54:20.000Z",
        "acknowledged_by": None,
        "silenced_until": None,
        "escalation_level": 0,
        "reason": "",
        "labels": {"team": "dev"},
        "annotations": {},
        "runbook_url": None,
        "dashboard_url": None,
        "trace_ids": ["4bf92f3577b34da6a3ce929d0e0e4736"],
    }


def test_a_transition_is_named_by_firing_status_and_escalation() -> None:
    assert ALERT.transition_id == "a1b2:firing:0"


def test_milliseconds_become_text_and_come_back() -> None:
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert epoch_ms(datetime(2025, 10, 9, 8, 53, 20, 123_999, tzinfo=UTC)) == 1_760_000_000_123
    assert epoch_ms(datetime(2025, 10, 9, 17, 53, 20, tzinfo=timezone(timedelta(hours=9)))) == 1_760_000_000_000
    assert epoch_ms(datetime(1969, 12, 31, 23, 59, 59, 999_500, tzinfo=UTC)) == -1
