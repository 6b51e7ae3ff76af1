"""What a partition says of itself: bounded lists, true counts, and nothing that costs a look at every project."""

from models.alert import Severity
from streams.base.steps import Steps, finish
from streams.partition.summary import (
    MAX_ALERTING_LOOKED_AT,
    OTHER,
    AlertCount,
    PartitionLists,
    ProjectFacts,
    alerts_of,
    counts_of,
    facts_of,
    lists_of,
    worst_projects,
)
from streams.rates.totals import PartitionTotals
from tests.streams_views.making import FAILURES, INTEGRITY, START_MS, make_core, new_log, seed_project, store


def test_the_worst_project_comes_first_with_its_facts() -> None:
    log = new_log()
    log.numbers("slightly", *range(1, 100), 101, at=0)  # 1 gap in 101
    seed_project(log)
    log.created("fine", 1, retries=["conflict", "conflict", "timeout"], had_conflict=True)
    log.conflict("fine")
    log.settle(60)
    assert finish(worst_projects(log.partition, 10)) == [
        ProjectFacts("proj_123", 3, 1, 26, 28, conflicts=0, retries=(0, 0, 0)),
        ProjectFacts("slightly", 1, 0, 100, 101, conflicts=0, retries=(0, 0, 0)),
        ProjectFacts("fine", 0, 0, 1, 1, conflicts=2, retries=(2, 1, 0)),
    ]


def test_healthy_projects_fill_up_what_is_left_and_are_the_same_every_time() -> None:
    log = new_log()
    for name in ("d", "c", "b", "a"):
        log.created(name, 1)
    log.numbers("bad", 1, 3)
    log.settle(60)
    listed = [facts.project_id for facts in finish(worst_projects(log.partition, 3))]
    assert listed == ["bad", "d", "c"]
    store(log)
    log.created("a", 2, at=4000)
    assert [facts.project_id for facts in finish(worst_projects(log.partition, 3))] == listed


def test_among_more_unhealthy_projects_than_fit_only_the_worst_are_listed() -> None:
    log = new_log()
    for number in range(300):
        log.numbers(f"p{number:03}", *range(1, number + 2), number + 3)  # one gap in number + 3
    log.settle(60)
    listed = [facts.project_id for facts in finish(worst_projects(log.partition, 4))]
    assert listed == ["p000", "p001", "p002", "p003"]


def test_no_project_is_listed_where_none_is_wanted() -> None:
    log = new_log()
    seed_project(log)
    log.settle(60)
    assert finish(worst_projects(log.partition, 0)) == []


def test_alerts_are_listed_by_severity_and_counted_by_kind() -> None:
    log = new_log()
    log.failed("failing", at=0)
    log.numbers("gappy", 1, 3, at=1)
    log.settle(61)
    alerts, counts = finish(alerts_of(log.partition, 10))
    assert [alert.alert_key for alert in alerts] == ["integrity:gappy", "failures:failing"]
    assert [alert.severity for alert in alerts] == [Severity.CRITICAL, Severity.WARNING]
    assert counts == [AlertCount("critical", "INTEGRITY_VIOLATION", 1), AlertCount("warning", "HIGH_FAILURE_RATE", 1)]


def test_more_alerts_than_fit_are_counted_all_the_same_and_the_most_severe_stay() -> None:
    log = new_log()
    for number in range(20):
        log.failed(f"failing-{number:02}", at=0)
    log.numbers("gappy", 1, 3, at=0)
    log.settle(60)
    alerts, counts = finish(alerts_of(log.partition, 2))
    assert [alert.alert_key for alert in alerts] == ["integrity:gappy", "failures:failing-00"]
    assert counts == [AlertCount("critical", "INTEGRITY_VIOLATION", 1), AlertCount("warning", "HIGH_FAILURE_RATE", 20)]


def test_beyond_the_projects_that_are_looked_at_alerts_are_still_counted() -> None:
    log = new_log(core=make_core(FAILURES))
    for number in range(MAX_ALERTING_LOOKED_AT + 7):
        log.failed(f"p{number}")
    alerts, counts = finish(alerts_of(log.partition, 500))
    assert len(alerts) == 500
    assert counts == [
        AlertCount(OTHER, OTHER, 7),
        AlertCount("warning", "HIGH_FAILURE_RATE", MAX_ALERTING_LOOKED_AT),
    ]


def test_the_summary_carries_totals_that_can_be_read_back() -> None:
    core = make_core()
    log = new_log(4, core)
    seed_project(log)
    log.failed("other", at=1, took=2.5)
    log.settle(61)
    counts, lists = counts_of(log.partition, START_MS + 61_000), finish(lists_of(log.partition, 100))
    assert (counts.partition, counts.projects, counts.gaps) == (4, 2, 3)
    assert [facts.project_id for facts in lists.worst] == ["proj_123", "other"]
    totals = PartitionTotals.decode(core.calendar, core.detail_seconds, log.partition.totals.encode())
    assert totals.duration_us == [2_500_000, 0]
    assert sum(totals.buckets[0]) == 1


def test_lists_may_be_made_while_the_partition_goes_on() -> None:
    log = new_log(core=make_core(INTEGRITY))
    for number in range(500):
        log.numbers(f"p{number}", 1, 3)
    log.settle(60)
    paused = 0

    def disturbed() -> Steps[PartitionLists]:
        nonlocal paused
        steps = lists_of(log.partition, 200)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                lists: PartitionLists = end.value
                return lists
            log.numbers(f"new{paused}", 1, 3, at=3700)
            log.created(f"p{paused}", 2, at=3701)  # healed meanwhile
            paused += 1
            yield

    assert len(finish(disturbed()).worst) == 200
    assert paused > 10


def test_facts_survive_storing_and_decoding() -> None:
    log = new_log(cached_projects=1)
    log.created("p", 1, retries=["error"], had_conflict=True)
    seed_project(log)
    log.settle(60)
    store(log)
    log.partition.state("proj_123")  # the only one that stays decoded
    state = log.partition.state("p")
    assert state is not None
    assert facts_of(state) == ProjectFacts("p", 0, 0, 1, 1, conflicts=1, retries=(0, 0, 1))


def test_heads_are_found_before_and_after_they_are_stored() -> None:
    log = new_log()
    seed_project(log)
    before = log.partition.head("proj_123")
    store(log)
    assert log.partition.head("proj_123") == before
    assert log.partition.head("nobody") is None
    assert len(log.partition.index.head_keys) == log.partition.index.projects == 1
