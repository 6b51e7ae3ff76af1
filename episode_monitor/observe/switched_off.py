"""The views while EPISODE_MONITORING_ENABLED is false: no number is known, so none is given, and nothing is broken.

The integrity summary answers 200 with nulls, for health checks ask it; every other view says 501.
"""

from typing import Any, Final, NoReturn

import msgspec

from episode_monitor.fleet.errors import (
    AlertAction,
    AlertHistoryQuery,
    NotAvailable,
    ProjectQuery,
    Views,
    WaiverWish,
)
from models.alert import Alert
from models.views import (
    AlertHistoryPage,
    FindingDetail,
    FindingList,
    FindingView,
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

OFF: Final = (
    "EPISODE_MONITORING_ENABLED is false, so this worker reads no events and knows no numbers; "
    "set it to true and start again."
)


class SwitchedOff:
    """`views` tells of the process itself: its metrics and its parts."""

    def __init__(self, views: Views) -> None:
        self._views = views

    def version(self) -> str | None:
        return None

    async def integrity_summary(self) -> SwitchedOffSummary:
        return SwitchedOffSummary(detail=OFF)

    async def readiness(self) -> Readiness:
        """Not ready: what cannot answer gets no questions. Each part that is not well is so because of this."""
        readiness = await self._views.readiness()
        parts = {name: word if word == "ok" else OFF for name, word in readiness.parts.items()}
        return msgspec.structs.replace(readiness, ready=False, parts={**parts, "events": OFF})

    async def metrics(self) -> bytes:
        return await self._views.metrics()

    async def metrics_json(self) -> dict[str, Any]:
        return await self._views.metrics_json()

    async def list_projects(self, query: ProjectQuery) -> ProjectPage:
        _refuse()

    async def project(self, project_id: str) -> ProjectView | None:
        _refuse()

    async def findings(self, project_id: str) -> FindingList | None:
        _refuse()

    async def finding(self, project_id: str, finding_id: str) -> FindingDetail | None:
        _refuse()

    async def waive(self, project_id: str, finding_id: str, waiver: WaiverWish) -> FindingView:
        _refuse()

    async def performance_stats(self, project_id: str | None, window_minutes: int) -> PerformanceStats | None:
        _refuse()

    async def performance_trend(self, project_id: str | None, hours: int) -> PerformanceTrend | None:
        _refuse()

    async def active_alerts(self) -> list[Alert]:
        _refuse()

    async def alert_history(self, query: AlertHistoryQuery) -> AlertHistoryPage:
        _refuse()

    async def act_on_alert(self, alert_key: str, action: AlertAction) -> Alert:
        _refuse()

    async def run_check(self, *, deep: bool, by: str, wait_seconds: float) -> JobStatus:
        _refuse()

    async def jobs(self, limit: int) -> JobList:
        _refuse()

    async def job(self, job_id: str) -> JobStatus | None:
        _refuse()

    async def cancel_job(self, job_id: str, by: str) -> JobStatus:
        _refuse()

    async def drift_of(self, project_id: str) -> ProjectDrift | None:
        _refuse()


def _refuse() -> NoReturn:
    raise NotAvailable(OFF)
