"""Events: what is refused, what is put right, and what they look like on the wire."""

import json
from typing import Any

import pytest

from episode_monitor_client import InvalidEvent, created, creation_conflict, creation_failed, deleted, renumbered
from episode_monitor_client.encoding import record_of
from episode_monitor_client.events import EpisodeEvent

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"project_id": ""}, "project_id must be"),
        ({"project_id": "a\nb"}, "project_id must be"),
        ({"project_id": "x" * 201}, "project_id must be"),
        ({"project_id": "\ud800"}, "project_id must be"),
        ({"project_id": 5}, "project_id must be"),
        ({"episode_id": None}, "episode_id is needed"),
        ({"episode_id": ""}, "episode_id must be"),
        ({"episode_number": None}, "episode_number is needed"),
        ({"episode_number": 0}, "episode_number must be"),
        ({"episode_number": 2_147_483_648}, "episode_number must be"),
        ({"episode_number": True}, "episode_number must be"),
        ({"episode_number": "5"}, "episode_number must be"),
        ({"episode_number": 5.0}, "episode_number must be"),
        ({"duration_seconds": -0.1}, "duration_seconds must be"),
        ({"duration_seconds": float("nan")}, "duration_seconds must be"),
        ({"duration_seconds": float("inf")}, "duration_seconds must be"),
        ({"retry_count": 1001}, "retry_count must be"),
        ({"retry_count": 2, "retry_reasons": ("conflict",)}, "one a retry"),
        ({"retry_count": 1, "retry_reasons": ("boredom",)}, "retry_reasons must be"),
        ({"had_conflict": 1}, "had_conflict and backfill"),
        ({"operation_id": "x" * 129}, "operation_id must be"),
        ({"occurred_at_ms": 1.5}, "occurred_at_ms must be"),
        ({"type": "episode.exploded"}, "type must be"),
    ],
)
def test_what_the_monitor_would_refuse_is_refused_when_it_is_made(fields: dict[str, Any], sentence: str) -> None:
    good: dict[str, Any] = {"type": "episode.created", "project_id": "p", "episode_id": "e", "episode_number": 1}
    EpisodeEvent(**good)
    with pytest.raises(InvalidEvent, match=sentence):
        EpisodeEvent(**{**good, **fields})


def test_a_record_bears_key_body_and_the_headers_of_cloudevents() -> None:
    event = EpisodeEvent(
        type="episode.created",
        project_id="수요일",
        episode_id="ep_1",
        episode_number=7,
        operation_id="op",
        duration_seconds=0.25,
        retry_count=1,
        retry_reasons=("timeout",),
        had_conflict=True,
        traceparent=TRACE,
        event_id="ev",
        occurred_at_ms=1_760_000_000_123,
    )
    record = record_of(event, "svc@1", 3)
    assert record.key == "수요일".encode()
    assert json.loads(record.value) == {
        "event_id": "ev",
        "type": "episode.created",
        "project_id": "수요일",
        "occurred_at": "2025-10-09T08:53:20.123Z",
        "operation_id": "op",
        "episode_id": "ep_1",
        "episode_number": 7,
        "duration_seconds": 0.25,
        "retry_count": 1,
        "retry_reasons": ["timeout"],
        "had_conflict": True,
        "schema_version": 1,
        "source": "svc@1",
        "sequence": 3,
    }
    assert record.headers == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"ev"),
        ("ce_type", b"episode.created"),
        ("ce_source", b"svc@1"),
        ("ce_time", b"2025-10-09T08:53:20.123Z"),
        ("content-type", b"application/json"),
        ("traceparent", TRACE.encode()),
    ]


def test_all_that_can_happen_to_an_episode_can_be_said() -> None:
    said = [
        created("p", "e", 1),
        creation_conflict("p", operation_id="op"),
        creation_failed("p", "no disk", retry_reasons=["error", "timeout"]),
        renumbered("p", "e", 2, old_number=1),
        deleted("p", "e"),
    ]
    assert [event.type for event in said] == [
        "episode.created",
        "episode.creation_conflict",
        "episode.creation_failed",
        "episode.renumbered",
        "episode.deleted",
    ]
    assert said[2].retry_count == 2
    assert len({event.event_id for event in said}) == 5


def test_a_trace_that_is_none_is_left_out_and_a_long_error_is_cut() -> None:
    event = creation_failed("p", "x" * 5000 + "\ud800", traceparent="00-nonsense")
    assert event.traceparent is None
    assert event.error == "x" * 1000
    assert creation_failed("p", "broken \ud800").error == "broken ?"
