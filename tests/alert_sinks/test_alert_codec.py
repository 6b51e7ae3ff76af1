"""The transition record: what stands on the wire, and that nothing read from it can raise."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.alert import Alert, AlertStatus, Severity
from models.alert_codec import decode_alert, encode_alert
from tests.alert_sinks.support import an_alert

EARLIEST_MS = -62_135_596_800_000  # 0001-01-01T00:00:00Z
LATEST_MS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z; RFC 3339 can write no more

times = st.integers(EARLIEST_MS, LATEST_MS)
texts = st.text(st.characters(exclude_categories=["Cs"]))
numbers = st.floats(allow_nan=False, allow_infinity=False)
alerts = st.builds(
    Alert,
    alert_key=texts,
    alert_id=texts,
    rule_id=texts,
    alert_type=texts,
    severity=st.sampled_from(Severity),
    status=st.sampled_from(AlertStatus),
    project_id=texts,
    title=texts,
    description=texts,
    value=st.none() | numbers,
    threshold=numbers,
    window_minutes=st.none() | st.integers(1, 10_000),
    sample_size=st.integers(0, 2**53),
    starts_at_ms=times,
    ends_at_ms=st.none() | times,
    updated_at_ms=times,
    acknowledged_by=st.none() | texts,
    silenced_until_ms=st.none() | times,
    escalation_level=st.integers(0, 9),
    reason=texts,
    labels=st.dictionaries(texts, texts, max_size=3),
    annotations=st.dictionaries(texts, texts, max_size=3),
    runbook_url=st.none() | texts,
    dashboard_url=st.none() | texts,
    trace_ids=st.lists(texts, max_size=3),
)


def wire(**changes: Any) -> bytes:
    """The record of a plain alert, with fields changed or, by `...`, left out."""
    fields = json.loads(encode_alert(an_alert())) | changes
    return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()


def test_the_record_is_the_alert_as_the_outside_sees_it() -> None:
    alert = an_alert(silenced_until_ms=1_760_000_060_000, labels={"team": "episodes"}, trace_ids=["4bf9"])

    assert json.loads(encode_alert(alert)) == {
        "alert_key": "episode_failure_rate:proj_1",
        "alert_id": "a1b2",
        "rule_id": "episode_failure_rate",
        "alert_type": "HIGH_FAILURE_RATE",
        "severity": "warning",
        "status": "firing",
        "project_id": "proj_1",
        "title": "High failure rate in proj_1",
        "description": "Episode creation failure rate exceeds 1%",
        "value": 2.5,
        "threshold": 1.0,
        "window_minutes": 15,
        "sample_size": 40,
        "starts_at": "2025-10-09T08:53:20.000Z",
        "ends_at": None,
        "updated_at": "2025-10-09T08:53:20.000Z",
        "acknowledged_by": None,
        "silenced_until": "2025-10-09T08:54:20.000Z",
        "escalation_level": 0,
        "reason": "",
        "labels": {"team": "episodes"},
        "annotations": {},
        "runbook_url": None,
        "dashboard_url": None,
        "trace_ids": ["4bf9"],
    }


@given(alerts)
def test_every_alert_comes_back_as_it_went(alert: Alert) -> None:
    assert decode_alert(encode_alert(alert)) == alert


def test_fields_of_a_newer_worker_are_ignored() -> None:
    assert decode_alert(wire(shiny="new", starts_at_ms=5)) == an_alert()


def test_a_time_with_another_offset_is_the_same_moment() -> None:
    assert decode_alert(wire(starts_at="2025-10-09T17:53:20+09:00")) == an_alert()


@pytest.mark.parametrize(
    "change",
    [
        {"alert_id": ...},
        {"starts_at": ...},
        {"severity": "WARNING"},
        {"status": "gone"},
        {"value": "2.5"},
        {"sample_size": 40.5},
        {"sample_size": True},
        {"escalation_level": "0"},
        {"starts_at": None},
        {"starts_at": 1_760_000_000_000},
        {"starts_at": "2025-10-09T08:53:20"},
        {"starts_at": "yesterday"},
        {"starts_at": "0001-01-01T00:00:00+23:59"},
        {"starts_at": "9999-12-31T23:59:59-23:59"},
        {"labels": {"n": 1}},
        {"trace_ids": "4bf9"},
        {"title": None},
    ],
    ids=str,
)
def test_a_field_of_another_type_is_no_alert(change: dict[str, Any]) -> None:
    assert decode_alert(wire(**change)) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'"alert"',
        b"{",
        b"{}",
        b"\xff\xfe",
        b'{"title": "\xff"}',
        b"[" * 100_000,
        b'{"labels": ' + b'{"a":' * 100_000,
    ],
    ids=lambda data: repr(data[:12]),
)
def test_bytes_that_are_no_alert_are_none(data: bytes) -> None:
    assert decode_alert(data) is None


@given(st.binary())
def test_no_bytes_can_make_decoding_raise(data: bytes) -> None:
    assert decode_alert(data) is None
