"""Views of one project's numbers, and of the fleet's."""

import msgspec
import pytest

from models.integrity_views import Applied, IntegritySummary, ProjectRow, Suspect
from streams.partition.summary import PartitionCounts, counts_of
from streams.project.project_state import ProjectState
from streams.views.project_views import as_of_ms, health_percentage, integrity_summary, project_row, project_view
from tests.streams_views.making import START, START_MS, Log, make_core, new_log, seed_project


def state_of(log: Log, project_id: str = "proj_123") -> ProjectState:
    state = log.partition.state(project_id)
    assert state is not None
    return state


def test_the_project_of_the_handbook_is_shown_with_its_gaps_duplicate_and_score() -> None:
    log = new_log(3)
    seed_project(log)
    log.settle(60)
    view = project_view(state_of(log), 3, START_MS + 61_500)
    assert view.is_healthy is False
    assert (view.total_episodes, view.max_number) == (26, 28)
    assert view.gaps == [3, 7, 12]
    assert view.gap_ranges == [(3, 3), (7, 7), (12, 12)]
    assert view.gaps_total == 3
    assert view.duplicates == [5]
    assert view.duplicate_owners == {"5": ["again", "proj_123-5"]}
    assert view.suspects == []
    assert view.health_score == 85.7  # 100 · (1 − 4 / 28)
    assert view.as_of == "2025-10-09T08:54:21.500Z"
    assert view.applied == Applied(partition=3, offset=25)
    assert (view.capped, view.resends, view.restatements, view.late_events) == (False, 0, 0, 0)


def test_what_has_not_settled_is_a_suspect_and_no_finding() -> None:
    log = new_log()
    seed_project(log)
    log.created("proj_123", 500_000, at=30)  # more than 1000 above the highest
    view = project_view(state_of(log), 0, START_MS)
    assert (view.is_healthy, view.gaps, view.duplicates, view.duplicate_owners) == (True, [], [], {})
    assert view.health_score == 100.0
    settles = "2025-10-09T08:54:20.000Z"
    assert view.suspects == [
        Suspect(kind="gap", first_number=3, last_number=3, since=START, settles_at=settles),
        Suspect(kind="gap", first_number=7, last_number=7, since=START, settles_at=settles),
        Suspect(kind="gap", first_number=12, last_number=12, since=START, settles_at=settles),
        Suspect(kind="duplicate", first_number=5, last_number=5, since=START, settles_at=settles),
        Suspect(
            kind="implausible_jump",
            first_number=500_000,
            last_number=500_000,
            since="2025-10-09T08:53:50.000Z",
            settles_at=None,
        ),
    ]


def test_a_thousand_gaps_are_listed_and_all_are_counted_and_ranged() -> None:
    log = new_log()
    log.numbers("wide", 1, 900, 1800)  # 2 … 899 and 901 … 1799 are missing
    log.settle(60)
    view = project_view(state_of(log, "wide"), 0, START_MS)
    assert view.gap_ranges == [(2, 899), (901, 1799)]
    assert view.gaps_total == 898 + 899
    assert len(view.gaps) == 1000
    assert (view.gaps[0], view.gaps[897], view.gaps[898], view.gaps[-1]) == (2, 899, 901, 1002)


def test_counters_of_repetition_and_lateness_are_shown() -> None:
    log = new_log()
    log.created("p", 1, at=100)
    log.created("p", 1, at=101)  # the same statement in a new event
    log.created("p", 2, at=102, event_id="twice")
    log.created("p", 2, at=102, event_id="twice")  # the same event
    log.created("p", 3, at=5)  # 97 s behind
    view = project_view(state_of(log, "p"), 0, START_MS)
    assert (view.resends, view.restatements, view.late_events) == (1, 1, 1)


def test_owners_with_uuids_are_shown_as_they_were_sent() -> None:
    first, second = "0e3f2a51-9c1d-4d1e-8f00-7b7a6d5c4b3a", "EP 1/7"
    log = new_log()
    log.created("p", 1, episode=second)
    log.created("p", 1, episode=first)
    log.settle(60)
    assert project_view(state_of(log, "p"), 0, START_MS).duplicate_owners == {"1": [first, second]}


def test_a_project_without_episodes_is_healthy() -> None:
    log = new_log()
    log.failed("p")
    view = project_view(state_of(log, "p"), 0, START_MS)
    assert (view.is_healthy, view.total_episodes, view.max_number, view.health_score) == (True, 0, 0, 100.0)


def test_a_row_is_made_from_the_summary_alone() -> None:
    log = new_log()
    seed_project(log)
    log.settle(60)
    head = log.partition.head("proj_123")
    assert head is not None
    assert project_row("proj_123", head, START_MS) == ProjectRow(
        project_id="proj_123",
        is_healthy=False,
        total_episodes=26,
        max_number=28,
        gaps_total=3,
        duplicates_total=1,
        health_score=85.7,
        as_of=START,
    )


def test_the_fleet_is_the_sum_of_its_partitions_as_of_the_newest() -> None:
    first = PartitionCounts(0, 1, START_MS, 10, projects=40, unhealthy=2, gaps=6, duplicates=1, episodes=400)
    second = PartitionCounts(1, 1, START_MS - 5000, 10, projects=5, unhealthy=1, gaps=1, duplicates=1, episodes=50)
    assert integrity_summary([first, second], [1]) == IntegritySummary(
        total_projects=45,
        healthy_projects=42,
        unhealthy_projects=3,
        health_percentage=93.3,  # 42 / 45
        total_gaps=7,
        total_duplicates=2,
        as_of=START,
        stale_partitions=[1],
    )


def test_an_empty_fleet_is_wholly_healthy() -> None:
    summary = integrity_summary([])
    assert (summary.total_projects, summary.health_percentage) == (0, 100.0)


@pytest.mark.parametrize(("projects", "unhealthy", "expected"), [(3, 1, 66.7), (3, 3, 0.0), (8, 0, 100.0)])
def test_health_has_one_decimal(projects: int, unhealthy: int, expected: float) -> None:
    assert health_percentage(projects, unhealthy) == expected


def test_counts_of_a_partition_are_those_it_keeps() -> None:
    log = new_log(2, make_core())
    seed_project(log)
    log.numbers("fine", 1, 2, 3)
    log.settle(60)
    assert msgspec.structs.asdict(counts_of(log.partition, START_MS + 99)) == {
        "partition": 2,
        "clock_ms": START_MS + 60_000,
        "as_of_ms": START_MS + 99,
        "applied": 28,
        "projects": 2,
        "unhealthy": 1,
        "gaps": 3,
        "duplicates": 1,
        "episodes": 29,
        "splits": 0,
    }


def test_a_view_is_as_of_the_clock_while_records_may_still_come_and_of_the_wall_clock_when_idle() -> None:
    assert as_of_ms(5_000, 99_999, is_idle=False) == 5_000
    assert as_of_ms(5_000, 99_999, is_idle=True) == 99_000
    assert as_of_ms(99_500, 99_999, is_idle=True) == 99_500  # event time may be ahead
