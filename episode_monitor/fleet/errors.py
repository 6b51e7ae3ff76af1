"""What the HTTP face asks of the rest of the monitor. Whoever implements `Views` may know Kafka; nothing here does."""

from enum import Enum
from typing import Any, Literal, Protocol

import msgspec

from models.alert import Alert
from models.views import (
    AlertHistoryPage,
    FindingDetail,
    FindingList,
    FindingView,
    IntegritySummary,
    JobList,
    JobStatus,
    PerformanceStats,
    PerformanceTrend,
    ProjectDrift,
    ProjectPage,
    ProjectView,
    Readiness,
    SwitchedOffSummary,
)

ProjectHealth = Literal["all", "healthy", "unhealthy", "split"]
ProjectSort = Literal["worst", "project_id", "gaps", "duplicates", "episodes"]
TransitionStatus = Literal["pending", "firing", "resolved"]


class ViewError(Exception):
    """A view that cannot be given. Each kind below is one answer to the caller."""


class Recovering(ViewError):
    """Tables are being read back; the numbers would be wrong. Answered with 503 and `Retry-After`."""

    def __init__(self, retry_after_seconds: float = 2.0) -> None:
        super().__init__("tables are recovering")
        self.retry_after_seconds = retry_after_seconds


class Unreachable(ViewError):
    """Something needed for this answer (another worker, the database) did not answer. 503; `detail` is a sentence."""

    def __init__(self, detail: str, retry_after_seconds: float = 2.0) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds


class NotAvailable(ViewError):
    """This monitor is set up without the part that would answer. 501; `detail` says which setting brings it."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class InvalidQuery(ViewError):
    """A parameter only the view can judge, such as a cursor, is wrong. 422 with the code `invalid_{parameter}`."""

    def __init__(self, parameter: str, detail: str) -> None:
        super().__init__(detail)
        self.parameter = parameter
        self.detail = detail


class UnknownAlert(ViewError):
    """No active or lately resolved alert has this key. 404."""


class AlreadyResolved(ViewError):
    """The alert has ended, so nothing can be done to it. 409."""


class UnknownFinding(ViewError):
    """No project of this id has a finding of this id, or remembers one. 404."""


class NotWaivable(ViewError):
    """The finding is not open, or too many of the project are waived. 409; `why` is a word."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class UnknownJob(ViewError):
    """No job has this id. 404."""


class JobEnded(ViewError):
    """The job has ended, so it cannot be cancelled. 409."""


class ProjectQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which projects to list. `q` is looked for anywhere in the project's id, upper and lower case alike."""

    status: ProjectHealth = "all"
    q: str | None = None
    sort: ProjectSort = "worst"
    limit: int = 50  # 1 ... 500
    cursor: str | None = None  # a page's `next_cursor`, given back unchanged with the same other parameters


class AlertHistoryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which transitions to list, newest first. `since` is inside the range, `until` is not; both epoch milliseconds."""

    project_id: str | None = None
    rule_id: str | None = None
    alert_key: str | None = None
    status: TransitionStatus | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    limit: int = 100  # 1 ... 500
    cursor: str | None = None


class ActionKind(Enum):
    """What a person may do to an alert. The values are the last words of the paths."""

    RESOLVE = "resolve"
    ACKNOWLEDGE = "acknowledge"
    SILENCE = "silence"


class AlertAction(msgspec.Struct, frozen=True, kw_only=True):
    """One act of one person on one alert. `minutes` is how long a silence lasts, null for the other kinds."""

    kind: ActionKind
    by: str
    comment: str
    minutes: int | None = None


class WaiverWish(msgspec.Struct, frozen=True, kw_only=True):
    """A person wants a finding waived, until then by the wall clock."""

    by: str
    reason: str
    until_ms: int


class Jobs(Protocol):
    """Checks started by hand, and those the schedule started."""

    async def run_check(self, *, deep: bool, by: str, wait_seconds: float) -> JobStatus:
        """A check that begins after this call; wait at most `wait_seconds` for its end."""
        ...

    async def jobs(self, limit: int) -> JobList:
        """The jobs still remembered, newest first, at most `limit`."""
        ...

    async def job(self, job_id: str) -> JobStatus | None:
        """One job, or None if nobody remembers it."""
        ...

    async def cancel_job(self, job_id: str, by: str) -> JobStatus:
        """The job after it was ended, wherever it runs. Raises `UnknownJob`, `JobEnded`."""
        ...

    async def drift_of(self, project_id: str) -> ProjectDrift | None:
        """One project's stream side compared with the table; None where neither side knows it."""
        ...


class Views(Jobs, Protocol):
    """The read model. Every coroutine may raise `Recovering`, `Unreachable` or `NotAvailable`."""

    def version(self) -> str | None:
        """A cheap word that changes whenever `integrity_summary` or `active_alerts` would answer differently.

        None, or raising `Recovering`, where no such promise can be made; the ETag is then computed from the answer.
        """
        ...

    async def integrity_summary(self) -> IntegritySummary | SwitchedOffSummary: ...

    async def list_projects(self, query: ProjectQuery) -> ProjectPage:
        """One page. Raises `InvalidQuery("cursor", ...)` for a cursor that is not one of ours."""
        ...

    async def project(self, project_id: str) -> ProjectView | None:
        """One project, or None if no event ever named it."""
        ...

    async def findings(self, project_id: str) -> FindingList | None:
        """One project's findings, or None if no event ever named it."""
        ...

    async def finding(self, project_id: str, finding_id: str) -> FindingDetail | None:
        """One finding with its history, or None if no event ever named the project. Raises `UnknownFinding`."""
        ...

    async def waive(self, project_id: str, finding_id: str, waiver: WaiverWish) -> FindingView:
        """The finding, waived. Raises `UnknownFinding` or `NotWaivable`."""
        ...

    async def performance_stats(self, project_id: str | None, window_minutes: int) -> PerformanceStats | None:
        """Rates and latencies of the fleet (no id) or of one project; None for an unknown project."""
        ...

    async def performance_trend(self, project_id: str | None, hours: int) -> PerformanceTrend | None:
        """A point an hour (a minute up to two hours); None for an unknown project."""
        ...

    async def active_alerts(self) -> list[Alert]:
        """Every pending or firing alert of the fleet, the most severe first."""
        ...

    async def alert_history(self, query: AlertHistoryQuery) -> AlertHistoryPage:
        """One page. Raises `InvalidQuery("cursor", ...)` for a cursor that is not one of ours."""
        ...

    async def act_on_alert(self, alert_key: str, action: AlertAction) -> Alert:
        """The alert after the act. Raises `UnknownAlert` or `AlreadyResolved`."""
        ...

    async def readiness(self) -> Readiness:
        """Never raises `Recovering`: not being ready is an answer."""
        ...

    async def metrics(self) -> bytes:
        """The Prometheus text exposition."""
        ...

    async def metrics_json(self) -> dict[str, Any]:
        """The same samples as one JSON object."""
        ...
