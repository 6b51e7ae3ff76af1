"""The fleet as numbers with few labels."""

import pytest

from streams.alerting.core import Core
from streams.base.steps import finish
from streams.partition.summary import OTHER, PartitionLists, ProjectFacts, counts_of, lists_of
from streams.views.fleet_metrics import FleetMetrics, fleet_metrics
from tests.streams_views.making import START_MS, Log, make_core, new_log, seed_project


def metrics_of(*logs: Log, max_projects: int = 100) -> FleetMetrics:
    totals = []
    for log in logs:
        log.partition.totals.fold()
        totals.append(log.partition.totals)
    counts = [counts_of(log.partition, log.partition.clock_ms) for log in logs]
    lists = [finish(lists_of(log.partition, max_projects)) for log in logs]
    return fleet_metrics(counts, lists, totals, max_projects)


@pytest.fixture
def core() -> Core:
    return make_core()


def two_partitions(core: Core) -> tuple[Log, Log]:
    first, second = new_log(0, core), new_log(1, core)
    seed_project(first)
    first.created("busy", 1, at=1, took=0.2, retries=["conflict", "timeout"], had_conflict=True)
    first.failed("busy", at=2, took=7.0, retries=["error"])
    second.numbers("gappy", 1, 3, at=3)  # of two episodes
    second.conflict("torn", at=4)
    for log in (first, second):
        log.settle(120)
    return first, second


def test_every_project_has_its_own_label_where_there_are_few(core: Core) -> None:
    metrics = metrics_of(*two_partitions(core))
    assert metrics.projects == [
        ProjectFacts("gappy", 1, 0, 2, 3, conflicts=0, retries=(0, 0, 0)),  # 66.7
        ProjectFacts("proj_123", 3, 1, 26, 28, conflicts=0, retries=(0, 0, 0)),  # 85.7
        ProjectFacts("busy", 0, 0, 1, 1, conflicts=1, retries=(1, 1, 1)),
        ProjectFacts("torn", 0, 0, 0, 0, conflicts=1, retries=(0, 0, 0)),
    ]


def test_beyond_the_limit_all_others_are_one_sum(core: Core) -> None:
    metrics = metrics_of(*two_partitions(core), max_projects=1)
    assert metrics.projects == [
        ProjectFacts("gappy", 1, 0, 2, 3, conflicts=0, retries=(0, 0, 0)),
        ProjectFacts(OTHER, 3, 1, 27, 0, conflicts=2, retries=(1, 1, 1)),
    ]


def test_with_a_limit_of_none_there_is_the_sum_alone(core: Core) -> None:
    metrics = metrics_of(*two_partitions(core), max_projects=0)
    assert metrics.projects == [ProjectFacts(OTHER, 4, 1, 29, 0, conflicts=2, retries=(1, 1, 1))]


def test_totals_of_the_fleet_are_added_up(core: Core) -> None:
    metrics = metrics_of(*two_partitions(core))
    assert (metrics.projects_total, metrics.unhealthy_projects, metrics.episodes) == (4, 2, 29)
    assert metrics.health_percentage == 50.0
    assert (metrics.created, metrics.failed) == (26 + 2 + 1, 1)
    assert metrics.duration_us == [7_000_000, 200_000]
    assert metrics.duration_buckets[0] == [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]  # 7 s is at most 10 s
    assert metrics.duration_buckets[1] == [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]  # 0.2 s is at most 0.25 s
    assert metrics.p95_seconds == pytest.approx(7.0, rel=0.01)  # the 2nd of 2
    assert metrics.alerts == {
        ("critical", "INTEGRITY_VIOLATION"): 2,
        ("critical", "HIGH_CONFLICT_RATE"): 2,
        ("warning", "HIGH_FAILURE_RATE"): 1,
    }


def test_without_operations_in_its_window_there_is_no_p95(core: Core) -> None:
    log = new_log(0, core)
    log.created("p", 1, took=1.0)
    assert metrics_of(log).p95_seconds == pytest.approx(1.0, rel=0.01)
    log.settle(16 * 60)
    assert metrics_of(log).p95_seconds is None


def test_late_and_repeated_events_are_counted(core: Core) -> None:
    log = new_log(0, core)
    log.created("p", 1, at=200)
    log.created("p", 2, at=0)
    log.created("p", 1, at=200, event_id="event-0-0")
    metrics = metrics_of(log)
    assert (metrics.late, metrics.resends) == (1, 1)


def test_a_project_in_two_partitions_is_one_row(core: Core) -> None:
    first, second = new_log(0, core), new_log(1, core)
    for log in (first, second):
        log.numbers("split", 1, 3)
        log.settle(60)
    assert metrics_of(first, second).projects[0] == ProjectFacts("split", 2, 0, 4, 3, conflicts=0, retries=(0, 0, 0))


def test_a_project_that_bears_the_name_of_the_sum_is_in_the_sum(core: Core) -> None:
    log = new_log(0, core)
    log.numbers(OTHER, 1, 3)
    log.created("p", 1)
    log.settle(60)
    assert [facts.project_id for facts in metrics_of(log).projects] == ["p", OTHER]
    assert metrics_of(log).projects[1].gaps == 1


def test_rows_that_are_older_than_the_sums_never_make_a_negative_rest(core: Core) -> None:
    log = new_log(0, core)
    log.created("p", 1)
    log.created("q", 1)
    log.partition.totals.fold()
    old = PartitionLists([ProjectFacts("p", 9, 9, 9, 9, conflicts=9, retries=(9, 9, 9))], [], [])
    metrics = fleet_metrics([counts_of(log.partition, START_MS)], [old], [log.partition.totals], 1)
    assert metrics.projects[1] == ProjectFacts(OTHER, 0, 0, 0, 0, conflicts=0, retries=(0, 0, 0))
