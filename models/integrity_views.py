"""Answers about the numbers of projects and of the fleet. Times are RFC 3339 in UTC."""

import msgspec


class IntegritySummary(msgspec.Struct, frozen=True, kw_only=True):
    """Totals of the whole fleet. `health_percentage` is 100.0 for an empty fleet."""

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
    """Replaces the summary while EPISODE_MONITORING_ENABLED is false: there are no numbers, and `detail` says why."""

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
    since: str | None = None  # of its oldest open finding; null without one, or before the recorded history


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


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """The partition and the offset up to which a view is exact."""

    partition: int
    offset: int


class SplitPart(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a project in one partition, exact up to `offset`. `placed_by`: the partitioner of its key."""

    partition: int
    offset: int
    total_episodes: int
    max_number: int
    placed_by: str  # "murmur2" | "crc32" | "fnv1a" | "no_key" | "murmur2_of_fewer_partitions" | "unknown"
    state_hash: str = ""


class SplitView(msgspec.Struct, frozen=True, kw_only=True):
    """The project's records are in several partitions, ascending. Its alerts about numbers are off, and its findings
    count nowhere. `detail` says why and what to do."""

    partitions: list[SplitPart]
    cause: str  # "different_partitioners" | "no_key" | "partitions_added" | "unknown"
    detail: str


class ProjectView(msgspec.Struct, frozen=True, kw_only=True):
    """The numbering of one project. `gaps` lists at most 1000 numbers, `gap_ranges` all intervals that are kept.
    `gap_since` has an entry for each of `gap_ranges`: since when its oldest number has been missing, null where that
    was before the recorded history or the project is split; so has `duplicate_since` for each of `duplicates`.

    `state_hash` is of all that the events up to `applied` say; a replay comes to the same one there. Of a split project
    the numbers are those of all parts together, `applied` and `state_hash` those of the lowest partition.
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
    state_hash: str = ""
    capped: bool = False  # the project holds more than is tracked; numbers beyond the cap are not in this view
    resends: int = 0
    restatements: int = 0
    late_events: int = 0
    split: SplitView | None = None  # the project is in several partitions
    gap_since: list[str | None] = []
    duplicate_since: dict[str, str | None] = {}
