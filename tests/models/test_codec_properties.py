"""What holds for any input: nothing raises, both readings of a value agree, an encoded event comes back the same."""

import json
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from models import codec
from models.codec import Tombstone, decode_event, encode_event, event_headers
from models.dead_letter import DeadLetterReason, Malformed
from models.event import Event, EventType, RetryReason
from models.wire import FIELD_RULES, NEEDS_EPISODE_ID, NEEDS_EPISODE_NUMBER
from testbed.properties import examples
from tests.models.samples import NOW_MS, SAMPLES, refusal

# A busy machine is no defect of the codec.
patient = examples(100)

Verdict = Event | Malformed | Tombstone

anything: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, 1, 2**31, 2**63, 2**64, -(2**63), 10**30, 10**400, 1e308, NOW_MS])
    | st.floats()  # NaN and infinities too: json writes them as words that are no JSON
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(["conflict", "timeout", "error", "episode.created", "2025-10-09T08:53:20Z", "\ud800", "x" * 300]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)
samples = st.sampled_from(SAMPLES)
headers = st.lists(
    st.tuples(
        st.sampled_from(["ce_id", "ce_type", "ce_time", "ce_source", "traceparent", "other"]),
        st.none() | st.binary(max_size=8) | st.sampled_from([b"episode.deleted", b"2025-10-09T08:53:20Z"]),
    ),
    max_size=4,
)
names = st.sampled_from(sorted(FIELD_RULES))


@st.composite
def changed_samples(draw: st.DrawFn) -> bytes:
    """A good event some of whose fields are replaced by anything or left out, or come twice."""
    fields = dict(draw(samples))
    fields.update(draw(st.dictionaries(names, anything, max_size=3)))
    for name in draw(st.lists(names, max_size=2)):
        fields.pop(name, None)
    text = json.dumps(fields, ensure_ascii=draw(st.booleans()))
    twice = draw(st.dictionaries(names, anything, max_size=1))
    if twice:
        text = json.dumps(twice)[:-1] + ", " + text[1:]
    return text.encode("utf-8", "surrogatepass")


@st.composite
def damaged_samples(draw: st.DrawFn) -> bytes:
    """A good event a few of whose bytes are replaced, dropped or added."""
    value = bytearray(json.dumps(draw(samples)).encode())
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(value) - 1))
        value[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(value)


def both_readings(key: bytes | None, value: bytes, given_headers: list[tuple[str, bytes | None]]) -> Verdict:
    """The verdict on a record, after a look that the readings that look closer say the same by themselves."""
    verdict = decode_event(key, value, given_headers, NOW_MS)
    with patch.object(codec, "quick_event", return_value=None):
        assert decode_event(key, value, given_headers, NOW_MS) == verdict
        with patch.object(codec, "_quick", return_value=None):
            assert decode_event(key, value, given_headers, NOW_MS) == verdict
    assert refusal(verdict) in {"ok", *(reason.value for reason in DeadLetterReason)}
    return verdict


@patient
@given(st.none() | st.binary(max_size=16), st.binary(max_size=200), headers)
def test_random_bytes_never_raise(
    key: bytes | None, value: bytes, given_headers: list[tuple[str, bytes | None]]
) -> None:
    both_readings(key, value, given_headers)


@patient
@given(anything)
def test_random_json_never_raises(tree: Any) -> None:
    both_readings(None, json.dumps(tree).encode(), [])


@patient
@given(st.none() | st.just(b"project_123"), changed_samples(), headers)
def test_an_event_with_changed_fields_is_read_alike_by_both_readings(
    key: bytes | None, value: bytes, given_headers: list[tuple[str, bytes | None]]
) -> None:
    verdict = both_readings(key, value, given_headers)
    if isinstance(verdict, Event):
        assert decode_event(key, encode_event(verdict), event_headers(verdict), NOW_MS) == verdict


@st.composite
def moments(draw: st.DrawFn) -> str:
    """A text of a moment, mostly a valid one: of seconds that come again, as in a stream of events."""
    parts = (
        ["2025-10-09T08:53:20", "2025-10-09 08:53:20", "2025-10-09t08:53:60", "1969-12-31T23:59:59", "2025-10-09T08:53",
         "2025-13-09T08:53:20", "2025-10-09T08:59:21", "2016-12-31T23:59:60", "+025-10-09T08:53:2", ""],
        ["", ".1", ".123", ".999", ".123456", ".999999", ".9999995", ".000", ".\u0661\u0662\u0663",
         ".\u00b2\u00b2\u00b2", "x123", ".12a", ",123", ".-12"],
        ["Z", "z", "+00:00", "-00:00", "+09:00", "+0000", "", "ZZ", "+00:00Z"],
    )  # fmt: skip
    return "".join(draw(st.sampled_from(part)) for part in parts)


@examples(400)
@given(samples, moments(), st.booleans())
def test_a_moment_is_read_alike_by_all_readings(fields: dict[str, Any], text: str, ascii_only: bool) -> None:
    both_readings(None, json.dumps(fields | {"occurred_at": text}, ensure_ascii=ascii_only).encode(), [])


@patient
@given(damaged_samples())
def test_an_event_with_damaged_bytes_is_read_alike_by_both_readings(value: bytes) -> None:
    both_readings(None, value, [])


def texts(longest: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(codec="utf-8"), min_size=1, max_size=longest)


project_ids = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=200)


@st.composite
def events(draw: st.DrawFn) -> Event:
    """Any valid event."""
    event_type = draw(st.sampled_from(EventType))
    reasons = tuple(draw(st.lists(st.sampled_from(RetryReason), max_size=5)))
    needs_id = event_type in NEEDS_EPISODE_ID
    needs_number = event_type in NEEDS_EPISODE_NUMBER
    numbers = st.integers(1, 2**31 - 1)
    return Event(
        event_id=draw(texts(128)),
        type=event_type,
        project_id=draw(project_ids),
        occurred_at_ms=draw(st.integers(0, NOW_MS + 300_000)),
        operation_id=draw(texts(128)),
        episode_id=draw(texts(200) if needs_id else st.just("") | texts(200)),
        episode_number=draw(numbers if needs_number else st.just(0) | numbers),
        old_number=draw(st.none() | st.integers(-(2**63), 2**63 - 1)),
        duration_seconds=draw(st.none() | st.floats(min_value=0, allow_infinity=False)),
        retry_count=len(reasons),
        retry_reasons=reasons,
        had_conflict=draw(st.booleans()),
        error=draw(st.none() | st.just("") | texts(300)),
        source=draw(st.none() | texts(128)),
        sequence=draw(st.none() | st.integers(0, 2**63 - 1)),
        backfill=draw(st.booleans()),
        traceparent=draw(st.sampled_from([None, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"])),
    )


@patient
@given(events())
def test_an_encoded_event_comes_back_the_same(event: Event) -> None:
    key = event.project_id.encode()
    assert both_readings(key, encode_event(event), [*event_headers(event)]) == event


def test_an_encoded_event_leaves_the_defaults_out() -> None:
    event = Event("ev-2", EventType.CREATION_FAILED, "p", 1_760_000_000_000, operation_id="ev-2")
    assert encode_event(event) == (
        b'{"event_id":"ev-2","type":"episode.creation_failed","project_id":"p","occurred_at":1760000000000}'
    )
