"""Says why bytes are not an event: the first reason in the documented order.

It runs only after the quick decoder refused them. It reads the JSON again with another parser, so it may also find
that nothing is wrong: a value that a later duplicate key replaces, or half a character in a field that is not read.
Then the event is valid after all.
"""

import json
import math
import re
from typing import Any

import msgspec

from models.dead_letter import DeadLetterReason, Malformed
from models.event import EventType
from models.record_headers import HeaderAttributes
from models.times import plain_rfc3339
from models.wire import FIELD_RULES, MAX_INT64, MAX_NESTING, MIN_INT64, SCHEMA_VERSION, WireEvent, required_fields

_MAX_EXCERPT_CHARACTERS = 40
_HUGE = 10**400  # stands for any integer that a float cannot hold,
_OUT_OF_RANGE = _HUGE + 1  # and this for any other such number
_MAX_DIGITS = 400  # Python refuses to read an integer of more than 4300 digits
_TYPES = frozenset(kind.value for kind in EventType)
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def nested_too_deep(value: bytes) -> bool:
    """Whether brackets outside strings are nested deeper than `MAX_NESTING`; one pass over any bytes."""
    if value.count(b"[") + value.count(b"{") <= MAX_NESTING:
        return False
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(value):
        first = value[token.start()]
        if first in b"[{":
            depth += 1
            if depth > MAX_NESTING:
                return True
        elif first in b"]}":
            depth -= 1
    return False


def find_fault(value: bytes, attributes: HeaderAttributes | None) -> WireEvent | Malformed:
    """The first thing wrong with the body, in the order of `models.codec`; the event's fields if nothing is."""
    body = _read_object(value)
    if isinstance(body, Malformed):
        return body
    fields = {name: body[name] for name in FIELD_RULES if body.get(name) is not None}
    if attributes is not None:
        given = (fields.get(name) for name in ("event_id", "type", "occurred_at", "source"))
        fields |= attributes.lacking(*given)
    occurred_at, retries = fields.get("occurred_at"), fields.get("retry_count")
    if isinstance(occurred_at, str):
        fields["occurred_at"] = plain_rfc3339(occurred_at)
    if type(retries) is int and MAX_INT64 < retries != _OUT_OF_RANGE:
        fields["retry_count"] = MAX_INT64
    fault = _wrong_version(fields) or _wrong_type(fields) or _missing(fields) or _invalid(fields)
    return fault or msgspec.convert(fields, WireEvent)


def missing_field(names: list[str]) -> Malformed:
    """The verdict on an event that lacks these fields."""
    listed = ", ".join(names)
    return Malformed(DeadLetterReason.MISSING_FIELD, f"{listed} {'is' if len(names) == 1 else 'are'} missing or null.")


def invalid_field(name: str, raw: object) -> Malformed:
    """The verdict on a field that breaks its rule; shows at most 40 characters of it."""
    return Malformed(DeadLetterReason.INVALID_FIELD, f"{name} must be {FIELD_RULES[name]}, not {excerpt(raw)}.")


def unsupported_version(version: int) -> Malformed:
    """The verdict on a schema version that we do not know."""
    text = f"schema_version {version} is not known here; this monitor reads version {SCHEMA_VERSION}."
    return Malformed(DeadLetterReason.UNSUPPORTED_VERSION, text)


def excerpt(raw: object) -> str:
    """At most 40 characters that show a JSON value, all of them printable."""
    if isinstance(raw, list):
        return "a list"
    if isinstance(raw, dict):
        return "an object"
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, int) and abs(raw) >= _HUGE:
        return "a number out of range"
    text = repr(raw[:_MAX_EXCERPT_CHARACTERS] if isinstance(raw, str | bytes) else raw)
    return text if len(text) <= _MAX_EXCERPT_CHARACTERS else text[: _MAX_EXCERPT_CHARACTERS - 1] + "…"


def not_json(why: str) -> Malformed:
    """The verdict on bytes that are no JSON text."""
    return Malformed(DeadLetterReason.MALFORMED_JSON, f"The value is not JSON: {why}.")


def _read_object(value: bytes) -> dict[str, Any] | Malformed:
    """Strict JSON in UTF-8 without a byte order mark; of duplicate keys the last counts."""
    try:
        body = _JSON.decode(value.decode())
    except UnicodeDecodeError as error:
        return not_json(f"byte {error.start} is not UTF-8")
    except json.JSONDecodeError as error:
        return not_json(f"{error.msg.strip(' :')}, character {error.pos}" if value else "it is empty")
    except (ValueError, RecursionError) as error:
        return not_json(str(error))
    if not isinstance(body, dict):
        return Malformed(DeadLetterReason.INVALID_FIELD, f"The value must be a JSON object, not {excerpt(body)}.")
    return body


def _wrong_version(fields: dict[str, Any]) -> Malformed | None:
    version = fields.get("schema_version", SCHEMA_VERSION)
    if type(version) is int and version != SCHEMA_VERSION and MIN_INT64 <= version <= MAX_INT64:
        return unsupported_version(version)
    return None


def _wrong_type(fields: dict[str, Any]) -> Malformed | None:
    kind = fields.get("type")
    if isinstance(kind, str) and kind not in _TYPES:
        return Malformed(DeadLetterReason.UNKNOWN_TYPE, f"{excerpt(kind)} is not an event type of this monitor.")
    return None


def _missing(fields: dict[str, Any]) -> Malformed | None:
    kind = fields.get("type")
    needed = required_fields(EventType(kind) if isinstance(kind, str) else None)
    names = [name for name in needed if name not in fields]
    return missing_field(names) if names else None


def _invalid(fields: dict[str, Any]) -> Malformed | None:
    for name, raw in fields.items():
        if isinstance(raw, str) and not _encodable(raw):
            text = f"{name} holds half of a surrogate pair, which is no text."
            return Malformed(DeadLetterReason.INVALID_FIELD, text)
        try:
            msgspec.convert({name: raw}, WireEvent)
        except (msgspec.ValidationError, UnicodeEncodeError):  # the latter for such a half inside a list
            return invalid_field(name, raw)
    return None


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _integer(digits: str) -> int:
    if len(digits) <= _MAX_DIGITS:
        return int(digits)
    return -_HUGE if digits.startswith("-") else _HUGE


def _number(text: str) -> float | int:
    number = float(text)
    return number if math.isfinite(number) else _OUT_OF_RANGE


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


_JSON = json.JSONDecoder(parse_int=_integer, parse_float=_number, parse_constant=_constant)
