"""What a partition's projects add up to: the same whether it is folded often or seldom, stored and read, or not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faults.facts import counts
from models.event import Event
from streams.base import packed_counts
from streams.base.calendar import Calendar
from streams.base.outcome_flags import TIMED
from streams.project.project_state import ProjectState
from streams.project.step import step
from streams.rates.totals import DURATION_BUCKETS_SECONDS, PartitionTotals
from tests.streams.comparing import sums
from tests.streams.driving import SHIPPED, Driven, at_ms, core_with, examples
from tests.streams.lives import ORDINARY, lives, replace_fields

CORE = core_with(*SHIPPED)


def of(project: str, event: Event, shift_ms: int) -> Event:
    """The event as one of another project."""
    return replace_fields(event, project_id=project, occurred_at_ms=event.occurred_at_ms + shift_ms)


@examples(100)
@given(
    one=lives(*ORDINARY, waits_ms=(0, 1000, 50_000, 5_000_000)),
    other=lives(*ORDINARY, waits_ms=(0, 1000, 50_000, 5_000_000)),
    shift_ms=st.sampled_from((0, 100_000, 10**7)),
    folds=st.sets(st.integers(0, 100)),
)
def test_two_projects_add_up_however_often_the_sums_are_folded_or_stored(
    one: list[Event], other: list[Event], shift_ms: int, folds: set[int]
) -> None:
    events = [of("one", event, 0) for event in one] + [of("other", event, shift_ms) for event in other]
    events.sort(key=lambda event: event.occurred_at_ms)
    states = {name: ProjectState(CORE, name) for name in ("one", "other")}
    often, seldom = (
        PartitionTotals(CORE.calendar, CORE.detail_seconds),
        PartitionTotals(CORE.calendar, CORE.detail_seconds),
    )
    twins = {name: ProjectState(CORE, name) for name in ("one", "other")}
    for place, event in enumerate(events):
        step(CORE, states[event.project_id], event, often)
        step(CORE, twins[event.project_id], event, seldom)
        if place in folds:
            often = PartitionTotals.decode(CORE.calendar, CORE.detail_seconds, often.encode())
    assert sums(often) == sums(seldom)
    assert seldom.operations == sum(state.totals for state in states.values())
    assert seldom.conflicts == sum(state.conflicts_total for state in states.values())
    assert sum(map(sum, seldom.buckets)) == packed_counts.field(seldom.operations, packed_counts.TIMED)
    assert sum(seldom.duration_us) == packed_counts.microseconds(seldom.operations)


@pytest.mark.parametrize(
    ("duration_seconds", "place"),
    [(0.0, 0), (0.05, 0), (0.050001, 1), (0.5, 3), (1.0, 4), (2.0, 5), (5.0, 6), (5.000001, 7), (60.0, 9), (60.1, 10)],
)
def test_a_duration_counts_in_the_first_bucket_that_is_not_below_it(duration_seconds: float, place: int) -> None:
    assert {0.5, 1.0, 2.0, 5.0} < set(DURATION_BUCKETS_SECONDS)
    totals, state = PartitionTotals(CORE.calendar, CORE.detail_seconds), ProjectState(CORE, "p")
    project = Driven(CORE)
    project.created(0, 1, duration_seconds=duration_seconds)
    project.failed(0, duration_seconds=duration_seconds)
    for event in project.events:
        step(CORE, state, event, totals)
    totals.fold()
    expected = [int(i == place) for i in range(11)]
    assert totals.buckets == [expected, expected]
    assert totals.duration_us == [round(duration_seconds * 1e6)] * 2


def test_counters_of_resends_late_retries_and_conflicts_add_up() -> None:
    project, totals, state = Driven(CORE), PartitionTotals(CORE.calendar, CORE.detail_seconds), ProjectState(CORE, "p")
    project.conflict(100, "op", event_id="c")
    project.conflict(100, "op", event_id="c")
    project.created(101, 1, operation_id="op", had_conflict=True)
    project.failed(0)
    for event in project.events:
        step(CORE, state, event, totals)
    assert (totals.conflicts, totals.resends, totals.late, totals.retries) == (1, 1, 1, [0, 0, 0])


def test_the_last_three_days_are_kept_by_the_operators_calendar() -> None:
    core = core_with(*SHIPPED, calendar=Calendar("Asia/Seoul"))
    totals, project, state = PartitionTotals(core.calendar, core.detail_seconds), Driven(core), ProjectState(core, "p")
    today = core.calendar.day(at_ms(0))
    for day in range(5):
        project.failed(day * 86_400)
        project.created(day * 86_400, day + 1)
    for event in project.events:
        step(core, state, event, totals)
        totals.fold()
    found = {"attempted": 2, "ended": 2, "failed": 1}
    assert {day: counts(total) for day, total in totals.days.items()} == {today + n: found for n in (2, 3, 4)}


def test_folding_nothing_changes_nothing() -> None:
    totals = PartitionTotals(CORE.calendar, CORE.detail_seconds)
    before = totals.encode()
    totals.fold()
    assert totals.encode() == before


def test_what_was_counted_and_taken_back_leaves_no_trace() -> None:
    totals = PartitionTotals(CORE.calendar, CORE.detail_seconds)
    totals.count(at_ms(0) // 1000, TIMED, 250_000)
    totals.take_back(at_ms(0) // 1000, TIMED, 250_000)
    totals.fold()
    assert (totals.operations, totals.days, totals.series.minutes) == (0, {}, {})
    totals.count(at_ms(0) // 1000, TIMED, 250_000)
    totals.fold()
    totals.take_back(at_ms(0) // 1000, TIMED, 250_000)
    totals.fold()
    assert (totals.operations, totals.days, totals.series.minutes) == (0, {}, {})
