"""The published JSON Schema of an event and the codec say the same: fields, required fields, bounds."""

import json
from typing import Any

import msgspec
import pytest

from models.event import EventType, RetryReason
from models.wire import FIELD_RULES, WireEvent, required_fields
from tests.models.samples import CREATED, RENUMBERED, SAMPLES, decode, refusal
from tools.event_schema import FILE, event_schema

SCHEMA: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
PROPERTIES: dict[str, dict[str, Any]] = SCHEMA["properties"]


def test_the_schema_is_what_the_codec_makes_of_it() -> None:
    """If this fails: .venv/bin/python -m tools.event_schema"""
    assert json.dumps(event_schema(SCHEMA)) == json.dumps(SCHEMA)


def test_schema_codec_and_messages_list_the_same_fields_in_the_same_order() -> None:
    wire = [field.name for field in msgspec.structs.fields(WireEvent)]
    assert list(PROPERTIES) == wire
    assert list(FIELD_RULES) == wire


@pytest.mark.parametrize("event_type", EventType)
def test_the_schema_requires_what_the_codec_requires(event_type: EventType) -> None:
    required = list(SCHEMA["required"])
    for rule in SCHEMA["allOf"]:
        if event_type.value in rule["if"]["properties"]["type"]["enum"]:
            required += rule["then"]["required"]
            assert list(rule["then"]["properties"]) == rule["then"]["required"]  # null is not enough for these
    assert tuple(required) == required_fields(event_type)


def test_the_schema_lists_the_words_of_the_codec() -> None:
    assert PROPERTIES["type"]["enum"] == [kind.value for kind in EventType]
    assert PROPERTIES["retry_reasons"]["items"]["enum"] == [reason.value for reason in RetryReason]


def bounds() -> list[tuple[str, Any, Any]]:
    """Field, last value within a bound of the schema, first value beyond it."""
    cases: list[tuple[str, Any, Any]] = []
    for name, rules in PROPERTIES.items():
        step = 0.5 if "number" in rules.get("type", ()) else 1
        if "minLength" in rules:
            cases.append((name, "x" * rules["minLength"], "x" * (rules["minLength"] - 1)))
            cases.append((name, "x" * rules["maxLength"], "x" * (rules["maxLength"] + 1)))
        if "minimum" in rules:
            cases.append((name, rules["minimum"], rules["minimum"] - step))
        if "maximum" in rules:
            cases.append((name, rules["maximum"], rules["maximum"] + step))
    return cases


def test_the_schema_has_bounds_to_compare() -> None:
    assert len(bounds()) == 18


@pytest.mark.parametrize(("name", "within", "beyond"), bounds(), ids=lambda value: str(value)[:20])
def test_the_codec_keeps_the_bounds_of_the_schema(name: str, within: Any, beyond: Any) -> None:
    assert refusal(decode(RENUMBERED, **{name: within})) == "ok"
    assert refusal(decode(RENUMBERED, **{name: beyond})) == "invalid_field"


JSON_VALUES: dict[str, Any] = {
    "string": "x", "integer": 1, "number": 1.5, "boolean": True, "array": [], "object": {}, "null": None,
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name, rules in PROPERTIES.items() if "type" in rules])
def test_the_codec_takes_exactly_the_json_types_of_the_schema(name: str) -> None:
    types = PROPERTIES[name]["type"]
    allowed = {types} if isinstance(types, str) else set(types)
    if "number" in allowed:
        allowed.add("integer")
    accepted = {kind for kind, raw in JSON_VALUES.items() if refusal(decode(SAMPLES[1], **{name: raw})) == "ok"}
    assert accepted == allowed


def test_the_codec_takes_the_schema_version_and_the_times_of_the_schema() -> None:
    assert PROPERTIES["schema_version"]["enum"] == [1, None]
    assert refusal(decode(CREATED, schema_version=1)) == "ok"
    assert refusal(decode(CREATED, schema_version=None)) == "ok"
    text, integer = PROPERTIES["occurred_at"]["oneOf"]
    assert text == {"type": "string", "format": "date-time"}
    assert integer == {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
