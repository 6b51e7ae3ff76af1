"""Makes the published JSON Schema of an event anew from `WireEvent`: `.venv/bin/python -m tools.event_schema`.

Types, bounds and words come from the code. What the file says in prose stays; a field without any gets its rule.
"""

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from models.event import EventType, RetryReason
from models.wire import FIELD_RULES, SCHEMA_VERSION, WireEvent, required_fields

FILE = Path(__file__).parents[1] / "client" / "episode_monitor_client" / "episode-event.schema.json"
# What `models.codec` and `models.refusal` add to the types; None takes a bound away.
_BESIDES: dict[str, dict[str, Any]] = {
    "project_id": {"pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"},
    "retry_count": {"maximum": None, "default": 0},
    "had_conflict": {"default": False},
    "backfill": {"default": False},
    "schema_version": {
        "type": None, "minimum": None, "maximum": None, "enum": [SCHEMA_VERSION, None], "default": SCHEMA_VERSION,
    },
}  # fmt: skip


def event_schema(known: dict[str, Any]) -> dict[str, Any]:
    """The schema, with the prose of the one that is known."""
    fields = msgspec.json.schema(WireEvent)["$defs"]["WireEvent"]["properties"]
    always = required_fields(None)
    properties = {
        name: {
            "description": known["properties"].get(name, {}).get("description", f"{FIELD_RULES[name]}."),
            **_property(name, raw["anyOf"], name in always),
        }
        for name, raw in fields.items()
    }
    kept = {name: known[name] for name in ("$schema", "title", "description", "type")}
    return {**kept, "required": list(always), "properties": properties, "allOf": _needs(properties)}


def _property(name: str, kinds: list[dict[str, Any]], is_needed: bool) -> dict[str, Any]:
    kinds = [_resolved(kind) for kind in kinds if kind != {"type": "null"}]
    if len(kinds) > 1:
        return {"oneOf": sorted(kinds, key=lambda kind: kind["type"] != "string")}
    (found,) = kinds
    if "type" in found and not is_needed:
        found = {**found, "type": [found["type"], "null"]}
    return {key: value for key, value in {**found, **_BESIDES.get(name, {})}.items() if value is not None}


def _resolved(kind: dict[str, Any]) -> dict[str, Any]:
    """Words in the order of the enum, in place of a reference to it."""
    if "$ref" in kind:
        word = EventType if kind["$ref"].endswith("EventType") else RetryReason
        return {"enum": [member.value for member in word]}
    return {key: _resolved(value) if key == "items" else value for key, value in kind.items()}


def _needs(properties: dict[str, Any]) -> list[dict[str, Any]]:
    """What some types need beside what all do."""
    always = required_fields(None)
    needs = {kind.value: tuple(name for name in required_fields(kind) if name not in always) for kind in EventType}
    by_needs = sorted(filter(needs.get, needs), key=lambda kind: -len(needs[kind]))
    return [
        {
            "if": {"properties": {"type": {"enum": list(kinds)}}, "required": ["type"]},
            "then": {
                "properties": {name: {"type": properties[name]["type"][0]} for name in names},
                "required": list(names),
            },
        }
        for names, kinds in groupby(by_needs, key=lambda kind: needs[kind])
    ]


if __name__ == "__main__":
    schema = event_schema(json.loads(FILE.read_text(encoding="utf-8")))
    FILE.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
