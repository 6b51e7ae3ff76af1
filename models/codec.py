"""Turns the bytes of a record into an event, or into the reason why they are none. It never raises, whatever they are.

The checks come in this order, and the first that fails names the dead letter: `too_large`, `malformed_json`,
`unsupported_version`, `unknown_type`, `missing_field`, `invalid_field`, `key_mismatch`, `future_timestamp`.
"""

import unicodedata
from collections.abc import Sequence
from datetime import datetime

import msgspec

from models.dead_letter import DeadLetterReason, Malformed
from models.event import (
    EVENT_FIELDS,
    FUTURE_TOLERANCE_MS,
    MAX_VALUE_BYTES,
    Event,
    EventType,
    RetryReason,
    default_reason,
)
from models.quick_events import quick_event
from models.record_headers import HeaderAttributes, fill_from_headers, read_headers
from models.refusal import (
    excerpt,
    find_fault,
    invalid_field,
    missing_field,
    nested_too_deep,
    not_json,
    unsupported_version,
)
from models.times import epoch_ms, may_be_rounded
from models.wire import (
    MAX_NESTING,
    MAX_RETRIES,
    NEEDS_EPISODE_ID,
    NEEDS_EPISODE_NUMBER,
    SCHEMA_VERSION,
    SHALLOW_BYTES,
    WireEvent,
    required_fields,
)


class Tombstone(msgspec.Struct, frozen=True):
    """A record with a null value: counted, neither an event nor a dead letter."""


TOMBSTONE = Tombstone()
_decode_wire = msgspec.json.Decoder(WireEvent).decode
_encode = msgspec.json.Encoder().encode
_BARE = Event("", EventType.DELETED, "", 0, "")
_DEFAULTS = {name: getattr(_BARE, name) for name in EVENT_FIELDS[5:-1]}  # of the fields that a body may leave out


def decode_event(
    key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]], now_ms: int
) -> Event | Malformed | Tombstone:
    """One record to an event. `now_ms` is the wall clock in epoch milliseconds, against events from the future.

    - Unknown fields are ignored. null is the same as absent. Of duplicate JSON keys the last counts. JSON that is no
      object is `invalid_field`; an empty value, or one nested deeper than 400 levels, is `malformed_json`.
    - Every typed field that is present is checked, whether the event's type needs it or not.
    - `occurred_at` is rounded down to the millisecond, however many digits it has. A leap second (`:60`) is the last
      millisecond before it; lower-case `t` and `z`, a blank for `T` and `+0900` are accepted. Seconds sent as
      milliseconds are a moment in 1970: old, but valid.
    - `retry_reasons`, if given, has exactly `retry_count` entries; if not, every retry is put down to `conflict` where
      the event says `had_conflict`, else to `error`. A `retry_count` of any size is taken: it is for statistics alone.
    - Headers fill `event_id`, `type`, `occurred_at` and `source` where the body lacks them (`models.record_headers`).
    """
    if value is None:
        return TOMBSTONE
    if not headers and (event := quick_event(key, value, now_ms)) is not None:
        return event
    size = len(value)
    if size > MAX_VALUE_BYTES:
        return Malformed(DeadLetterReason.TOO_LARGE, f"The value has {size} bytes; at most {MAX_VALUE_BYTES} are read.")
    if size > SHALLOW_BYTES and nested_too_deep(value):
        return not_json(f"it is nested deeper than {MAX_NESTING} levels")
    attributes = read_headers(headers) if headers else None
    wire = _quick(value, attributes)
    if wire is None:
        verdict = find_fault(value, attributes)
        if isinstance(verdict, Malformed):
            return verdict
        wire = verdict
    return _accept(wire, key, None if attributes is None else attributes.traceparent, now_ms)


def _quick(value: bytes, attributes: HeaderAttributes | None) -> WireEvent | None:
    try:
        wire = _decode_wire(value)
        if not value.isascii():
            value.decode()  # the decoder does not look at the bytes of fields it skips
        if attributes is not None:
            fill_from_headers(wire, attributes)
        if isinstance(wire.occurred_at, datetime) and may_be_rounded(wire.occurred_at, value):
            return None
    except Exception:  # bad UTF-8, nesting and bad JSON raise unlike errors; `find_fault` distinguishes them
        return None
    return wire


def _accept(wire: WireEvent, key: bytes | None, traceparent: str | None, now_ms: int) -> Event | Malformed:
    """The checks over several fields, and the event if all pass."""
    event_id, event_type, project_id, occurred_at = wire.event_id, wire.type, wire.project_id, wire.occurred_at
    if (
        event_id is None
        or event_type is None
        or project_id is None
        or occurred_at is None
        or (wire.episode_id is None and event_type in NEEDS_EPISODE_ID)
        or (wire.episode_number is None and event_type in NEEDS_EPISODE_NUMBER)
        or (wire.schema_version is not None and wire.schema_version != SCHEMA_VERSION)
    ):
        return _incomplete(wire)
    event = Event(
        event_id,
        event_type,
        project_id,
        occurred_at if isinstance(occurred_at, int) else epoch_ms(occurred_at),
        wire.operation_id or event_id,
        wire.episode_id or "",
        wire.episode_number or 0,
        wire.old_number,
        wire.duration_seconds,
        wire.retry_count or 0,
        _retry_reasons(wire) if wire.retry_count or wire.retry_reasons else (),
        wire.had_conflict or False,
        wire.error,
        wire.source,
        wire.sequence,
        wire.backfill or False,
        traceparent,
    )
    return _inconsistent(wire, event) or _misplaced(event, key, now_ms) or event


def _incomplete(wire: WireEvent) -> Malformed:
    if wire.schema_version is not None and wire.schema_version != SCHEMA_VERSION:
        return unsupported_version(wire.schema_version)
    return missing_field([name for name in required_fields(wire.type) if getattr(wire, name) is None])


def _retry_reasons(wire: WireEvent) -> tuple[RetryReason, ...]:
    """One reason a retry; none where there are very many and the event gives none."""
    if wire.retry_reasons is not None:
        return wire.retry_reasons
    count = wire.retry_count or 0
    return (default_reason(wire.had_conflict or False),) * count if count <= MAX_RETRIES else ()


def _inconsistent(wire: WireEvent, event: Event) -> Malformed | None:
    project_id = event.project_id
    if not project_id.isprintable() and any(unicodedata.category(character) == "Cc" for character in project_id):
        return invalid_field("project_id", project_id)
    if event.occurred_at_ms < 0:
        return invalid_field("occurred_at", str(wire.occurred_at))
    if wire.retry_reasons is not None and len(wire.retry_reasons) != event.retry_count:
        text = (
            f"retry_reasons has {len(wire.retry_reasons)} entries for a retry_count of {event.retry_count}; "
            f"it must have one a retry."
        )
        return Malformed(DeadLetterReason.INVALID_FIELD, text)
    return None


def _misplaced(event: Event, key: bytes | None, now_ms: int) -> Malformed | None:
    if key is not None and key != event.project_id.encode():
        return Malformed(DeadLetterReason.KEY_MISMATCH, f"The record's key {excerpt(key)} is not its project_id.")
    ahead_ms = event.occurred_at_ms - now_ms
    if ahead_ms > FUTURE_TOLERANCE_MS:
        text = f"occurred_at is {ahead_ms} ms ahead of the clock; at most {FUTURE_TOLERANCE_MS} are allowed."
        return Malformed(DeadLetterReason.FUTURE_TIMESTAMP, text)
    return None


def encode_event(event: Event) -> bytes:
    """The JSON of a valid event, defaults left out; `decode_event` gives the same event back.

    `traceparent` is no field of the body: send `event_headers(event)` with the record.
    """
    fields = {
        "event_id": event.event_id,
        "type": event.type,
        "project_id": event.project_id,
        "occurred_at": event.occurred_at_ms,
    }
    if event.operation_id != event.event_id:
        fields["operation_id"] = event.operation_id
    for name, default in _DEFAULTS.items():
        if (value := getattr(event, name)) != default:
            fields[name] = value
    return _encode(fields)


def event_headers(event: Event) -> list[tuple[str, bytes]]:
    """The headers that belong to an event's record."""
    return [] if event.traceparent is None else [("traceparent", event.traceparent.encode())]
