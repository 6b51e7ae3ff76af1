"""Every field of an event: what it may hold, what it becomes, and what is refused."""

import json
from typing import Any

import pytest

from models.codec import decode_event, encode_event
from models.event import Event, EventType, RetryReason
from tests.models.samples import (
    CONFLICT,
    CREATED,
    DELETED,
    FAILED,
    NOW_MS,
    RENUMBERED,
    SAMPLES,
    decode,
    decode_bytes,
    event,
    refusal,
    without,
)


def test_a_created_event_with_every_field_keeps_every_field() -> None:
    full = {
        "event_id": "7f9c2e1a",
        "type": "episode.created",
        "project_id": "프로젝트 1",
        "occurred_at": "2025-10-09T17:53:20.123+09:00",
        "operation_id": "op-1",
        "episode_id": "ep_456",
        "episode_number": 28,
        "old_number": 27,
        "duration_seconds": 0.456,
        "retry_count": 2,
        "retry_reasons": ["conflict", "timeout"],
        "had_conflict": True,
        "error": "none",
        "source": "project-service-1",
        "sequence": 12345,
        "backfill": True,
        "schema_version": 1,
        "something_new": {"of": ["later", "versions"]},
    }
    assert decode(full) == Event(
        event_id="7f9c2e1a",
        type=EventType.CREATED,
        project_id="프로젝트 1",
        occurred_at_ms=1_760_000_000_123,
        operation_id="op-1",
        episode_id="ep_456",
        episode_number=28,
        old_number=27,
        duration_seconds=0.456,
        retry_count=2,
        retry_reasons=(RetryReason.CONFLICT, RetryReason.TIMEOUT),
        had_conflict=True,
        error="none",
        source="project-service-1",
        sequence=12345,
        backfill=True,
        traceparent=None,
    )


def test_a_bare_failure_gets_every_default() -> None:
    assert decode(FAILED) == Event(
        event_id="ev-2",
        type=EventType.CREATION_FAILED,
        project_id="project_123",
        occurred_at_ms=1_760_000_000_000,
        operation_id="ev-2",  # it is its own operation
        episode_id="",
        episode_number=0,
        old_number=None,
        duration_seconds=None,
        retry_count=0,
        retry_reasons=(),
        had_conflict=False,
        error=None,
        source=None,
        sequence=None,
        backfill=False,
        traceparent=None,
    )


@pytest.mark.parametrize("fields", SAMPLES, ids=lambda fields: str(fields["type"]))
def test_null_in_every_optional_field_is_the_same_as_leaving_it_out(fields: dict[str, Any]) -> None:
    optional = [
        *("operation_id", "episode_id", "episode_number", "old_number", "duration_seconds", "retry_count"),
        *("retry_reasons", "had_conflict", "error", "source", "sequence", "backfill", "schema_version"),
    ]
    assert decode(dict.fromkeys(optional) | fields) == event(fields)


REQUIRED = [
    *((CREATED, name) for name in ("event_id", "type", "project_id", "occurred_at", "episode_id", "episode_number")),
    *((FAILED, name) for name in ("event_id", "type", "project_id", "occurred_at")),
    *((CONFLICT, name) for name in ("event_id", "type", "project_id", "occurred_at")),
    *((RENUMBERED, name) for name in ("event_id", "type", "project_id", "occurred_at", "episode_id", "episode_number")),
    *((DELETED, name) for name in ("event_id", "type", "project_id", "occurred_at", "episode_id")),
]


@pytest.mark.parametrize(("fields", "name"), REQUIRED)
def test_a_required_field_that_is_absent_or_null_is_missing(fields: dict[str, Any], name: str) -> None:
    for verdict in (decode(without(fields, name)), decode(fields, **{name: None})):
        assert refusal(verdict) == "missing_field"
        assert name in getattr(verdict, "detail", "")


ACCEPTED: list[tuple[dict[str, Any], str, Any, str, Any]] = [
    # event, field, JSON value, field of the event, its value
    (CREATED, "event_id", "x", "event_id", "x"),
    (CREATED, "event_id", "x" * 128, "event_id", "x" * 128),
    (CREATED, "event_id", "가" * 128, "event_id", "가" * 128),
    (CREATED, "project_id", "p", "project_id", "p"),
    (CREATED, "project_id", "🎬" * 200, "project_id", "🎬" * 200),
    (CREATED, "project_id", "a\u00a0b\u200bc\u2028d", "project_id", "a\u00a0b\u200bc\u2028d"),  # odd, but no controls
    (CREATED, "operation_id", "o" * 128, "operation_id", "o" * 128),
    (CREATED, "episode_id", "e" * 200, "episode_id", "e" * 200),
    (CREATED, "episode_number", 1, "episode_number", 1),
    (CREATED, "episode_number", 2_147_483_647, "episode_number", 2_147_483_647),
    (RENUMBERED, "old_number", 3, "old_number", 3),
    (RENUMBERED, "old_number", 0, "old_number", 0),
    (RENUMBERED, "old_number", -1, "old_number", -1),
    (CREATED, "duration_seconds", 0, "duration_seconds", 0.0),
    (CREATED, "duration_seconds", 5, "duration_seconds", 5.0),
    (CREATED, "duration_seconds", 1e308, "duration_seconds", 1e308),
    (FAILED, "duration_seconds", 0.001, "duration_seconds", 0.001),
    (CREATED, "had_conflict", True, "had_conflict", True),
    (CREATED, "had_conflict", False, "had_conflict", False),
    (FAILED, "error", "", "error", ""),
    (FAILED, "error", "line 1\nline 2 \u0000", "error", "line 1\nline 2 \u0000"),
    (CREATED, "source", "s" * 128, "source", "s" * 128),
    (CREATED, "sequence", 0, "sequence", 0),
    (CREATED, "sequence", 2**63 - 1, "sequence", 2**63 - 1),
    (CREATED, "backfill", True, "backfill", True),
    (CREATED, "schema_version", 1, "event_id", "ev-1"),
]


@pytest.mark.parametrize(("fields", "name", "raw", "attribute", "expected"), ACCEPTED)
def test_a_value_within_the_bounds_arrives(
    fields: dict[str, Any], name: str, raw: object, attribute: str, expected: object
) -> None:
    assert getattr(event(fields, **{name: raw}), attribute) == expected


REFUSED: list[tuple[str, list[Any]]] = [
    ("event_id", ["", "x" * 129, 5, 5.0, True, [], {}, ["x"]]),
    ("type", [5, True, [], {}, ["episode.created"]]),
    ("project_id", ["", "p" * 201, 5, True, [], "a\nb", "\u0000", "a\u007f", "a\u0085b", "\u009f", "\u001f"]),
    ("operation_id", ["", "x" * 129, 5, True, []]),
    ("episode_id", ["", "x" * 201, 5, True, []]),
    ("episode_number", ["5", 5.0, True, 0, -1, 2**31, 2**63, 2**64, 10**400, [5], "", 1.5]),
    ("old_number", ["5", 5.0, True, 2**63, -(2**63) - 1, [5]]),
    ("duration_seconds", ["0.5", True, -0.001, -1, [0.5], {}, "NaN", 10**400]),
    ("retry_count", ["1", 1.0, True, -1, -(2**64), -(10**400)]),
    ("retry_reasons", ["conflict", {}, 5, ["conflict"], ["slow"], [None], [1], [["error"]], "[]", ["\ud800"]]),
    ("had_conflict", [0, 1, "true", "", []]),
    ("error", [5, True, ["x"], {"message": "x"}]),
    ("source", ["", "x" * 129, 5, []]),
    ("sequence", ["5", 5.0, True, -1, 2**63, 2**64, [5]]),
    ("backfill", [0, 1, "false", []]),
    ("schema_version", ["1", 1.0, True, [], 2**63, 10**400]),
]


@pytest.mark.parametrize(("name", "raw"), [(name, raw) for name, values in REFUSED for raw in values])
@pytest.mark.parametrize("fields", [CREATED, CONFLICT], ids=["created", "conflict"])
def test_a_value_beyond_the_bounds_is_invalid_on_every_type_of_event(
    fields: dict[str, Any], name: str, raw: object
) -> None:
    verdict = decode(fields, **{name: raw})
    assert refusal(verdict) == "invalid_field"
    assert name in getattr(verdict, "detail", "")


MOMENTS = [
    (0, 0),
    (1_760_000_000_123, 1_760_000_000_123),
    (1_760_000_000, 1_760_000_000),  # seconds by mistake: a moment in January 1970
    ("1970-01-01T00:00:00Z", 0),
    ("1970-01-01T00:00:00.0009Z", 0),
    ("2025-10-09T08:53:20Z", 1_760_000_000_000),
    ("2025-10-09t08:53:20z", 1_760_000_000_000),
    ("2025-10-09 08:53:20Z", 1_760_000_000_000),
    ("2025-10-09T17:53:20+09:00", 1_760_000_000_000),
    ("2025-10-09T17:53:20+0900", 1_760_000_000_000),
    ("2025-10-09T03:23:20-05:30", 1_760_000_000_000),
    ("2025-10-09T08:53:20-00:00", 1_760_000_000_000),
    ("2025-10-09T08:53:20.5Z", 1_760_000_000_500),
    ("2025-10-09T08:53:20.123999Z", 1_760_000_000_123),
    ("2025-10-09T08:53:20.123456789Z", 1_760_000_000_123),
    ("2025-10-09T08:53:20.9999999Z", 1_760_000_000_999),
    ("2025-10-09T08:53:20.0009999999Z", 1_760_000_000_000),
    ("2025-10-09T17:53:20.122999999999999999999999+09:00", 1_760_000_000_122),
    ("2016-12-31T23:59:60Z", 1_483_228_799_999),
    ("2016-12-31T23:59:60.9999999Z", 1_483_228_799_999),
    ("1990-12-31T15:59:60-08:00", 662_687_999_999),
]


@pytest.mark.parametrize(("raw", "expected_ms"), MOMENTS)
def test_event_time_becomes_milliseconds_rounded_down(raw: object, expected_ms: int) -> None:
    assert event(CREATED, occurred_at=raw).occurred_at_ms == expected_ms


@pytest.mark.parametrize(
    "raw",
    [
        "2025-10-09T08:53:20",  # no offset
        "2025-10-09",
        "2025-10-09T08:53Z",
        "2025-10-09T08:53:20+09",
        "2025-10-09T24:00:00Z",
        "2016-12-31T23:59:61Z",
        "2025-02-29T00:00:00Z",
        "2025-10-09T08:53:20,5Z",
        "1969-12-31T23:59:59.999Z",
        "1970-01-01T00:59:59+01:00",
        "0001-01-01T00:00:00+23:59",
        "1760000000000",
        "yesterday",
        "",
        -1,
        1_760_000_000_000.0,
        True,
        2**63,
        2**64,
        10**400,
        [2025, 10, 9],
        {"seconds": 1},
    ],
)
def test_a_time_that_is_no_moment_since_1970_is_invalid(raw: object) -> None:
    verdict = decode(CREATED, occurred_at=raw)
    assert refusal(verdict) == "invalid_field"
    assert "occurred_at" in getattr(verdict, "detail", "")


C, T, E = RetryReason.CONFLICT, RetryReason.TIMEOUT, RetryReason.ERROR


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ()),
        ({"retry_count": 0, "retry_reasons": []}, ()),
        ({"retry_count": 2}, (E, E)),
        ({"retry_count": 2, "had_conflict": False}, (E, E)),
        ({"retry_count": 2, "had_conflict": True}, (C, C)),
        ({"retry_count": 2, "retry_reasons": None, "had_conflict": True}, (C, C)),
        ({"retry_count": 3, "retry_reasons": ["timeout", "conflict", "error"]}, (T, C, E)),
        ({"retry_count": 1, "retry_reasons": ["timeout"], "had_conflict": True}, (T,)),
        ({"retry_count": 1000}, (E,) * 1000),
    ],
)
def test_each_retry_has_one_reason(changes: dict[str, Any], expected: tuple[RetryReason, ...]) -> None:
    assert event(CREATED, **changes).retry_reasons == expected


@pytest.mark.parametrize("count", [1001, 2**31, 2**63 - 1])
def test_a_number_of_retries_of_any_size_costs_no_episode(count: int) -> None:
    found = event(CREATED, retry_count=count)
    assert (found.retry_count, found.retry_reasons, found.episode_number) == (count, (), 28)
    assert decode_bytes(encode_event(found)) == found


@pytest.mark.parametrize("digits", [str(2**63), str(2**64), "9" * 400, "9" * 401, "9" * 5000])
def test_a_number_of_retries_beyond_64_bits_is_kept_as_the_most_that_fits(digits: str) -> None:
    verdict = decode_bytes(json.dumps(CREATED).replace("}", f', "retry_count": {digits}}}').encode())
    assert isinstance(verdict, Event), verdict
    assert verdict.retry_count == 2**63 - 1


@pytest.mark.parametrize("digits", ["1e400", "-1e400", "-" + "9" * 401, "1.5", "1e3"])
def test_a_number_of_retries_that_is_no_whole_number_is_invalid(digits: str) -> None:
    verdict = decode_bytes(json.dumps(CREATED).replace("}", f', "retry_count": {digits}}}').encode())
    assert refusal(verdict) == "invalid_field"


@pytest.mark.parametrize("name", ["episode_number", "old_number", "sequence", "schema_version", "occurred_at"])
@pytest.mark.parametrize("digits", [str(2**63), str(2**64), "9" * 401, "9" * 5000])
def test_integers_beyond_64_bits_are_invalid(name: str, digits: str) -> None:
    body = json.dumps(without(CREATED, name)).replace("}", f', "{name}": {digits}}}')
    verdict = decode_bytes(body.encode())
    assert refusal(verdict) == "invalid_field"
    assert name in getattr(verdict, "detail", "")


@pytest.mark.parametrize(("raw", "expected_ms"), [moment for moment in MOMENTS if isinstance(moment[0], str)])
def test_the_time_of_a_header_is_read_like_that_of_the_body(raw: str, expected_ms: int) -> None:
    body = json.dumps(without(CREATED, "occurred_at")).encode()
    verdict = decode_event(None, body, [("ce_time", raw.encode())], NOW_MS)
    assert isinstance(verdict, Event), verdict
    assert verdict.occurred_at_ms == expected_ms


@pytest.mark.parametrize(
    "changes",
    [
        {"retry_count": 2, "retry_reasons": ["conflict"]},
        {"retry_count": 1, "retry_reasons": ["conflict", "conflict"]},
        {"retry_count": 1, "retry_reasons": []},
        {"retry_count": 0, "retry_reasons": ["conflict"]},
        {"retry_reasons": ["conflict"]},
    ],
)
def test_reasons_that_do_not_match_the_count_are_invalid(changes: dict[str, Any]) -> None:
    verdict = decode(CREATED, **changes)
    assert refusal(verdict) == "invalid_field"
    assert "retry_reasons" in getattr(verdict, "detail", "")


@pytest.mark.parametrize(
    ("changes", "source", "sequence"),
    [({"source": "s"}, "s", None), ({"sequence": 7}, None, 7), ({"source": "s", "sequence": 7}, "s", 7)],
)
def test_source_and_sequence_may_come_alone(changes: dict[str, Any], source: str | None, sequence: int | None) -> None:
    found = event(CREATED, **changes)
    assert (found.source, found.sequence) == (source, sequence)
