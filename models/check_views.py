"""Answers about checks and their jobs. Times are RFC 3339 in UTC."""

from enum import Enum

import msgspec

from models.integrity_views import Applied


class CheckSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a basic check over the whole fleet."""

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
    """One number that differs between stream and database. Lists of episode ids; empty where the number is missing."""

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
    applied: Applied | None  # what the stream had applied; null for a project without events
    since: str  # when the first check that found it began


class ProjectIssue(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One project with issues: the first 200 numbers of each kind, found in the stream or in the database.

    `drift` is present only if the database was read and differs.
    """

    project_id: str
    gaps: list[int]
    duplicates: list[int]
    health_score: float
    gaps_total: int = 0
    duplicates_total: int = 0
    drift: Drift | None = None


class DatabaseSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a deep check read from the project service's database, and how it differs from the stream."""

    episodes_read: int
    projects_read: int
    projects_with_drift: int
    missing_in_stream: int
    missing_in_database: int
    different_owner: int
    projects_not_examined: int  # they differed at the first look, and were too many or too large for a second
    invalid_rows: int  # without project, id or number, or with a number out of range


class SplitProject(msgspec.Struct, frozen=True, kw_only=True):
    """A project in several partitions: it is not compared, and its findings do not count."""

    project_id: str
    partitions: list[int]


class DeepCheckResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="deep"):
    """The check of every project, worst first: at most 500 are listed, all are counted.

    `database` is present if DATABASE_URL is set.
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
    """One project's numbers in the stream, compared with those in the project service's table, read now."""

    project_id: str
    is_equal: bool
    drift: Drift | None  # null where both sides hold the same
    as_of: str
    is_split: bool = False  # the project is in several partitions, so that nothing was compared


class JobState(Enum):
    """The state of a job. Only a replay or a backtest is `waiting`; a check that waits for its turn is `running`."""

    WAITING = "waiting"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a check. `result` is present when it has completed, `error` when it ended otherwise."""

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
    """The jobs that are kept, newest first."""

    jobs: list[JobStatus]
