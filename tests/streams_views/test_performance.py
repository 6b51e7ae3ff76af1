"""Rates and latencies of windows and trends, with every count known by hand."""

from typing import cast

import pytest

from models.performance_views import PerformanceStats
from streams.project.project_state import ProjectState
from streams.rates import performance
from streams.rates.totals import PartitionTotals
from tests.streams_views.making import START_MS, Log, make_core, new_log

MINUTE = 60
HOUR = 3600


def state_of(log: Log, project_id: str = "p") -> ProjectState:
    return cast(ProjectState, log.partition.state(project_id))


def stats_of(log: Log, at: float, window_minutes: int = 15) -> PerformanceStats:
    state, at_ms = state_of(log), START_MS + round(at * 1000)
    measured = performance.window(state.series, window_minutes, at_ms)
    today = performance.today(state.days, state.core.calendar, at_ms)
    return performance.stats("p", measured, today, window_minutes, at_ms)


def folded(log: Log) -> PartitionTotals:
    log.partition.totals.fold()
    return log.partition.totals


def ten_operations(log: Log) -> None:
    """Ten attempts in ten seconds: eight created (one with a retry), one failed, one conflict without an end."""
    for number in range(1, 8):
        log.created("p", number, at=number, took=0.5)
    log.created("p", 8, at=8, took=1.5, retries=["conflict"], had_conflict=True)
    log.failed("p", at=9, took=2.0)
    log.conflict("p", at=10)


def test_rates_have_the_right_denominators() -> None:
    log = new_log()
    ten_operations(log)
    stats = stats_of(log, at=10)
    assert (stats.attempted_operations, stats.ended_operations) == (10, 9)
    assert (stats.failed_operations, stats.conflicted_operations, stats.retried_operations) == (1, 2, 1)
    assert stats.failure_rate_percentage == pytest.approx(100 / 9)
    assert stats.success_rate_percentage == pytest.approx(800 / 9)
    assert stats.conflict_rate_percentage == pytest.approx(20)
    assert stats.retry_rate_percentage == pytest.approx(100 / 9)
    assert stats.average_duration_seconds == pytest.approx((7 * 0.5 + 1.5 + 2.0) / 9)
    assert stats.p95_duration_seconds == pytest.approx(2.0, rel=0.01)  # the 9th of 9: 0.95 · 9 = 8.55
    assert stats.p99_duration_seconds == pytest.approx(2.0, rel=0.01)
    assert (stats.total_operations_today, stats.failed_operations_today) == (10, 1)
    assert (stats.window_minutes, stats.as_of) == (15, "2025-10-09T08:53:30.000Z")


def test_a_window_holds_its_last_second_and_not_the_one_before_its_first() -> None:
    log = new_log()
    log.created("p", 1, at=0)
    log.created("p", 2, at=60)
    assert stats_of(log, at=60, window_minutes=1).ended_operations == 1  # (0, 60]
    assert stats_of(log, at=59.999, window_minutes=1).ended_operations == 1  # (-1, 59]: the first alone
    assert stats_of(log, at=60, window_minutes=2).ended_operations == 2
    assert stats_of(log, at=120, window_minutes=1).ended_operations == 0  # (60, 120]


def test_where_nothing_happened_there_is_no_rate() -> None:
    log = new_log()
    ten_operations(log)
    stats = stats_of(log, at=2 * HOUR)
    assert stats.attempted_operations == 0
    for value in (
        stats.success_rate_percentage,
        stats.failure_rate_percentage,
        stats.conflict_rate_percentage,
        stats.retry_rate_percentage,
        stats.average_duration_seconds,
        stats.p95_duration_seconds,
        stats.p99_duration_seconds,
    ):
        assert value is None
    assert stats.total_operations_today == 10


def test_a_conflict_alone_is_an_attempt_with_a_conflict_rate_and_no_failure_rate() -> None:
    log = new_log()
    log.conflict("p", at=1)
    stats = stats_of(log, at=1)
    assert stats.conflict_rate_percentage == 100.0
    assert (stats.failure_rate_percentage, stats.success_rate_percentage) == (None, None)


def test_today_is_the_day_of_the_operators_time_zone() -> None:
    log = new_log(core=make_core(zone="Asia/Seoul"))  # the start is 17:53:20 there; midnight is 6 h 6 min 40 s later
    log.created("p", 1, at=0)
    log.created("p", 2, at=21_999)
    log.created("p", 3, at=22_001)
    assert stats_of(log, at=21_999).total_operations_today == 2
    assert stats_of(log, at=22_001).total_operations_today == 1
    assert stats_of(log, at=22_000 + 86_400).total_operations_today == 0


def test_the_fleet_counts_all_projects_of_all_partitions() -> None:
    core = make_core()
    first, second = new_log(0, core), new_log(1, core)
    first.created("a", 1, at=1, took=1.0)
    first.failed("b", at=2, took=3.0)
    second.created("c", 1, at=3, took=1.0)
    second.created("c", 2, at=3, took=1.0)
    measured = performance.add_up(
        performance.window(folded(log).series, 15, START_MS + 3000) for log in (first, second)
    )
    stats = performance.stats(None, measured, 0, 15, START_MS + 3000)
    assert (stats.project_id, stats.ended_operations, stats.failed_operations) == (None, 4, 1)
    assert stats.failure_rate_percentage == 25.0
    assert stats.average_duration_seconds == 1.5
    assert stats.p95_duration_seconds == pytest.approx(3.0, rel=0.01)  # the 4th of 4


def test_a_short_trend_has_a_point_a_minute_and_leaves_quiet_minutes_out() -> None:
    log = new_log()  # 20 s past a full minute
    log.created("p", 1, at=0, took=1.0)
    log.created("p", 2, at=30, took=3.0)
    log.failed("p", at=5 * MINUTE)
    at_ms = START_MS + 5 * MINUTE * 1000
    found = performance.intervals(state_of(log).series, 1, at_ms)
    view = performance.trend("p", found, 1, at_ms)
    assert (view.project_id, view.interval_seconds, view.as_of) == ("p", 60, "2025-10-09T08:58:20.000Z")
    assert [(point.starts_at, point.ends_at) for point in view.points] == [
        ("2025-10-09T08:53:00.000Z", "2025-10-09T08:54:00.000Z"),
        ("2025-10-09T08:58:00.000Z", "2025-10-09T08:59:00.000Z"),
    ]
    first, last = view.points
    assert (first.attempted_operations, first.ended_operations, first.failed_operations) == (2, 2, 0)
    assert (first.success_rate_percentage, first.average_duration_seconds) == (100.0, 2.0)
    assert first.p99_duration_seconds == pytest.approx(3.0, rel=0.01)  # the 2nd of 2
    assert (last.failure_rate_percentage, last.success_rate_percentage) == (100.0, 0.0)
    assert (last.average_duration_seconds, last.p95_duration_seconds) == (None, None)


def test_a_long_trend_has_a_point_an_hour() -> None:
    log = new_log()
    log.created("p", 1, at=0)  # 08:53
    log.created("p", 2, at=HOUR)  # 09:53
    log.created("p", 3, at=HOUR + 5 * MINUTE)
    log.created("p", 4, at=4 * HOUR)  # 12:53
    at_ms = START_MS + 4 * HOUR * 1000
    view = performance.trend("p", performance.intervals(state_of(log).series, 24, at_ms), 24, at_ms)
    assert view.interval_seconds == 3600
    assert [(point.starts_at, point.ended_operations) for point in view.points] == [
        ("2025-10-09T08:00:00.000Z", 1),
        ("2025-10-09T09:00:00.000Z", 2),
        ("2025-10-09T12:00:00.000Z", 1),
    ]


def test_a_trend_ends_with_the_open_interval_and_holds_no_more_than_was_asked_for() -> None:
    log = new_log()
    for hour in range(5):
        log.created("p", hour + 1, at=hour * HOUR)  # 08:53 … 12:53
    at_ms = START_MS + 4 * HOUR * 1000
    view = performance.trend("p", performance.intervals(state_of(log).series, 3, at_ms), 3, at_ms)
    assert [point.starts_at[11:16] for point in view.points] == ["10:00", "11:00", "12:00"]


def test_a_trend_holds_nothing_of_later_than_it_says() -> None:
    log = new_log()
    log.created("p", 1, at=0)
    log.created("p", 2, at=2 * HOUR)
    at_ms = START_MS + HOUR * 1000
    assert len(performance.intervals(state_of(log).series, 24, at_ms)) == 1


def test_trends_of_partitions_are_added_up_interval_by_interval() -> None:
    core = make_core()
    first, second = new_log(0, core), new_log(1, core)
    first.created("a", 1, at=0)
    second.failed("b", at=1)
    second.created("b", 1, at=HOUR)
    at_ms = START_MS + HOUR * 1000
    parts = [performance.intervals(folded(log).series, 24, at_ms) for log in (first, second)]
    view = performance.trend(None, performance.merge_intervals(parts), 24, at_ms)
    assert [(point.ended_operations, point.failed_operations) for point in view.points] == [(2, 1), (1, 0)]
    assert view.points[0].failure_rate_percentage == 50.0


def test_a_trend_of_nothing_has_no_points() -> None:
    log = new_log()
    log.created("p", 1)
    at_ms = START_MS + 9 * HOUR * 1000
    assert performance.trend("p", performance.intervals(state_of(log).series, 2, at_ms), 2, at_ms).points == []
