"""The client and the monitor speak of the same events: one schema, and every event of the client is one it accepts."""

import random

import pytest

import episode_monitor_client as client
from episode_monitor_client import outbox
from episode_monitor_client.encoding import record_of
from episode_monitor_client.events import EVENT_TYPES, MAX_EPISODE_NUMBER, MAX_RETRIES, RETRY_REASONS, EpisodeEvent
from models.codec import decode_event
from models.event import MAX_EPISODE_NUMBER as MONITORS_MAX_EPISODE_NUMBER
from models.event import Event, EventType, RetryReason
from models.wire import MAX_RETRIES as MONITORS_MAX_RETRIES
from tests.models.test_event_schema import SCHEMA

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NOW_MS = 1_760_000_000_000


def test_the_client_ships_the_schema_of_the_monitor() -> None:
    assert client.event_schema() == SCHEMA


def test_words_and_bounds_are_those_of_the_monitor() -> None:
    assert {kind.value for kind in EventType} == EVENT_TYPES
    assert {reason.value for reason in RetryReason} == RETRY_REASONS
    assert (MAX_EPISODE_NUMBER, MAX_RETRIES) == (MONITORS_MAX_EPISODE_NUMBER, MONITORS_MAX_RETRIES)


def test_the_tables_have_as_many_slots_as_the_client_counts() -> None:
    assert f"BETWEEN 0 AND {outbox.SLOTS - 1}" in outbox.ddl()
    assert f"generate_series(0, {outbox.SLOTS - 1})" in outbox.ddl()


@pytest.mark.parametrize("seed", range(50))
def test_whatever_the_client_lets_pass_the_monitor_reads_as_it_was_meant(seed: int) -> None:
    dice = random.Random(seed)
    kind = dice.choice(sorted(EVENT_TYPES))
    ends = kind in ("episode.created", "episode.creation_succeeded", "episode.creation_failed")
    retries = tuple(dice.choices(sorted(RETRY_REASONS), k=dice.choice([0, 0, 1, 3, MAX_RETRIES]) if ends else 0))
    event = EpisodeEvent(
        type=kind,  # type: ignore[arg-type]
        project_id=dice.choice(["p", "수요일 ☂", "\U0001f600" * 200]),
        episode_id=dice.choice(["e", "\x00", "é" * 200]),
        episode_number=dice.choice([1, 7, MAX_EPISODE_NUMBER]),
        old_number=dice.choice([None, -5, 3]),
        operation_id=dice.choice([None, "op", "o" * 128]),
        duration_seconds=dice.choice([None, 0, 0.25, 1e300]),
        retry_count=len(retries),
        retry_reasons=retries,  # type: ignore[arg-type]
        had_conflict=ends and dice.random() < 0.5,
        error=dice.choice([None, "", 'quoted " and \\', "\U0001f600" * 5000]),
        backfill=dice.random() < 0.1,
        traceparent=dice.choice([None, TRACE]),
        occurred_at_ms=NOW_MS,
    )
    record = record_of(event, "svc@1", 7)
    read = decode_event(record.key, record.value, record.headers, NOW_MS)
    assert isinstance(read, Event), read
    assert read == Event(
        event_id=event.event_id,
        type=EventType(event.type),
        project_id=event.project_id,
        occurred_at_ms=NOW_MS,
        operation_id=event.operation_id or event.event_id,
        episode_id=event.episode_id or "",
        episode_number=event.episode_number or 0,
        old_number=event.old_number,
        duration_seconds=event.duration_seconds,
        retry_count=event.retry_count,
        retry_reasons=tuple(RetryReason(reason) for reason in event.retry_reasons),
        had_conflict=event.had_conflict,
        error=event.error,
        source="svc@1",
        sequence=7,
        backfill=event.backfill,
        traceparent=event.traceparent,
    )


def test_headers_alone_make_a_body_without_them_whole() -> None:
    import json

    record = record_of(client.deleted("p", "e"), "svc@1", 1)
    body = json.loads(record.value)
    for name in ("event_id", "type", "occurred_at", "source"):
        del body[name]
    read = decode_event(record.key, json.dumps(body).encode(), record.headers, 4_000_000_000_000)
    assert isinstance(read, Event)
    assert (read.type, read.source) == (EventType.DELETED, "svc@1")
