"""One good event of each type as its JSON fields, and short ways to change and decode one."""

import json
from typing import Any

from models.codec import Tombstone, decode_event
from models.dead_letter import Malformed
from models.event import Event

NOW_MS = 1_760_000_060_000  # 2025-10-09T08:54:20Z, one minute after the samples

CREATED: dict[str, Any] = {
    "event_id": "ev-1",
    "type": "episode.created",
    "project_id": "project_123",
    "occurred_at": 1_760_000_000_000,
    "episode_id": "ep_456",
    "episode_number": 28,
}
FAILED: dict[str, Any] = {
    "event_id": "ev-2",
    "type": "episode.creation_failed",
    "project_id": "project_123",
    "occurred_at": 1_760_000_000_000,
}
CONFLICT: dict[str, Any] = FAILED | {"event_id": "ev-3", "type": "episode.creation_conflict"}
RENUMBERED: dict[str, Any] = CREATED | {"event_id": "ev-4", "type": "episode.renumbered"}
DELETED: dict[str, Any] = FAILED | {"event_id": "ev-5", "type": "episode.deleted", "episode_id": "ep_456"}
SUCCEEDED: dict[str, Any] = FAILED | {"event_id": "ev-6", "type": "episode.creation_succeeded"}
SAMPLES = [CREATED, FAILED, CONFLICT, RENUMBERED, DELETED, SUCCEEDED]


def without(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    """The fields but these."""
    return {name: value for name, value in fields.items() if name not in names}


def decode(fields: Any, **changes: Any) -> Event | Malformed | Tombstone:
    """Decodes a record without key and headers whose value is these fields with these changes."""
    return decode_event(None, json.dumps(fields | changes if changes else fields).encode(), (), NOW_MS)


def decode_bytes(value: bytes) -> Event | Malformed | Tombstone:
    """Decodes a record without key and headers."""
    return decode_event(None, value, (), NOW_MS)


def event(fields: Any, **changes: Any) -> Event:
    """The event these fields make; fails the test if they make none."""
    verdict = decode(fields, **changes)
    assert isinstance(verdict, Event), verdict
    return verdict


def refusal(verdict: object) -> str:
    """The reason of a refused record, after a look at its detail; `ok` for an event."""
    if isinstance(verdict, Event):
        return "ok"
    assert isinstance(verdict, Malformed), verdict
    assert 0 < len(verdict.detail) <= 200
    assert verdict.detail.endswith(".")
    verdict.detail.encode()  # goes into a header
    return verdict.reason.value
