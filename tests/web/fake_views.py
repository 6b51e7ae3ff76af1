"""A read model made by hand: numbers that are easy to recognise, and a switch for every way a view can fail."""

from typing import Any

import msgspec

from episode_monitor.fleet.errors import (
    ActionKind,
    AlertAction,
    AlertHistoryQuery,
    AlreadyResolved,
    JobEnded,
    NotWaivable,
    ProjectQuery,
    UnknownAlert,
    UnknownFinding,
    UnknownJob,
    WaiverWish,
)
from models.alert import Alert, AlertStatus, Severity
from models.times import rfc3339
from models.views import (
    AlertHistoryPage,
    AlertTransition,
    Applied,
    BasicCheckResult,
    CheckSummary,
    FindingDetail,
    FindingEntry,
    FindingList,
    FindingView,
    IntegritySummary,
    JobList,
    JobState,
    JobStatus,
    PerformanceStats,
    PerformanceTrend,
    ProjectDrift,
    ProjectPage,
    ProjectRow,
    ProjectView,
    Readiness,
    Suspect,
    TrendPoint,
    WaiverView,
)

AS_OF = "2025-10-09T08:53:20.123Z"
STARTS_AT_MS = 1_760_000_000_123  # the same moment

SUMMARY = IntegritySummary(
    total_projects=45,
    healthy_projects=42,
    unhealthy_projects=3,
    health_percentage=93.3,
    total_gaps=7,
    total_duplicates=2,
    as_of=AS_OF,
)
FINDING = FindingView(finding_id="f1", kind="gap", state="open", first_number=3, last_number=4)
OPENED = FindingEntry(
    what="opened",
    at=AS_OF,
    text="Open gap 3 … 4: nobody holds it.",
    finding_id="f1",
    kind="gap",
    first_number=3,
    last_number=4,
    since=AS_OF,
)
FINISHED = JobStatus(
    job_id="job-1",
    kind="basic",
    state=JobState.COMPLETED,
    progress=1.0,
    requested_by="mina",
    started_at=AS_OF,
    ended_at=AS_OF,
    result=BasicCheckResult(
        status="completed",
        duration_seconds=1.23,
        summary=CheckSummary(
            total_projects=45,
            healthy_projects=42,
            unhealthy_projects=3,
            health_percentage=93.3,
            total_gaps=7,
            total_duplicates=2,
        ),
    ),
)


def project_view(project_id: str) -> ProjectView:
    """The project of the seed document: 28 numbers, gaps 3, 7, 12, number 5 held twice."""
    return ProjectView(
        project_id=project_id,
        is_healthy=False,
        total_episodes=26,
        max_number=28,
        gaps=[3, 7, 12],
        gap_ranges=[(3, 3), (7, 7), (12, 12)],
        gaps_total=3,
        duplicates=[5],
        duplicate_owners={"5": ["ep-5", "ep-5-again"]},
        suspects=[Suspect(kind="gap", first_number=27, last_number=27, since=AS_OF, settles_at=AS_OF)],
        health_score=85.7,
        as_of=AS_OF,
        applied=Applied(partition=2, offset=1234),
    )


def alert(alert_key: str, **changes: Any) -> Alert:
    """A firing alert; the project is what follows the first colon of the key."""
    rule_id, _, project_id = alert_key.partition(":")
    fields: dict[str, Any] = {
        "alert_key": alert_key,
        "alert_id": "a1",
        "rule_id": rule_id,
        "alert_type": "INTEGRITY_VIOLATION",
        "severity": Severity.CRITICAL,
        "status": AlertStatus.FIRING,
        "project_id": project_id,
        "title": "Numbers missing",
        "description": "3 numbers are missing and 1 is held twice",
        "value": 4.0,
        "threshold": 0.0,
        "window_minutes": None,
        "sample_size": 26,
        "starts_at_ms": STARTS_AT_MS,
        "ends_at_ms": None,
        "updated_at_ms": STARTS_AT_MS,
        "reason": "threshold_crossed",
    }
    return Alert(**{**fields, **changes})


class FakeViews:
    """Knows every project but those in `unknown`. `failing` is raised by each view, whatever it is."""

    def __init__(self) -> None:
        self.failing: Exception | None = None
        self.unknown = {"unknown", "unknown/findings", "unknown/findings/f2"}
        self.token: str | None = None
        self.summaries_made = 0
        self.summary = SUMMARY
        self.alerts: dict[str, Alert] = {}
        self.job_status = FINISHED
        self.readiness_view = Readiness(ready=True, parts={"broker": "ok", "tables": "ok"}, lag=0, recovery={})
        self.asked: list[Any] = []  # the arguments of the last calls, in order

    def _come(self, *arguments: Any) -> None:
        self.asked.append(arguments)
        if self.failing is not None:
            raise self.failing

    def version(self) -> str | None:
        return self.token

    async def integrity_summary(self) -> IntegritySummary:
        self._come()
        self.summaries_made += 1
        return self.summary

    async def list_projects(self, query: ProjectQuery) -> ProjectPage:
        self._come(query)
        row = ProjectRow(
            project_id="webtoon/7",
            is_healthy=False,
            total_episodes=26,
            max_number=28,
            gaps_total=3,
            duplicates_total=1,
            health_score=85.7,
            as_of=AS_OF,
        )
        return ProjectPage(projects=[row], total=1, next_cursor=None)

    async def project(self, project_id: str) -> ProjectView | None:
        self._come(project_id)
        return None if project_id in self.unknown else project_view(project_id)

    async def findings(self, project_id: str) -> FindingList | None:
        self._come(project_id)
        if project_id in self.unknown:
            return None
        return FindingList(project_id=project_id, findings=[FINDING], as_of=AS_OF)

    async def finding(self, project_id: str, finding_id: str) -> FindingDetail | None:
        self._come(project_id, finding_id)
        if project_id in self.unknown:
            return None
        if finding_id != FINDING.finding_id:
            raise UnknownFinding(finding_id)
        return FindingDetail(project_id=project_id, finding=FINDING, history=[OPENED], history_dropped=0, as_of=AS_OF)

    async def waive(self, project_id: str, finding_id: str, waiver: WaiverWish) -> FindingView:
        self._come(project_id, finding_id, waiver)
        if finding_id == "settling":
            raise NotWaivable("not_open")
        if project_id in self.unknown or finding_id != FINDING.finding_id:
            raise UnknownFinding(finding_id)
        told = WaiverView(by=waiver.by, reason=waiver.reason, at=AS_OF, until=rfc3339(waiver.until_ms))
        return msgspec.structs.replace(FINDING, state="waived", waiver=told)

    async def performance_stats(self, project_id: str | None, window_minutes: int) -> PerformanceStats | None:
        self._come(project_id, window_minutes)
        if project_id in self.unknown:
            return None
        return PerformanceStats(
            project_id=project_id,
            success_rate_percentage=98.7,
            failure_rate_percentage=1.3,
            conflict_rate_percentage=2.1,
            retry_rate_percentage=None,
            average_duration_seconds=0.456,
            p95_duration_seconds=1.234,
            p99_duration_seconds=2.890,
            attempted_operations=1000,
            ended_operations=1000,
            failed_operations=13,
            conflicted_operations=21,
            retried_operations=0,
            total_operations_today=1247,
            failed_operations_today=16,
            window_minutes=window_minutes,
            as_of=AS_OF,
        )

    async def performance_trend(self, project_id: str | None, hours: int) -> PerformanceTrend | None:
        self._come(project_id, hours)
        if project_id in self.unknown:
            return None
        point = TrendPoint(
            starts_at="2025-10-09T08:00:00.000Z",
            ends_at="2025-10-09T09:00:00.000Z",
            attempted_operations=10,
            ended_operations=10,
            failed_operations=1,
            conflicted_operations=2,
            retried_operations=3,
            success_rate_percentage=90.0,
            failure_rate_percentage=10.0,
            conflict_rate_percentage=20.0,
            retry_rate_percentage=30.0,
            average_duration_seconds=0.5,
            p95_duration_seconds=1.0,
            p99_duration_seconds=2.0,
        )
        return PerformanceTrend(project_id=project_id, interval_seconds=3600, points=[point], as_of=AS_OF)

    async def active_alerts(self) -> list[Alert]:
        self._come()
        return [found for found in self.alerts.values() if found.status is not AlertStatus.RESOLVED]

    async def alert_history(self, query: AlertHistoryQuery) -> AlertHistoryPage:
        self._come(query)
        step = AlertTransition(
            transition_id="a1:resolved:0",
            at=AS_OF,
            reason="resolved_by_hand",
            by="mina",
            comment="renumbered",
            alert=alert("episode_integrity:webtoon/7").to_dict(),
        )
        return AlertHistoryPage(transitions=[step], next_cursor="next")

    async def act_on_alert(self, alert_key: str, action: AlertAction) -> Alert:
        self._come(alert_key, action)
        found = self.alerts.get(alert_key)
        if found is None:
            raise UnknownAlert(alert_key)
        if found.status is AlertStatus.RESOLVED:
            raise AlreadyResolved(alert_key)
        match action.kind:
            case ActionKind.RESOLVE:
                changes: dict[str, Any] = {"status": AlertStatus.RESOLVED, "ends_at_ms": STARTS_AT_MS}
            case ActionKind.ACKNOWLEDGE:
                changes = {"acknowledged_by": action.by}
            case ActionKind.SILENCE:
                changes = {"silenced_until_ms": STARTS_AT_MS + (action.minutes or 0) * 60_000}
        self.alerts[alert_key] = msgspec.structs.replace(found, **changes)
        return self.alerts[alert_key]

    async def drift_of(self, project_id: str) -> ProjectDrift | None:
        self._come("drift_of", project_id)
        if project_id in self.unknown:
            return None
        return ProjectDrift(project_id=project_id, is_equal=True, drift=None, as_of=AS_OF)

    async def run_check(self, *, deep: bool, by: str, wait_seconds: float) -> JobStatus:
        self._come(deep, by, wait_seconds)
        return self.job_status

    async def jobs(self, limit: int) -> JobList:
        self._come(limit)
        return JobList(jobs=[self.job_status])

    async def job(self, job_id: str) -> JobStatus | None:
        self._come(job_id)
        return self.job_status if job_id == self.job_status.job_id else None

    async def cancel_job(self, job_id: str, by: str) -> JobStatus:
        self._come(job_id, by)
        if job_id != self.job_status.job_id:
            raise UnknownJob(job_id)
        if self.job_status.state is not JobState.RUNNING:
            raise JobEnded(job_id)
        self.job_status = msgspec.structs.replace(
            self.job_status, state=JobState.CANCELLED, error=f"Cancelled by {by}.", ended_at=AS_OF
        )
        return self.job_status

    async def readiness(self) -> Readiness:
        return self.readiness_view

    async def metrics(self) -> bytes:
        return b"# TYPE episode_integrity_health_percentage gauge\nepisode_integrity_health_percentage 93.3\n"

    async def metrics_json(self) -> dict[str, Any]:
        return {"episode_integrity_health_percentage": [{"labels": {}, "value": 93.3}]}
