"""CloudEvents attributes fill what a body lacks; the trace context is carried; anything odd in a header is ignored."""

import json
from typing import Any

import pytest

from models.codec import Tombstone, decode_event, event_headers
from models.dead_letter import Malformed
from models.event import Event, EventType
from models.record_headers import parse_traceparent
from tests.models.samples import CREATED, FAILED, NOW_MS, event, refusal, without

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
BARE = without(CREATED, "event_id", "type", "occurred_at")
CE_HEADERS: list[tuple[str, bytes | None]] = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"ce-1"),
    ("ce_type", b"episode.created"),
    ("ce_source", b"/project-service"),
    ("ce_time", b"2025-10-09T08:53:20.5Z"),
    ("content-type", b"application/json"),
]


def decode_with(headers: list[tuple[str, bytes | None]], fields: dict[str, Any]) -> Event | Malformed | Tombstone:
    return decode_event(b"project_123", json.dumps(fields).encode(), headers, NOW_MS)


def changed(name: str, value: bytes | None) -> list[tuple[str, bytes | None]]:
    return [(header, value if header == name else old) for header, old in CE_HEADERS]


@pytest.mark.parametrize("body", [BARE, BARE | {"event_id": None, "type": None, "occurred_at": None}])
def test_cloudevents_headers_fill_what_the_body_lacks(body: dict[str, Any]) -> None:
    assert decode_with(CE_HEADERS, body) == Event(
        event_id="ce-1",
        type=EventType.CREATED,
        project_id="project_123",
        occurred_at_ms=1_760_000_000_500,
        operation_id="ce-1",
        episode_id="ep_456",
        episode_number=28,
        source="/project-service",
    )


def test_the_body_counts_where_both_speak() -> None:
    headers = [*changed("ce_type", b"nonsense"), ("ce_time", b"never"), ("ce_id", b"")]
    assert decode_with(headers, CREATED | {"source": "body"}) == event(CREATED, source="body")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ce_id", b"x" * 128, "ok"),
        ("ce_id", b"x" * 129, "invalid_field"),
        ("ce_id", b"", "invalid_field"),
        ("ce_id", b"\xff", "missing_field"),
        ("ce_id", None, "missing_field"),
        ("ce_type", b"episode.exploded", "unknown_type"),
        ("ce_type", b"\xff", "missing_field"),
        ("ce_time", b"2025-10-09T08:53:20", "invalid_field"),
        ("ce_time", b"1760000000000", "invalid_field"),
        ("ce_time", b"1969-12-31T23:59:59Z", "invalid_field"),
        ("ce_time", b"2099-01-01T00:00:00Z", "future_timestamp"),
        ("ce_source", b"x" * 129, "ok"),
        ("ce_source", b"", "ok"),
        ("ce_source", b"\xff", "ok"),
    ],
)
def test_an_attribute_is_checked_like_the_field_it_fills(name: str, value: bytes | None, expected: str) -> None:
    assert refusal(decode_with(changed(name, value), BARE)) == expected


def test_a_long_cloudevents_source_is_left_out() -> None:
    verdict = decode_with(changed("ce_source", b"x" * 129), BARE)
    assert isinstance(verdict, Event)
    assert verdict.source is None


def test_the_order_of_reasons_holds_for_filled_fields_too() -> None:
    headers = changed("ce_type", b"episode.exploded")
    assert refusal(decode_with(headers, BARE | {"schema_version": 2})) == "unsupported_version"
    assert refusal(decode_with(headers, without(BARE, "episode_id"))) == "unknown_type"
    assert refusal(decode_with(changed("ce_time", b"never"), without(BARE, "episode_id"))) == "missing_field"


def test_attributes_fill_a_body_that_only_the_second_reading_accepts() -> None:
    value = json.dumps(BARE).encode().replace(b"{", b'{"episode_number": "x", ', 1)
    verdict = decode_event(None, value, CE_HEADERS, NOW_MS)
    assert verdict == decode_with(CE_HEADERS, BARE)


def test_of_several_headers_of_one_name_the_last_readable_one_counts() -> None:
    headers: list[tuple[str, bytes | None]] = [*CE_HEADERS, ("ce_id", b"ce-2"), ("ce_id", b"\xff"), ("ce_id", None)]
    verdict = decode_with(headers, BARE)
    assert isinstance(verdict, Event)
    assert verdict.event_id == "ce-2"


def test_header_names_are_lower_case() -> None:
    headers = [(name.upper(), value) for name, value in CE_HEADERS]
    assert refusal(decode_with(headers, BARE)) == "missing_field"


def test_the_trace_context_is_carried_and_goes_out_again() -> None:
    verdict = decode_with([("traceparent", TRACE.encode())], FAILED)
    assert isinstance(verdict, Event)
    assert verdict.traceparent == TRACE
    assert event_headers(verdict) == [("traceparent", TRACE.encode())]
    assert event_headers(event(FAILED)) == []


@pytest.mark.parametrize("value", [b"\xff", b"", b"garbage", None, TRACE.upper().encode()])
def test_a_bad_trace_context_is_dropped_and_the_event_kept(value: bytes | None) -> None:
    assert decode_with([("traceparent", value)], FAILED) == event(FAILED)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TRACE, TRACE),
        (TRACE[:-2] + "00", TRACE[:-2] + "00"),
        ("cc" + TRACE[2:], "cc" + TRACE[2:]),
        ("cc" + TRACE[2:] + "-what-the-future-brings", "cc" + TRACE[2:]),
        ("cc" + TRACE[2:] + "what", None),
        (TRACE + "-extra", None),  # version 00 has no more fields
        (TRACE + "\n", None),
        (" " + TRACE, None),
        ("ff" + TRACE[2:], None),
        ("00-" + "0" * 32 + "-00f067aa0ba902b7-01", None),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01", None),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", None),
        ("00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01", None),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", None),
        ("\u0660\u0660" + TRACE[2:], None),  # digits, but not ours
        ("", None),
        (None, None),
    ],
)
def test_a_traceparent_has_the_shape_of_the_standard(text: str | None, expected: str | None) -> None:
    assert parse_traceparent(text) == expected
