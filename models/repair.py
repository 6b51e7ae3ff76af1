"""Answers about repair plans. Times are RFC 3339 in UTC."""

import msgspec


class RepairChange(msgspec.Struct, frozen=True, kw_only=True):
    """One episode and the number it has and gets."""

    episode_id: str
    old_number: int
    new_number: int


class ProjectNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a project's numbers in the database."""

    episodes: int
    max_number: int
    gaps: int  # numbers missing in 1 ... max_number
    duplicates: int  # numbers held more than once
    out_of_range: int  # episodes with numbers below 1 or above the highest that an event may name


class BlastRadius(msgspec.Struct, frozen=True, kw_only=True):
    """How much a plan changes."""

    episodes_changed: int
    share_percentage: float  # of the project's episodes
    lowest_number: int | None  # touched, old or new; null where nothing changes
    highest_number: int | None
    before: ProjectNumbers
    after: ProjectNumbers


class RepairStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step in the history of a plan."""

    at: str
    by: str
    what: str
    detail: str


class RepairPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A repair plan and its state. `changes` lists all changes in the order in which they are applied."""

    plan_id: str
    project_id: str
    strategy: str  # "compact" | "duplicates_to_end" | "duplicates_to_gaps"
    state: str  # "planned" | "applying" | "applied" | "rolling_back" | "rolled_back" | "stale" | "expired"
    changes_needed: int
    changes_applied: int | None  # numbers that it changed when it was applied, newer episodes' too; null: it was not
    changes: list[RepairChange]
    newer_changes: list[RepairChange]  # episodes created since the plan was made, moved along by it or its rollback
    blast_radius: BlastRadius
    warnings: list[str]
    approval_needed: bool
    approved_by: str | None
    created_by: str
    created_at: str
    expires_at: str
    acted_by: str | None  # who applied it or rolled it back last
    acted_at: str | None
    events_pending: bool  # numbers are changed, the events are not yet known to be with the broker
    verification: str  # "none" | "pending" | "passed" | "failed" | "inconclusive" | "skipped"
    steps: list[RepairStep]
    kept_in: str


class RepairPlanSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A plan in a list; see `RepairPlan` for the fields."""

    plan_id: str
    project_id: str
    strategy: str
    state: str
    verification: str
    changes_needed: int
    changes_applied: int | None  # numbers that it changed when it was applied, newer episodes' too; null: it was not
    created_by: str
    created_at: str
    expires_at: str
    acted_by: str | None
    acted_at: str | None


class RepairPlanList(msgspec.Struct, frozen=True, kw_only=True):
    """Repair plans, newest first."""

    plans: list[RepairPlanSummary]


class AutomaticRepair(msgspec.Struct, frozen=True, kw_only=True):
    """Whether automatic repair is active, and for which projects."""

    active: bool
    reason: str  # why it is, or is not, in one sentence
    paused: bool
    paused_by: str | None  # who turned the switch last
    projects: list[str]
    max_per_hour: int
