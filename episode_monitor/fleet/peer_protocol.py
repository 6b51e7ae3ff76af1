"""What workers say to each other over HTTP. An answer always tells which partitions it speaks for.

Without that, a partition that moves between two questions would turn a known project into an unknown one.
"""

from enum import Enum
from typing import Generic, Literal, TypeVar

import msgspec

from episode_monitor.fleet.errors import ActionKind, ProjectHealth, ProjectSort
from models.alert import Alert
from models.views import FindingDetail, FindingView, ProjectRow
from streams.partition.drift_values import Named
from streams.partition.summary import SplitFacts

PREFIX = "/internal/v1"

T = TypeVar("T")

Place = tuple[int, int, str]  # where a project stands in the order of a list: two numbers by the sort, and its id
Path = Literal[
    "project", "stats", "trend", "projects", "act",
    "compare", "holdings", "known", "issues", "positions",
    "jobs", "cancel", "drifts", "drifted", "findings", "finding", "waive",
    "parts", "pieces", "measured",
]  # fmt: skip


class ProjectQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """One project's numbers."""

    project_id: str


class StatsQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """One project's rates over a window."""

    project_id: str
    window_minutes: int


class TrendQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """One project's trend."""

    project_id: str
    hours: int


class PageQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """The first `limit` projects after a place."""

    status: ProjectHealth
    q: str | None
    sort: ProjectSort
    limit: int
    after: Place | None


class ActQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What a person does to an alert."""

    project_id: str
    rule_id: str
    kind: ActionKind
    by: str
    comment: str
    minutes: int | None


class CompareQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """Projects as the database has them: each with the digest of `streams.partition.holdings`."""

    projects: list[tuple[str, int]]


class HoldingsQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """All that some projects hold."""

    projects: list[str]


class KnownQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """A page of one partition's projects."""

    partition: int
    start: int
    limit: int


class IssuesQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """The worst projects with findings; of each at most so many numbers of a kind."""

    limit: int
    numbers: int


class PositionsQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """How far the partitions are."""


class JobsQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """The jobs that a worker remembers; one of them where an id is given."""

    limit: int
    job_id: str | None = None


class CancelQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """A person ends a job."""

    job_id: str
    by: str


class DriftsQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What the alerts about drift are about, as the worker that keeps them knows."""


class DriftedQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found, to the worker that keeps the alerts about drift: all that drifts, or, of the projects that
    were looked at, those that do and those that do not any more."""

    is_all: bool
    found: list[Named]
    over: list[str] = []


class FindingsQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """All findings of one project."""

    project_id: str


class FindingQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """One finding of one project, with its history."""

    project_id: str
    finding_id: str


class WaiveQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """A person waives a finding; `until_ms` by the wall clock."""

    project_id: str
    finding_id: str
    by: str
    reason: str
    until_ms: int


class PartsQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """A partition asks which of its projects have a part elsewhere. `keyless`: places of those whose records there had
    no key. `wait_seconds`: wait at most so long until all is taken that the logs hold."""

    partition: int
    projects: list[str]
    keyless: list[int] = []
    wait_seconds: float = 0.0


class PiecesQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """All parts of a project in several partitions."""

    project_id: str


class MeasuredQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in all parts of a project in several partitions: over a window, or by the intervals of a trend."""

    project_id: str
    window_minutes: int | None = None
    hours: int | None = None


class MeasuredPart(msgspec.Struct, frozen=True, kw_only=True):
    """Of one part, up to its own time. Tallies are hexadecimal, for they have more bits than a number of JSON; a
    window is interval 0."""

    at_ms: int
    today: str
    measured: dict[int, tuple[str, dict[int, int]]]


class SeenPart(msgspec.Struct, frozen=True, array_like=True):
    """A project of a question, by its place there, has a part in this partition."""

    place: int
    partition: int
    has_no_key: bool


class PartialAnswer(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """What was found in these partitions; None: it is in none of them. `is_split`: of one part of several."""

    partitions: list[int]
    found: T | None
    is_split: bool = False


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """Places in the question: of projects that are the same here, and of those that are known and differ."""

    same: list[int]
    different: list[int]


class KnownPage(msgspec.Struct, frozen=True, kw_only=True):
    """Projects that hold a number; `next_start` None on the last page. Places are good within one generation."""

    projects: list[str]
    next_start: int | None
    generation: int


class StreamIssue(msgspec.Struct, frozen=True, kw_only=True):
    """One project with open findings."""

    project_id: str
    gaps: list[int]
    gaps_total: int
    duplicates: list[int]
    duplicates_total: int
    max_number: int


class StreamIssues(msgspec.Struct, frozen=True, kw_only=True):
    """What some partitions find, all of one moment: the worst projects one by one, the others as sums."""

    issues: list[StreamIssue]  # worst first
    projects: int  # all that are known, healthy ones too
    unlisted_projects: int = 0  # with open findings, beyond the limit
    unlisted_findings: int = 0  # their gaps and duplicates
    splits: list[SplitFacts] = []  # projects in several partitions


class Position(msgspec.Struct, frozen=True, array_like=True):
    """Of one partition: the next offset to take, and where its log ends as far as the fetcher has heard."""

    partition: int
    next_offset: int
    end: int


class OwnPage(msgspec.Struct, frozen=True, kw_only=True):
    """Rows with their places, in order; `total` projects match, before and after the page too."""

    rows: list[tuple[Place, ProjectRow]]
    total: int


class FoundFinding(msgspec.Struct, frozen=True, kw_only=True):
    """Of a project that was found; `finding` None: it has none of this id, and remembers none."""

    finding: FindingDetail | None


class Waived(msgspec.Struct, frozen=True, kw_only=True):
    """`finding` is there where it was done; else `refusal`, a value of `streams.project.findings.Refusal`."""

    finding: FindingView | None = None
    refusal: str = ""


class ActOutcome(Enum):
    """What came of an act on an alert of a project that was found."""

    DONE = "done"
    NOT_ACTIVE = "not_active"
    ALREADY_RESOLVED = "already_resolved"


class Acted(msgspec.Struct, frozen=True, kw_only=True):
    """`alert` is there where it was done."""

    outcome: ActOutcome
    alert: Alert | None = None
