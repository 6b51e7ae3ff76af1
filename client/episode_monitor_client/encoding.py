"""An event as a Kafka record: the project's id as key, the whole event as JSON, CloudEvents 1.0 attributes as headers.

The body is complete without the headers, so that nothing is lost where a bridge drops them.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .events import EpisodeEvent

SCHEMA_VERSION = 1
_ENDINGS = frozenset({"episode.created", "episode.creation_failed"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Record:
    """What goes to Kafka."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def rfc3339(at_ms: int) -> str:
    """UTC with milliseconds: `2025-10-09T08:53:20.123Z`."""
    moment = _EPOCH + timedelta(milliseconds=at_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def body_of(event: EpisodeEvent) -> dict[str, Any]:
    """The JSON object of an event without `source` and `sequence`; what is not known is left out."""
    body: dict[str, Any] = {
        "event_id": event.event_id,
        "type": event.type,
        "project_id": event.project_id,
        "occurred_at": rfc3339(event.occurred_at_ms),
    }
    for name in ("operation_id", "episode_id", "episode_number", "old_number", "duration_seconds", "error"):
        value = getattr(event, name)
        if value is not None:
            body[name] = value
    if event.type in _ENDINGS:
        body["retry_count"] = event.retry_count
        if len(event.retry_reasons) == event.retry_count:  # else they are not known
            body["retry_reasons"] = event.retry_reasons
        body["had_conflict"] = event.had_conflict
    if event.backfill:
        body["backfill"] = True
    body["schema_version"] = SCHEMA_VERSION
    return body


def text_of(event: EpisodeEvent) -> str:
    """The JSON of an event, as an outbox keeps it."""
    return _compact(body_of(event))


def record_of(event: EpisodeEvent, source: str, sequence: int) -> Record:
    """The record of an event that this source sends under this sequence number."""
    return record_from_body(body_of(event), event.traceparent, source, sequence)


def record_from_body(body: dict[str, Any], traceparent: str | None, source: str, sequence: int) -> Record:
    """The record of a JSON object that `body_of` made."""
    value = _compact({**body, "source": source, "sequence": sequence}).encode()
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", body["event_id"].encode()),
        ("ce_type", body["type"].encode()),
        ("ce_source", source.encode()),
        ("ce_time", body["occurred_at"].encode()),
        ("content-type", b"application/json"),
    ]
    if traceparent is not None:
        headers.append(("traceparent", traceparent.encode()))
    return Record(body["project_id"].encode(), value, headers)
