"""Records that cannot be used: one case and more for every reason, the order of the reasons, and hostile bytes."""

import json
from typing import Any

import pytest

from models.codec import TOMBSTONE, decode_event
from models.dead_letter import DeadLetterReason, Malformed
from models.event import Event
from tests.models.samples import (
    CONFLICT,
    CREATED,
    DELETED,
    FAILED,
    NOW_MS,
    decode,
    decode_bytes,
    refusal,
    without,
)

GOOD = json.dumps(CREATED).encode()


def test_the_reasons_are_the_eight_of_the_dead_letter_topic() -> None:
    assert sorted(reason.value for reason in DeadLetterReason) == [
        "future_timestamp",
        "invalid_field",
        "key_mismatch",
        "malformed_json",
        "missing_field",
        "too_large",
        "unknown_type",
        "unsupported_version",
    ]


def test_a_null_value_is_a_tombstone_whatever_else_the_record_has() -> None:
    assert decode_event(None, None, (), NOW_MS) is TOMBSTONE
    assert decode_event(b"\xff", None, [("ce_type", b"nonsense")], NOW_MS) is TOMBSTONE


MALFORMED_JSON = [
    b"",
    b" ",
    b"{",
    b"{}}",
    b"not json",
    GOOD[:-1],
    GOOD + b"{}",
    GOOD.replace(b'"', b"'"),
    b'{"a": 1,}',
    b'{"a": NaN}',
    b'{"a": Infinity}',
    b'{"a": -Infinity}',
    b'{"a": 01}',
    b'{"a": 1.}',
    b'{"a": "\\q"}',
    b'{"a": "tab\there"}',
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf" + GOOD,  # a byte order mark
    GOOD.decode().encode("utf-16"),
    GOOD.replace(b"ev-1", b"ev-\xff"),
    GOOD.replace(b"{", b'{"unread": "\xff", ', 1),  # a field nobody reads
    GOOD.replace(b"{", b'{"\xc0\xaf": 1, ', 1),
    GOOD.replace(b"ev-1", b"\xed\xa0\x80"),  # a lone surrogate in bytes is no UTF-8 at all
    b"[" * 100_000,  # over 64 KiB, so nobody reads it
    b"[" * 60_000,
    b"[" * 30_000 + b"]" * 30_000,
    b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    b'{"a": "' + b'\\"' * 30_000,
    b'"' * 60_001,
    b"\\" * 60_000,
]


@pytest.mark.parametrize("value", MALFORMED_JSON, ids=lambda value: repr(value[:24]))
def test_what_is_no_json_text_is_malformed(value: bytes) -> None:
    expected = "too_large" if len(value) > 65_536 else "malformed_json"
    assert refusal(decode_bytes(value)) == expected


@pytest.mark.parametrize("value", [b"[]", b"null", b"5", b'"text"', b"true", b"1e999", b"9" * 5000, b"[1, 2]"])
def test_json_that_is_no_object_is_an_invalid_field(value: bytes) -> None:
    verdict = decode_bytes(value)
    assert refusal(verdict) == "invalid_field"
    assert "object" in getattr(verdict, "detail", "")


@pytest.mark.parametrize("kind", ["episode.exploded", "EPISODE.CREATED", "created", "", " episode.created", "\ud800"])
def test_a_type_nobody_knows_is_an_unknown_type(kind: str) -> None:
    assert refusal(decode(CREATED, type=kind)) == "unknown_type"


@pytest.mark.parametrize("version", [0, 2, -1, 2**31, 2**63 - 1])
def test_another_schema_version_is_unsupported(version: int) -> None:
    assert refusal(decode(CREATED, schema_version=version)) == "unsupported_version"


@pytest.mark.parametrize(
    ("key", "project_id", "expected"),
    [
        (None, "project_123", "ok"),
        (b"project_123", "project_123", "ok"),
        ("프로젝트".encode(), "프로젝트", "ok"),
        (b"", "project_123", "key_mismatch"),
        (b"project_12", "project_123", "key_mismatch"),
        (b"project_123 ", "project_123", "key_mismatch"),
        (b"PROJECT_123", "project_123", "key_mismatch"),
        (b"\xff\xfe", "project_123", "key_mismatch"),
        ("프로젝트".encode("utf-16"), "프로젝트", "key_mismatch"),
        ("é".encode(), "e\u0301", "key_mismatch"),  # the same to the eye, other bytes
        (b'"project_123"', "project_123", "key_mismatch"),
        (b"k" * 1_000_000, "project_123", "key_mismatch"),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_a_key_must_be_the_project_in_utf8(key: bytes | None, project_id: str, expected: str) -> None:
    value = json.dumps(CREATED | {"project_id": project_id}).encode()
    assert refusal(decode_event(key, value, (), NOW_MS)) == expected


def padded(size: int) -> bytes:
    """A good event of so many bytes."""
    frame = json.dumps(CREATED | {"unread": ""}).encode()
    return frame.replace(b'"unread": ""', b'"unread": "' + b"x" * (size - len(frame)) + b'"')


def test_64_kib_are_read_and_one_byte_more_is_too_large() -> None:
    assert len(padded(65_536)) == 65_536
    assert refusal(decode_bytes(padded(65_536))) == "ok"
    assert refusal(decode_bytes(padded(65_537))) == "too_large"


def test_five_minutes_ahead_is_read_and_a_millisecond_more_is_the_future() -> None:
    assert refusal(decode(CREATED, occurred_at=NOW_MS + 300_000)) == "ok"
    assert refusal(decode(CREATED, occurred_at=NOW_MS + 300_001)) == "future_timestamp"
    assert refusal(decode(CREATED, occurred_at="2025-10-09T08:59:20Z")) == "ok"
    assert refusal(decode(CREATED, occurred_at="2025-10-09T08:59:20.001Z")) == "future_timestamp"
    assert refusal(decode(CREATED, occurred_at="2099-01-01T00:00:00Z")) == "future_timestamp"
    assert refusal(decode(CREATED, occurred_at="9999-12-31T23:59:59-23:59")) == "future_timestamp"
    assert refusal(decode(CREATED, occurred_at=2**63 - 1)) == "future_timestamp"
    assert refusal(decode(CREATED, occurred_at=1_760_000_000_000_000)) == "future_timestamp"  # microseconds by mistake


def test_the_reasons_come_in_their_documented_order() -> None:
    """One record with every fault; each is mended in turn, and the next comes to light."""
    fields: dict[str, Any] = CREATED | {
        "schema_version": 2,
        "type": "episode.exploded",
        "episode_number": "28",
        "occurred_at": NOW_MS + 10**9,
    }
    del fields["episode_id"]

    def verdict(text: bytes | None = None) -> str:
        return refusal(decode_event(b"another", text or json.dumps(fields).encode(), (), NOW_MS))

    assert verdict(json.dumps(fields).encode() + b"x" * 65_536) == "too_large"
    assert verdict(json.dumps(fields).encode() + b"x") == "malformed_json"
    assert verdict() == "unsupported_version"
    fields["schema_version"] = 1
    assert verdict() == "unknown_type"
    fields["type"] = "episode.created"
    assert verdict() == "missing_field"
    fields["episode_id"] = "ep_456"
    assert verdict() == "invalid_field"
    fields["episode_number"] = 28
    assert verdict() == "key_mismatch"
    fields["project_id"] = "another"
    assert verdict() == "future_timestamp"
    fields["occurred_at"] = NOW_MS
    assert verdict() == "ok"


def test_the_order_holds_too_where_every_field_alone_is_well() -> None:
    late_and_incomplete = without(CREATED, "episode_id") | {"schema_version": 3, "occurred_at": "1969-01-01T00:00:00Z"}
    assert refusal(decode(late_and_incomplete)) == "unsupported_version"
    assert refusal(decode(late_and_incomplete, schema_version=1)) == "missing_field"
    assert refusal(decode(late_and_incomplete, schema_version=1, episode_id="ep_1")) == "invalid_field"


def test_missing_fields_are_told_all_at_once() -> None:
    assert decode(without(CREATED, "event_id", "episode_id", "episode_number")) == Malformed(
        DeadLetterReason.MISSING_FIELD, "event_id, episode_id, episode_number are missing or null."
    )
    assert decode({}) == Malformed(
        DeadLetterReason.MISSING_FIELD, "event_id, type, project_id, occurred_at are missing or null."
    )


def test_a_detail_says_what_was_expected_and_what_came() -> None:
    assert decode(CREATED, episode_number="5") == Malformed(
        DeadLetterReason.INVALID_FIELD, "episode_number must be an integer from 1 to 2147483647, not '5'."
    )
    assert decode(CONFLICT, had_conflict=[1]) == Malformed(
        DeadLetterReason.INVALID_FIELD, "had_conflict must be true or false, not a list."
    )


@pytest.mark.parametrize("name", ["event_id", "type", "project_id", "occurred_at", "episode_number", "had_conflict"])
@pytest.mark.parametrize("letter", ["x", "가", "\n", "\U000e0001", "\ud800"])
def test_a_detail_never_shows_more_than_forty_characters_of_the_input(name: str, letter: str) -> None:
    verdict = decode(CREATED, **{name: letter * 5000})
    assert refusal(verdict) in ("invalid_field", "unknown_type")
    assert getattr(verdict, "detail", "").count(letter) <= 40


LONE_SURROGATES = [b"\\ud800", b"\\udc00", b"a\\ud800b", b"\\udc00\\ud800", b"\\ud800\\u0041", b"\\uDBFF"]


@pytest.mark.parametrize("escape", LONE_SURROGATES)
@pytest.mark.parametrize("name", ["event_id", "project_id", "episode_id", "error", "source", "operation_id"])
def test_half_a_surrogate_pair_is_no_text(escape: bytes, name: str) -> None:
    value = json.dumps(CREATED | {name: "@@"}).encode().replace(b"@@", escape)
    assert refusal(decode_bytes(value)) == "invalid_field"


@pytest.mark.parametrize("escape", LONE_SURROGATES)
def test_half_a_surrogate_pair_in_a_field_nobody_reads_is_ignored(escape: bytes) -> None:
    assert refusal(decode_bytes(GOOD.replace(b"{", b'{"unread": "' + escape + b'", ', 1))) == "ok"
    assert refusal(decode_bytes(GOOD.replace(b"{", b'{"' + escape + b'": 1, ', 1))) == "ok"


def test_a_whole_surrogate_pair_is_one_character() -> None:
    verdict = decode_bytes(GOOD.replace(b"ev-1", b"\\ud83c\\udfac"))
    assert isinstance(verdict, Event)
    assert verdict.event_id == "🎬"


def test_of_duplicate_keys_the_last_counts() -> None:
    twice = GOOD.replace(b"{", b'{"event_id": "first", "episode_number": 1, ', 1)
    assert decode_bytes(twice) == decode(CREATED)
    bad_first = GOOD.replace(b"{", b'{"event_id": 5, "episode_number": "x", "type": "nonsense", ', 1)
    assert decode_bytes(bad_first) == decode(CREATED)
    assert refusal(decode_bytes(GOOD.replace(b"}", b', "episode_number": "x"}'))) == "invalid_field"
    assert refusal(decode_bytes(GOOD.replace(b"}", b', "episode_id": null}'))) == "missing_field"


@pytest.mark.parametrize(
    ("name", "number", "expected"),
    [
        ("episode_number", b"9" * 5000, "invalid_field"),
        ("sequence", b"9" * 5000, "invalid_field"),
        ("occurred_at", b"9" * 5000, "invalid_field"),
        ("schema_version", b"9" * 5000, "invalid_field"),
        ("schema_version", b"-" + b"9" * 5000, "invalid_field"),
        ("duration_seconds", b"9" * 5000, "invalid_field"),
        ("duration_seconds", b"1e999", "invalid_field"),
        ("duration_seconds", b"-1e999", "invalid_field"),
        ("duration_seconds", b"1e99999999999999999999", "invalid_field"),
        ("duration_seconds", b"0." + b"9" * 5000, "ok"),
        ("duration_seconds", b"1e-999", "ok"),
        ("duration_seconds", b"9" * 200, "ok"),
        ("duration_seconds", b"-0.0", "ok"),
        ("episode_number", b"1e3", "invalid_field"),
        ("episode_number", b"28.0", "invalid_field"),
        ("episode_number", b"-0", "invalid_field"),
        ("duration_seconds", b"NaN", "malformed_json"),
        ("duration_seconds", b"Infinity", "malformed_json"),
        ("duration_seconds", b"-Infinity", "malformed_json"),
        ("unread", b"9" * 5000, "ok"),
        ("unread", b"1e999", "ok"),
        ("unread", b"NaN", "malformed_json"),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_odd_numbers(name: str, number: bytes, expected: str) -> None:
    value = json.dumps(CREATED | {name: "@"}).encode().replace(b'"@"', number)
    assert refusal(decode_bytes(value)) == expected


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
@pytest.mark.parametrize(("levels", "expected"), [(399, "ok"), (400, "malformed_json"), (9000, "malformed_json")])
def test_nesting_in_a_field_nobody_reads_has_a_fixed_limit(
    opening: bytes, closing: bytes, levels: int, expected: str
) -> None:
    nested = opening * levels + b"1" + closing * levels  # the event itself is one level more
    assert refusal(decode_bytes(GOOD.replace(b"{", b'{"unread": ' + nested + b", ", 1))) == expected


def test_the_nesting_that_is_allowed_is_read_on_a_deep_stack_too() -> None:
    value = GOOD.replace(b"{", b'{"event_id": 1, "unread": ' + b"[" * 399 + b"]" * 399 + b", ", 1)

    def deeper(levels: int) -> str:
        return deeper(levels - 1) if levels else refusal(decode_bytes(value))

    assert deeper(300) == "ok"


def test_many_brackets_side_by_side_or_in_a_string_are_no_nesting() -> None:
    assert refusal(decode(CREATED, unread=[[]] * 5000)) == "ok"
    assert refusal(decode(FAILED, error='[{"' * 5000)) == "ok"
    assert refusal(decode(FAILED, error='\\"[' * 5000)) == "ok"


def test_a_value_of_900_kb_is_too_large_before_anybody_reads_it() -> None:
    assert refusal(decode_bytes(b"[" * 900_000)) == "too_large"
    assert refusal(decode_bytes(b"\xff" * 900_000)) == "too_large"


def test_a_control_character_in_another_field_than_the_project_is_text() -> None:
    assert refusal(decode(DELETED, episode_id="a\u0000b")) == "ok"
    assert refusal(decode(DELETED, event_id="a\nb")) == "ok"
