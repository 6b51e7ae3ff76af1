"""Generated events are the same for the same arguments, are what the monitor accepts, and mean what was asked for."""

import itertools
import json
from collections import Counter, defaultdict
from typing import Any

import pytest

from examples.load_driver.events import START_MS, episode_events
from models.codec import decode_event
from models.event import Event, EventType

EVERYTHING: dict[str, Any] = {
    "conflict_ratio": 0.2,
    "failure_ratio": 0.1,
    "slow_ratio": 0.1,
    "lost_ratio": 0.05,
    "twice_ratio": 0.05,
    "undo_ratio": 0.1,
}


def decoded(seed: int, projects: int, operations: int, **options: Any) -> list[Event]:
    """The generated records, each through the monitor's codec."""
    events = []
    for key, value in episode_events(seed, projects, operations, **options):
        event = decode_event(key, value, [], START_MS + 3_600_000)
        assert isinstance(event, Event), event
        events.append(event)
    return events


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert list(episode_events(7, 5, 500, **EVERYTHING)) == list(episode_events(7, 5, 500, **EVERYTHING))
    assert list(episode_events(7, 5, 500, **EVERYTHING)) != list(episode_events(8, 5, 500, **EVERYTHING))


def test_a_shorter_run_is_the_beginning_of_a_longer_one() -> None:
    short = list(episode_events(7, 5, 100, **EVERYTHING))
    assert short == list(itertools.islice(episode_events(7, 5, 10_000, **EVERYTHING), len(short)))


def test_the_first_event_looks_as_the_service_would_write_it() -> None:
    key, value = next(episode_events(1, 1, 1, conflict_ratio=0.0, failure_ratio=0.0))
    event = json.loads(value)
    assert key == b"proj_00000"
    assert event.pop("duration_seconds") > 0
    assert event == {
        "event_id": "ev-event-generator-1-proj_00000-1",
        "type": "episode.created",
        "project_id": "proj_00000",
        "operation_id": "op-1-0",
        "occurred_at": "2025-10-09T08:53:20.000Z",
        "retry_count": 0,
        "retry_reasons": [],
        "had_conflict": False,
        "episode_id": "ep_000001",
        "episode_number": 1,
        "source": "event-generator-1",
        "sequence": 1,
        "schema_version": 1,
    }


def test_every_event_is_accepted_and_no_identity_is_used_twice() -> None:
    events = decoded(3, 20, 5000, **EVERYTHING)
    assert {event.type for event in events} == set(EventType) - {EventType.RENUMBERED, EventType.CREATION_SUCCEEDED}
    assert len({event.event_id for event in events}) == len(events)
    sequences = defaultdict(list)
    for event in events:
        sequences[event.project_id].append(event.sequence)
    for found in sequences.values():
        assert found == list(range(1, len(found) + 1))
    assert [event.occurred_at_ms for event in events] == sorted(event.occurred_at_ms for event in events)


def test_without_trouble_the_numbers_of_each_project_have_no_hole() -> None:
    numbers = defaultdict(list)
    for event in decoded(3, 10, 2000, conflict_ratio=0.0, failure_ratio=0.0):
        numbers[event.project_id].append(event.episode_number)
    assert sum(map(len, numbers.values())) == 2000
    for found in numbers.values():
        assert found == list(range(1, len(found) + 1))


def test_an_undone_creation_gives_its_number_back() -> None:
    live: dict[str, dict[str, int]] = defaultdict(dict)
    undone = 0
    for event in decoded(3, 10, 2000, failure_ratio=0.0, undo_ratio=0.3):
        if event.type is EventType.CREATED:
            live[event.project_id][event.episode_id] = event.episode_number
        elif event.type is EventType.DELETED:
            del live[event.project_id][event.episode_id]
            undone += 1
    assert 500 < undone < 700
    for owners in live.values():
        assert sorted(owners.values()) == list(range(1, len(owners) + 1))


def test_a_ratio_of_one_means_every_operation() -> None:
    every_conflict = decoded(1, 3, 200, conflict_ratio=1.0, failure_ratio=0.0)
    races = Counter(e.operation_id for e in every_conflict if e.type is EventType.CREATION_CONFLICT)
    endings = [e for e in every_conflict if e.type is EventType.CREATED]
    assert len(endings) == len(races) == 200
    assert all(e.had_conflict and e.retry_count == races[e.operation_id] for e in endings)

    every_failure = decoded(1, 3, 200, conflict_ratio=1.0, failure_ratio=1.0)
    failed = [e for e in every_failure if e.type is EventType.CREATION_FAILED]
    races = Counter(e.operation_id for e in every_failure if e.type is EventType.CREATION_CONFLICT)
    assert len(failed) == 200
    assert all(e.retry_count == races[e.operation_id] - 1 for e in failed)

    slow = decoded(1, 3, 200, conflict_ratio=0.0, failure_ratio=0.0, slow_ratio=1.0)
    assert all(e.duration_seconds is not None and e.duration_seconds >= 5.0 for e in slow)


def test_lost_and_doubled_numbers_are_holes_and_second_owners() -> None:
    lost = decoded(1, 1, 100, conflict_ratio=0.0, failure_ratio=0.0, lost_ratio=1.0)
    assert [event.episode_number for event in lost] == list(range(2, 202, 2))

    doubled = decoded(1, 1, 6, conflict_ratio=0.0, failure_ratio=0.0, twice_ratio=1.0)
    assert [event.episode_number for event in doubled] == [1, 1, 2, 2, 3, 3]
    assert len({event.episode_id for event in doubled}) == 6


def test_events_are_spread_over_projects_and_time_as_asked() -> None:
    events = decoded(1, 4, 4000, conflict_ratio=0.0, failure_ratio=0.0, start_ms=START_MS + 500, interval_ms=250.0)
    assert events[0].occurred_at_ms == START_MS + 500
    assert events[-1].occurred_at_ms == START_MS + 500 + 3999 * 250
    assert all(900 < count < 1100 for count in Counter(event.project_id for event in events).values())


@pytest.mark.parametrize(("projects", "operations"), [(0, 1), (1, -1)])
def test_impossible_sizes_are_refused(projects: int, operations: int) -> None:
    with pytest.raises(ValueError, match="At least one project"):
        next(episode_events(1, projects, operations))
