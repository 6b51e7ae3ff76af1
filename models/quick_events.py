"""The quick way from a record's value to its event, for what nearly all records are.

It only accepts: whatever it does not understand, `models.codec` decides, and what it accepts, that accepts as well and
as the same event; a property test compares the two. Compiled, unlike the codec, which defines message structs.
"""

from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, ValidationError

from models.event import FUTURE_TOLERANCE_MS, Event, RetryReason, default_reason
from models.times import epoch_ms
from models.wire import (
    MAX_RETRIES,
    NEEDS_EPISODE_ID,
    NEEDS_EPISODE_NUMBER,
    SCHEMA_VERSION,
    SHALLOW_BYTES,
    TextualEvent,
)

_UNKNOWN: Final = -1  # a moment that the slow way must read
_SECOND: Final = 19  # characters of `2025-10-09T08:53:20`
_MS_OF: Final = {f".{ms:03d}Z": ms for ms in range(1000)}  # as most clocks end a moment
_decode: Final = msgspec.json.Decoder(TextualEvent).decode  # compiled code finds what is final without a dictionary
_fields: Final = msgspec.structs.astuple
_Aware = Annotated[datetime, Meta(tz=True)]


def quick_event(key: bytes | None, value: bytes, now_ms: int) -> Event | None:
    """The event of a record without headers; None: `decode_event` has to look closer. Arguments as there."""
    if len(value) > SHALLOW_BYTES:
        return None
    try:
        wire: tuple[Any, ...] = _fields(_decode(value))
        if not value.isascii():
            value.decode()  # the decoder does not look at the bytes of fields it skips
    except Exception:  # bad UTF-8, nesting and bad JSON raise unlike errors
        return None
    (
        event_id, kind, project_id, occurred_at, operation_id, episode_id, number, old_number, duration_seconds,
        retry_count, retry_reasons, had_conflict, error, source, sequence, backfill, schema_version,
    ) = wire  # fmt: skip
    if (
        event_id is None or kind is None or project_id is None or occurred_at is None
        or (episode_id is None and kind in NEEDS_EPISODE_ID)
        or (number is None and kind in NEEDS_EPISODE_NUMBER)
        or (schema_version is not None and schema_version != SCHEMA_VERSION)
        or not _is_of(key, project_id)
    ):  # fmt: skip
        return None
    at_ms: int = _moment_ms(occurred_at) if isinstance(occurred_at, str) else occurred_at
    if at_ms < 0 or at_ms - now_ms > FUTURE_TOLERANCE_MS:
        return None
    reasons: tuple[RetryReason, ...] = ()
    if retry_count or retry_reasons:
        if retry_reasons is None:
            reasons = (default_reason(bool(had_conflict)),) * retry_count if retry_count <= MAX_RETRIES else ()
        elif len(retry_reasons) == (retry_count or 0):
            reasons = retry_reasons
        else:
            return None
    return Event(
        event_id, kind, project_id, at_ms, operation_id or event_id, episode_id or "", number or 0, old_number,
        duration_seconds, retry_count or 0, reasons, bool(had_conflict), error, source, sequence, bool(backfill),
    )  # fmt: skip


def _is_of(key: bytes | None, project_id: str) -> bool:
    return (key is None or key == project_id.encode()) and project_id.isprintable()


def _moment_ms(text: str) -> int:
    """Epoch milliseconds of a text in UTC with no fraction or one of 3 or 6 digits. Events of one second share what
    its text means: to read it for each took longer than all other fields together."""
    rest = text[_SECOND:]
    fraction_ms = _MS_OF.get(rest)
    if fraction_ms is None:
        fraction_ms = _fraction_ms(rest)
    second_ms: int = _UNKNOWN if fraction_ms < 0 else _second_ms(text[:_SECOND])
    return second_ms if second_ms < 0 else second_ms + fraction_ms


def _fraction_ms(rest: str) -> int:
    if rest.endswith("Z"):
        fraction = rest[:-1]
    elif rest.endswith("+00:00"):
        fraction = rest[:-6]
    else:
        return _UNKNOWN
    if not fraction:
        return 0
    digits = fraction[1:]
    if fraction[0] != "." or len(digits) not in (3, 6) or not (digits.isascii() and digits.isdigit()):
        return _UNKNOWN
    return int(digits[:3])


@lru_cache(maxsize=1024)
def _second_ms(text: str) -> int:
    try:
        return epoch_ms(msgspec.convert(f"{text}Z", _Aware))
    except ValidationError:
        return _UNKNOWN
