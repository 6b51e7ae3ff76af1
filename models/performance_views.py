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
    """Points in time order. The range ended `before_hours` before `as_of`; what is older than `kept_hours` before it is
    not kept, so an absent point there does not mean that nothing happened."""

    project_id: str | None
    interval_seconds: int
    points: list[TrendPoint]
    as_of: str
    before_hours: int = 0
    kept_hours: int = 168


class RankedProject(msgspec.Struct, frozen=True, kw_only=True):
    """One project in a window: its operations, and how long they took."""

    project_id: str
    attempted_operations: int
    ended_operations: int
    failed_operations: int
    conflicted_operations: int
    retried_operations: int
    conflict_rate_percentage: float | None
    average_duration_seconds: float | None
    p95_duration_seconds: float | None


class ProjectRanking(msgspec.Struct, frozen=True, kw_only=True):
    """Projects with the longest average duration, and those with the most conflicted operations. `as_of` is when they
    were looked for, at most a minute ago. Not `is_complete`: projects that are not in memory were too many to look at,
    so one of them may be missing here."""

    window_minutes: int
    slowest: list[RankedProject]
    most_conflicted: list[RankedProject]
    projects_looked_at: int
    is_complete: bool
    as_of: str


class RetryReason(msgspec.Struct, frozen=True, kw_only=True):
    """`percentage` of all retries; null where there are none."""

    reason: str  # "conflict" | "timeout" | "error"
    retries: int
    percentage: float | None


class RetryReasons(msgspec.Struct, frozen=True, kw_only=True):
    """Retries by reason since the beginning of the topic; reasons are not kept by window."""

    project_id: str | None
    total_retries: int
    reasons: list[RetryReason]
    as_of: str
