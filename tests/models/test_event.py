"""Events are compared, hashed and shown by what they hold."""

from typing import Any

import pytest

from models.event import EVENT_FIELDS, Event, EventType, RetryReason

FIRST: dict[str, Any] = {
    "event_id": "ev-1", "type": EventType.CREATED, "project_id": "p", "occurred_at_ms": 1, "operation_id": "op-1",
}  # fmt: skip
OTHERS: dict[str, Any] = {
    "event_id": "ev-2", "type": EventType.DELETED, "project_id": "q", "occurred_at_ms": 2, "operation_id": "op-2",
    "episode_id": "ep-1", "episode_number": 3, "old_number": 4, "duration_seconds": 0.5, "retry_count": 1,
    "retry_reasons": (RetryReason.ERROR,), "had_conflict": True, "error": "none", "source": "svc", "sequence": 5,
    "backfill": True, "traceparent": "00-1-2-01",
}  # fmt: skip


def test_two_events_with_the_same_fields_are_equal() -> None:
    assert Event(**FIRST) == Event(**FIRST)
    assert hash(Event(**OTHERS)) == hash(Event(**OTHERS))
    assert Event(**FIRST) != "ev-1"


@pytest.mark.parametrize("name", EVENT_FIELDS)
def test_every_field_makes_a_difference(name: str) -> None:
    assert Event(**FIRST) != Event(**FIRST | {name: OTHERS[name]})


def test_an_event_is_made_again_from_its_fields_and_shows_them() -> None:
    event = Event(**OTHERS)
    assert tuple(event.as_dict()) == EVENT_FIELDS == tuple(OTHERS)
    assert Event(**event.as_dict()) == event
    assert repr(Event(**FIRST)).startswith("Event(event_id='ev-1', type=<EventType.CREATED: 'episode.created'>, ")
