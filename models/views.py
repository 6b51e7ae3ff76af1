"""What the monitor answers when asked: the shapes of the contract's views, shared by the read side and the web."""

from enum import Enum
from typing import Any

import msgspec


class IntegritySummary(msgspec.Struct, frozen=True, kw_only=True):
    """The whole fleet at a glance. `health_percentage` is 100.0 for an empty fleet."""

    total_projects: int
    healthy_projects: int
    unhealthy_projects: int
    health_percentage: float
    total_gaps: int
    total_duplicates: int
    as_of: str
    stale_partitions: list[int] = []  # partitions whose owner has been silent too long; empty in good health
    monitoring_enabled: bool = True
    split_projects: int = 0  # in several partitions: each is counted once, as healthy, and its findings are not


class SwitchedOffSummary(msgspec.Struct, frozen=True, kw_only=True):
    """In place of the summary while EPISODE_MONITORING_ENABLED is false: nothing is known, and `detail` says so."""

    monitoring_enabled: bool = False
    total_projects: None = None
    healthy_projects: None = None
    unhealthy_projects: None = None
    health_percentage: None = None
    total_gaps: None = None
    total_duplicates: None = None
    as_of: None = None
    detail: str


class ProjectRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list of projects."""

    project_id: str
    is_healthy: bool
    total_episodes: int
    max_number: int
    gaps_total: int
    duplicates_total: int
    health_score: float
    as_of: str
    is_split: bool = False  # in several partitions: its numbers are not judged


class ProjectPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of rows. `next_cursor` is null on the last page."""

    projects: list[ProjectRow]
    total: int
    next_cursor: str | None


class Suspect(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that has not settled yet, or a number set aside as implausible."""

    kind: str  # "gap" | "duplicate" | "implausible_jump"
    first_number: int
    last_number: int
    since: str
    settles_at: str | None  # null for an implausible jump: only another event settles it


class WaiverView(msgspec.Struct, frozen=True, kw_only=True):
    """Who took a finding out of the open ones, why and until when."""

    by: str
    reason: str
    at: str
    until: str


class FindingView(msgspec.Struct, frozen=True, kw_only=True):
    """One gap or duplicate. `since` and `settles_at` of a suspect, `waiver` of a waived one."""

    finding_id: str
    kind: str  # "gap" | "duplicate"
    state: str  # "suspect" | "open" | "waived"; "over" where one is asked for by its id
    first_number: int
    last_number: int
    since: str | None = None
    settles_at: str | None = None
    waiver: WaiverView | None = None


class FindingName(msgspec.Struct, frozen=True, kw_only=True):
    """A finding and the numbers that it had at that time."""

    finding_id: str
    first_number: int
    last_number: int


class FindingEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a finding, whose numbers before that are given. `text` is a sentence for people."""

    what: str  # "opened" | "filled" | "filled_in_part" | "split" | "healed" | "waived" | "reopened"
    at: str  # event time: of a late event it lies before that of the entry before
    text: str
    finding_id: str
    kind: str
    first_number: int
    last_number: int
    since: str | None = None  # suspect since then: of what opened
    number: int | None = None  # that was taken
    episode_id: str | None = None  # that took it, or that left a number and healed the finding by that
    how: str | None = None  # it healed: "deleted" | "renumbered" | "top_lowered"
    by: str | None = None  # who waived it
    reason: str | None = None
    until: str | None = None
    lives_on_as: list[FindingName] = []  # its numbers belong to these findings afterwards


class FindingDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One finding and its history, oldest first. `history_dropped`: older entries of the project, no longer kept."""

    project_id: str
    finding: FindingView
    history: list[FindingEntry]
    history_dropped: int
    as_of: str


class FindingList(msgspec.Struct, frozen=True, kw_only=True):
    """All findings of one project, at most the first 1000 of each kind and state, and what became of those before:
    the newest entries, oldest first. `history_dropped`: older ones, no longer kept."""

    project_id: str
    findings: list[FindingView]
    as_of: str
    history: list[FindingEntry] = []
    history_dropped: int = 0


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """Up to which record of which partition a view is exact."""

    partition: int
    offset: int


class SplitPart(msgspec.Struct, frozen=True, kw_only=True):
    """What one partition has of a project, exact up to `offset`. `placed_by`: what puts its key there."""

    partition: int
    offset: int
    total_episodes: int
    max_number: int
    placed_by: str  # "murmur2" | "crc32" | "fnv1a" | "no_key" | "murmur2_of_fewer_partitions" | "unknown"


class SplitView(msgspec.Struct, frozen=True, kw_only=True):
    """The project's records are in several partitions, ascending. Its alerts about numbers are off, and its findings
    count nowhere. `detail` says why and what to do."""

    partitions: list[SplitPart]
    cause: str  # "different_partitioners" | "no_key" | "partitions_added" | "unknown"
    detail: str


class ProjectView(msgspec.Struct, frozen=True, kw_only=True):
    """All that integrity knows of one project. `gaps` lists at most 1000 numbers, `gap_ranges` all intervals kept.

    Of a split project the numbers are those of all parts together, and `applied` is that of the lowest partition.
    """

    project_id: str
    is_healthy: bool
    total_episodes: int
    max_number: int
    gaps: list[int]
    gap_ranges: list[tuple[int, int]]
    gaps_total: int
    duplicates: list[int]
    duplicate_owners: dict[str, list[str]]
    suspects: list[Suspect]
    health_score: float
    as_of: str
    applied: Applied
    capped: bool = False  # the project holds more than is tracked; numbers beyond the cap are not in this view
    resends: int = 0
    restatements: int = 0
    late_events: int = 0
    split: SplitView | None = None  # the project is in several partitions


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


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether this worker can serve. `parts` maps a part's name to "ok" or to one sentence of what is wrong."""

    ready: bool
    parts: dict[str, str]
    lag: int | None  # events of this worker's partitions not yet applied; None where Kafka does not say
    recovery: dict[str, float | int | bool]


class AlertTransition(msgspec.Struct, frozen=True, kw_only=True):
    """One step in an alert's life. `alert` is the alert as it stood after the step, written by `Alert.to_dict`."""

    transition_id: str
    at: str
    reason: str  # why it happened, a word of streams.alerting.alert_state
    by: str | None  # the person, where a person did it
    comment: str | None
    alert: dict[str, Any]


class AlertHistoryPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of transitions, newest first. `next_cursor` is null on the last page."""

    transitions: list[AlertTransition]
    next_cursor: str | None


class CheckSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a basic check found over the whole fleet."""

    total_projects: int
    healthy_projects: int
    unhealthy_projects: int
    health_percentage: float
    total_gaps: int
    total_duplicates: int


class BasicCheckResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="basic"):
    """The quick check of all projects."""

    status: str  # "completed"
    duration_seconds: float
    summary: CheckSummary


class DriftNumber(msgspec.Struct, frozen=True, kw_only=True):
    """One number of which stream and database say different things. Episode ids; none where the number is missing."""

    number: int
    kind: str  # "missing_in_stream" | "missing_in_database" | "different_owner"
    stream: list[str]
    database: list[str]


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """Where stream and database disagree about one project. `numbers` lists the first 100; the counts are of all."""

    missing_in_stream: int
    missing_in_database: int
    different_owner: int
    numbers: list[DriftNumber]
    applied: Applied | None  # what the stream had applied; null for a project it never heard of
    since: str  # when the first check that found it began


class ProjectIssue(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One project with something wrong: the first 200 numbers of each kind, found by the stream or by the database.

    `drift` is there only where the database was read and disagrees.
    """

    project_id: str
    gaps: list[int]
    duplicates: list[int]
    health_score: float
    gaps_total: int = 0
    duplicates_total: int = 0
    drift: Drift | None = None


class DatabaseSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a deep check read of the project service's database, and how it compares to the stream."""

    episodes_read: int
    projects_read: int
    projects_with_drift: int
    missing_in_stream: int
    missing_in_database: int
    different_owner: int
    projects_not_examined: int  # they differed at the first look, and were too many or too large for a second
    invalid_rows: int  # without project, id or number, or with a number out of range


class SplitProject(msgspec.Struct, frozen=True, kw_only=True):
    """A project in several partitions: it is not compared, and none of its findings is one."""

    project_id: str
    partitions: list[int]


class DeepCheckResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="deep"):
    """The check of every project by itself, worst first: at most 500 are listed, and all counted.

    `database` is there where DATABASE_URL is set.
    """

    status: str  # "completed"
    duration_seconds: float
    projects_checked: int
    projects_with_issues: int
    total_issues: int
    project_issues: list[ProjectIssue]
    database: DatabaseSummary | None = None
    truncated: bool = False  # more projects have issues than are listed
    split: list[SplitProject] = []  # the first 500


class ProjectDrift(msgspec.Struct, frozen=True, kw_only=True):
    """One project's numbers in the stream beside those in the project service's table, at this moment."""

    project_id: str
    is_equal: bool
    drift: Drift | None  # null where both sides hold the same
    as_of: str
    is_split: bool = False  # the project is in several partitions, so that nothing was compared


class JobState(Enum):
    """Where a job stands."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a check. `result` is there once it has completed, `error` (what and why) once it ended otherwise."""

    job_id: str
    kind: str  # "basic" | "deep"
    state: JobState
    progress: float | None  # 0.0 ... 1.0; null where the end cannot be foreseen
    requested_by: str
    started_at: str
    ended_at: str | None = None
    error: str | None = None
    result: BasicCheckResult | DeepCheckResult | None = None


class JobList(msgspec.Struct, frozen=True, kw_only=True):
    """The jobs still remembered, newest first."""

    jobs: list[JobStatus]
