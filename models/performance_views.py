"""Answers about rates and latencies. Times are RFC 3339 in UTC."""

import msgspec


class PerformanceStats(msgspec.Struct, frozen=True, kw_only=True):
    """Rates in percent and latencies in seconds over one window; null where nothing happened."""

    project_id: str | None
    success_rate_percentage: float | None
    failure_rate_percentage: float | None
    conflict_rate_percentage: float | None
    retry_rate_percentage: float | None
    average_duration_seconds: float | None
    p95_duration_seconds: float | None
    p99_duration_seconds: float | None
    attempted_operations: int
    ended_operations: int
    failed_operations: int
    conflicted_operations: int
    retried_operations: int
    total_operations_today: int
    failed_operations_today: int
    window_minutes: int
    as_of: str


class TrendPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One hour (or minute) of the trend; intervals without data are left out."""

    starts_at: str
    ends_at: str
    attempted_operations: int
    ended_operations: int
    failed_operations: int
    conflicted_operations: int
    retried_operations: int
    success_rate_percentage: float | None
    failure_rate_percentage: float | None
    conflict_rate_percentage: float | None
    retry_rate_percentage: float | None
    average_duration_seconds: float | None
    p95_duration_seconds: float | None
    p99_duration_seconds: float | None


class PerformanceTrend(msgspec.Struct, frozen=True, kw_only=True):
    """Points in time order."""

    project_id: str | None
    interval_seconds: int
    points: list[TrendPoint]
    as_of: str
