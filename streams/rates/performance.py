"""Rates and latencies for people, of one project or of many partitions: over one window, and hour by hour.

Windows are `(as_of - W, as_of]` in event time. What did not happen is null or absent, never zero percent.
"""

from collections.abc import Iterable
from typing import Any

from models.event import FUTURE_TOLERANCE_MS
from models.performance_views import PerformanceStats, PerformanceTrend, TrendPoint
from models.times import rfc3339
from streams.base import packed_counts
from streams.base.calendar import Calendar
from streams.base.sketch import Sketch, merge, quantile_seconds
from streams.rates.operation_series import OperationSeries

MINUTE_TREND_HOURS = 2  # up to so many hours the trend has a point a minute
FLEET_HOURS, PROJECT_HOURS = 168, 24  # whole ones that are kept; a test compares them with what keeps them
MINUTE_SECONDS = 60
HOUR_SECONDS = 3600

COUNTS = (
    packed_counts.ATTEMPTED, packed_counts.ENDED, packed_counts.FAILED, packed_counts.CONFLICTED, packed_counts.RETRIED,
)  # fmt: skip

Measured = tuple[int, Sketch]  # tally of operations, and the sketch of their durations
ByInterval = dict[int, Measured]  # minute or hour number -> what happened in it


def window(series: OperationSeries, window_minutes: int, as_of_ms: int) -> Measured:
    """What happened in the window that ends with the second of `as_of_ms`; see `OperationSeries.between` for its
    precision.
    """
    until = as_of_ms // 1000
    return series.between(until - window_minutes * MINUTE_SECONDS, until)


def window_of_now(series: OperationSeries, window_minutes: int, now_ms: int) -> Measured:
    """The window that ends now. What is ahead of the clock has happened, too: it counts at once, and until its own
    second leaves the window."""
    until = now_ms // 1000
    return series.between(until - window_minutes * MINUTE_SECONDS, until + FUTURE_TOLERANCE_MS // 1000)


def today(days: dict[int, int], calendar: Calendar, as_of_ms: int) -> int:
    """The tally of the calendar day that holds `as_of_ms`."""
    return days.get(calendar.day(as_of_ms), 0)


def add_up(parts: Iterable[Measured]) -> Measured:
    """Several measurements as one."""
    operations, sketches = 0, []
    for part, sketch in parts:
        operations += part
        sketches.append(sketch)
    return operations, merge(sketches)


def stats(
    project_id: str | None, measured: Measured, today_operations: int, window_minutes: int, as_of_ms: int
) -> PerformanceStats:
    """The view of one window. `project_id` None: the fleet."""
    return PerformanceStats(
        project_id=project_id,
        total_operations_today=packed_counts.field(today_operations, packed_counts.ATTEMPTED),
        failed_operations_today=packed_counts.field(today_operations, packed_counts.FAILED),
        window_minutes=window_minutes,
        as_of=rfc3339(as_of_ms),
        **_figures(measured),
    )


def interval_seconds(hours: int, before_hours: int = 0) -> int:
    """How long an interval of a trend over so many hours is; minutes are not kept for longer."""
    return MINUTE_SECONDS if hours + before_hours <= MINUTE_TREND_HOURS else HOUR_SECONDS


def intervals(series: OperationSeries, hours: int, as_of_ms: int, before_hours: int = 0) -> ByInterval:
    """The intervals of the last `hours` hours that hold anything; the one that `as_of_ms` is in counts as the last.
    With `before_hours` those that were the last ones so many hours before."""
    length = interval_seconds(hours, before_hours)
    last = (as_of_ms // 1000 - before_hours * HOUR_SECONDS) // length
    first = last - hours * HOUR_SECONDS // length
    found = series.by_minute(first) if length == MINUTE_SECONDS else series.by_hour(first)
    return {interval: measured for interval, measured in found.items() if interval <= last}


def merge_intervals(parts: Iterable[ByInterval]) -> ByInterval:
    """Several trends as one."""
    collected: dict[int, list[Measured]] = {}
    for part in parts:
        for interval, measured in part.items():
            collected.setdefault(interval, []).append(measured)
    return {interval: add_up(measured) for interval, measured in collected.items()}


def trend(
    project_id: str | None, found: ByInterval, hours: int, as_of_ms: int, before_hours: int = 0
) -> PerformanceTrend:
    """The view of a trend: a point a minute or an hour, in order; intervals without operations are left out."""
    length = interval_seconds(hours, before_hours)
    points = [_point(number, length, found[number]) for number in sorted(found) if found[number][0]]
    return PerformanceTrend(
        project_id=project_id, interval_seconds=length, points=points, as_of=rfc3339(as_of_ms),
        before_hours=before_hours, kept_hours=FLEET_HOURS if project_id is None else PROJECT_HOURS,
    )  # fmt: skip


def _point(number: int, length: int, measured: Measured) -> TrendPoint:
    starts_at, ends_at = rfc3339(number * length * 1000), rfc3339((number + 1) * length * 1000)
    return TrendPoint(starts_at=starts_at, ends_at=ends_at, **_figures(measured))


def _figures(measured: Measured) -> dict[str, Any]:
    """The fields that both views have, by name."""
    operations, sketch = measured
    attempted, ended, failed, conflicted, retried = (packed_counts.field(operations, shift) for shift in COUNTS)
    failure = packed_counts.rate_percentage(failed, ended)
    return {
        "attempted_operations": attempted,
        "ended_operations": ended,
        "failed_operations": failed,
        "conflicted_operations": conflicted,
        "retried_operations": retried,
        "success_rate_percentage": None if failure is None else 100.0 - failure,
        "failure_rate_percentage": failure,
        "conflict_rate_percentage": packed_counts.rate_percentage(conflicted, attempted),
        "retry_rate_percentage": packed_counts.rate_percentage(retried, ended),
        "average_duration_seconds": packed_counts.average_seconds(operations),
        "p95_duration_seconds": quantile_seconds(sketch, 0.95),
        "p99_duration_seconds": quantile_seconds(sketch, 0.99),
    }
