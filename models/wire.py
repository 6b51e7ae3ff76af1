"""An event as in the JSON of a record: types and bounds of all fields.

Every field may be absent or null here. `required_fields` lists those that a type needs; rules over several fields, or a
field and the clock, are in `models.codec`.
"""

from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from models.event import MAX_EPISODE_NUMBER, EventType, RetryReason

SCHEMA_VERSION: Final = 1
MAX_RETRIES: Final = 1000  # so many are held with one reason each where the event gives none; of more only the number
MAX_NESTING = 400  # levels; a fixed limit, so that what is accepted never depends on how full the stack is
SHALLOW_BYTES: Final = 2 * MAX_NESTING  # a shorter value cannot be nested deeper and still be JSON
MAX_INT64 = 2**63 - 1
MIN_INT64 = -(2**63)

Name = Annotated[str, Meta(min_length=1, max_length=128)]
LongName = Annotated[str, Meta(min_length=1, max_length=200)]
Count = Annotated[int, Meta(ge=0, le=MAX_INT64)]
AnyInteger = Annotated[int, Meta(ge=MIN_INT64, le=MAX_INT64)]


class WireEvent(msgspec.Struct, gc=False, omit_defaults=True):
    """The JSON object, field by field. Lengths are in characters, not bytes. Not frozen: headers may fill it up."""

    event_id: Name | None = None
    type: EventType | None = None
    project_id: LongName | None = None  # no control characters either
    occurred_at: Count | Annotated[datetime, Meta(tz=True)] | None = None  # an integer is epoch milliseconds
    operation_id: Name | None = None
    episode_id: LongName | None = None
    episode_number: Annotated[int, Meta(ge=1, le=MAX_EPISODE_NUMBER)] | None = None
    old_number: AnyInteger | None = None  # whatever was stored: a renumbering may repair a nonsense number
    duration_seconds: Annotated[float, Meta(ge=0)] | None = None
    retry_count: Count | None = None  # one beyond 64 bits is kept as the most that fits
    retry_reasons: tuple[RetryReason, ...] | None = None
    had_conflict: bool | None = None
    error: str | None = None
    source: Name | None = None
    sequence: Count | None = None
    backfill: bool | None = None
    schema_version: AnyInteger | None = None


class TextualEvent(WireEvent, gc=False):
    """The same with the text of a moment as it stands."""

    occurred_at: Count | str | None = None  # type: ignore[assignment]


# The same bounds in words, for the people who read dead letters.
FIELD_RULES = {
    "event_id": "a string of 1 to 128 characters",
    "type": "a string",
    "project_id": "a string of 1 to 200 characters without control characters",
    "occurred_at": "an RFC 3339 string with an offset, or integer milliseconds, not before 1970",
    "operation_id": "a string of 1 to 128 characters",
    "episode_id": "a string of 1 to 200 characters",
    "episode_number": f"an integer from 1 to {MAX_EPISODE_NUMBER}",
    "old_number": "an integer of at most 64 bits",
    "duration_seconds": "a finite number of at least 0",
    "retry_count": "an integer of at least 0",
    "retry_reasons": "a list of conflict, timeout or error, one entry a retry",
    "had_conflict": "true or false",
    "error": "a string",
    "source": "a string of 1 to 128 characters",
    "sequence": f"an integer from 0 to {MAX_INT64}",
    "backfill": "true or false",
    "schema_version": "an integer of at most 64 bits",
}

_ALWAYS = ("event_id", "type", "project_id", "occurred_at")
NEEDS_EPISODE_ID = (EventType.CREATED, EventType.RENUMBERED, EventType.DELETED)
NEEDS_EPISODE_NUMBER = (EventType.CREATED, EventType.RENUMBERED)


def required_fields(event_type: EventType | None) -> tuple[str, ...]:
    """The fields that an event of this type cannot do without; for None those that every type needs."""
    needed: tuple[str, ...] = _ALWAYS
    if event_type in NEEDS_EPISODE_ID:
        needed += ("episode_id",)
    if event_type in NEEDS_EPISODE_NUMBER:
        needed += ("episode_number",)
    return needed
