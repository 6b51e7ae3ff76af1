"""What workers say to each other over HTTP. An answer always tells which partitions it speaks for.

Without that, a partition that moves between two questions would turn a known project into an unknown one.
"""

from enum import Enum
from typing import Generic, Literal, TypeVar

import msgspec

from episode_monitor.web.views import ActionKind, ProjectHealth, ProjectSort
from models.alert import Alert
from models.views import ProjectRow

PREFIX = "/internal/v1"

T = TypeVar("T")

Place = tuple[int, int, str]  # where a project stands in the order of a list: two numbers by the sort, and its id
Path = Literal["project", "stats", "trend", "projects", "act"]


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


class Told(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """What was found in these partitions; None: it is in none of them."""

    partitions: list[int]
    found: T | None


class OwnPage(msgspec.Struct, frozen=True, kw_only=True):
    """Rows with their places, in order; `total` projects match, before and after the page too."""

    rows: list[tuple[Place, ProjectRow]]
    total: int


class ActOutcome(Enum):
    """What came of an act on an alert of a project that was found."""

    DONE = "done"
    NOT_ACTIVE = "not_active"
    ALREADY_RESOLVED = "already_resolved"


class Acted(msgspec.Struct, frozen=True, kw_only=True):
    """`alert` is there where it was done."""

    outcome: ActOutcome
    alert: Alert | None = None
