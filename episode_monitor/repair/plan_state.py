"""A repair plan as it is kept: what it will do never changes; how far it is, changes only from a known revision."""

import hashlib
from collections.abc import Iterable
from enum import Enum

import msgspec

from episode_monitor.repair.planning import Change, EpisodeRow, Strategy, inverse, with_newer
from models.repair import ProjectNumbers

MAX_STEPS = 100  # remembered of one plan; the first stays, the oldest others go
EVENTS_ID_BYTES = 16


class PlanState(Enum):
    """While a plan is in APPLYING or ROLLING_BACK only the database knows whether the numbers have changed."""

    PLANNED = "planned"
    APPLYING = "applying"
    APPLIED = "applied"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    STALE = "stale"  # the rows moved since; only a new plan helps


class PlanAction(Enum):
    """What is done to the numbers."""

    APPLY = "apply"
    ROLLBACK = "rollback"

    @property
    def under_way(self) -> PlanState:
        """The state while it is done."""
        return PlanState.APPLYING if self is PlanAction.APPLY else PlanState.ROLLING_BACK

    @property
    def done(self) -> PlanState:
        """The state once it is committed."""
        return PlanState.APPLIED if self is PlanAction.APPLY else PlanState.ROLLED_BACK

    @property
    def undone(self) -> PlanState:
        """The state it began from."""
        return PlanState.PLANNED if self is PlanAction.APPLY else PlanState.APPLIED


class Verification(Enum):
    """Result of comparing database and stream after the events were sent."""

    NONE = "none"
    PENDING = "pending"
    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"  # the stream had not applied the events in time; it is compared again
    SKIPPED = "skipped"  # the stream does not know the project


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The part that never changes. Times are epoch milliseconds of the wall clock."""

    plan_id: str
    project_id: str
    strategy: Strategy
    created_by: str
    created_at_ms: int
    expires_at_ms: int
    changes: list[Change]
    before: ProjectNumbers
    after: ProjectNumbers
    seen: str  # fingerprint of every episode and number of the project
    shared: list[int]  # old numbers that an episode outside the changes holds as well
    warnings: list[str] = []


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step in the history of a plan."""

    at_ms: int
    by: str
    what: str
    detail: str = ""


class RepairProgress(msgspec.Struct, frozen=True, kw_only=True):
    """The part that changes, always as a whole and from one revision to the next."""

    revision: int = 0
    state: PlanState = PlanState.PLANNED
    approved_by: str | None = None
    by: str | None = None  # who does or did the last act
    transaction: str | None = None  # of the last act, as PostgreSQL numbers it; known before it commits
    acted_at_ms: int | None = None  # event time of what the act announces
    pending: PlanAction | None = None  # committed, its events not yet known to be with the broker
    partition: int | None = None  # where the project's events are, as the stream knows it
    sent_offset: int | None = None  # of the last event sent
    with_newer: bool = False  # the last act takes along the episodes that were created since the plan was made
    newer: list[Change] = []  # of those, what the apply moved as well
    newer_since: list[Change] = []  # what a rollback moves on top; written as if the apply had moved it
    left_behind: int = 0  # newer episodes that a rollback without them leaves above a gap
    surplus: int = 0  # findings that the stream had and the database had not, before
    verification: Verification = Verification.NONE
    lease_until_ms: int = 0  # until then the writer of this revision works on the plan
    steps: list[Step] = []


class KeptPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A plan and how far it is."""

    plan: Plan
    progress: RepairProgress

    def moved(self, step: Step | None = None, **changes: object) -> "KeptPlan":
        """The same plan, one revision on."""
        now = self.progress
        steps = now.steps if step is None else [*now.steps, step]
        if len(steps) > MAX_STEPS:
            steps = [steps[0], *steps[len(steps) - MAX_STEPS + 1 :]]
        return self.with_progress(revision=now.revision + 1, steps=steps, **changes)

    def with_progress(self, **changes: object) -> "KeptPlan":
        """The same revision, with other progress."""
        return msgspec.structs.replace(self, progress=msgspec.structs.replace(self.progress, **changes))


def changes_of(kept: KeptPlan, act: PlanAction) -> list[Change]:
    """All that an act changes, in the order in which it does, newer episodes that it takes along among them."""
    progress = kept.progress
    if act is PlanAction.APPLY:
        return with_newer(kept.plan.changes, progress.newer)
    return inverse(with_newer(kept.plan.changes, [*progress.newer, *progress.newer_since]))


def none_along(kept: KeptPlan, state: PlanState) -> dict[str, list[Change]]:
    """Progress of an act that changed nothing: only the apply before it has moved newer episodes."""
    return {"newer": kept.progress.newer if state is PlanState.APPLIED else [], "newer_since": []}


def fingerprint(rows: Iterable[EpisodeRow]) -> str:
    """A digest of all episodes of a project and their numbers, independent of their order."""
    digest = hashlib.blake2b(digest_size=16)
    for row in sorted(rows, key=lambda row: row.episode_id):
        digest.update(msgspec.json.encode((row.episode_id, row.number)))
    return digest.hexdigest()


def event_id(plan_id: str, act: PlanAction, episode_id: str) -> str:
    """The id of the event about one episode: the same however often it is sent."""
    said = msgspec.json.encode((plan_id, act.value, episode_id))
    return hashlib.blake2b(said, digest_size=EVENTS_ID_BYTES).hexdigest()
