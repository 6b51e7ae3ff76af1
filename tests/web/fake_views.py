"""A fleet made by hand: numbers that are easy to recognise, and a switch for every way a view can fail."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import msgspec
from fastapi import APIRouter

from episode_monitor.checks.jobs import JOB_ENDED, UNKNOWN_JOB
from episode_monitor.fleet.acts.waive import REFUSALS, WaiveFinding
from episode_monitor.fleet.errors import ALREADY_RESOLVED, UNKNOWN_ALERT, Refused
from episode_monitor.fleet.question import OfProject, Question
from episode_monitor.fleet.questions.active_alerts import ActiveAlertsQuestion
from episode_monitor.fleet.questions.alert_deliveries import AlertDeliveriesQuestion, Deliveries
from episode_monitor.fleet.questions.alert_history import AlertHistoryQuestion
from episode_monitor.fleet.questions.alert_statistics import (
    AlertStatisticsQuestion,
    DeliveryCounts,
    DeliveryCountsQuestion,
)
from episode_monitor.fleet.questions.audit import FleetAuditQuestion
from episode_monitor.fleet.questions.finding import UNKNOWN_FINDING, FindingQuestion
from episode_monitor.fleet.questions.findings import FindingsQuestion
from episode_monitor.fleet.questions.project import ProjectQuestion
from episode_monitor.fleet.questions.project_list import ProjectListQuestion
from episode_monitor.fleet.questions.project_ranks import ProjectRankingQuestion
from episode_monitor.fleet.questions.project_rules import ProjectRulesQuestion
from episode_monitor.fleet.questions.retry_reasons import FleetRetriesQuestion, ProjectRetriesQuestion, retry_reasons
from episode_monitor.fleet.questions.rules import RulesQuestion
from episode_monitor.fleet.questions.states import ProjectFactsQuestion, ProjectStatesQuestion
from episode_monitor.fleet.questions.stats import FleetStatsQuestion, ProjectStatsQuestion
from episode_monitor.fleet.questions.summary import SummaryQuestion
from episode_monitor.fleet.questions.trend import FleetTrendQuestion, ProjectTrendQuestion
from episode_monitor.replay_jobs.requests import Requests
from episode_monitor.replay_jobs.routes import replay_router
from episode_monitor.settings.settings import load_settings
from episode_monitor.web.alert_desk import AlertAct, AlertActKind, AlertDesk
from episode_monitor.web.app import create_web_app
from episode_monitor.web.context import WebContext
from episode_monitor.web.schemas import DocumentedApp
from episode_monitor.web.settings import WebSettings
from episode_monitor.web.stream import ChangeFeed
from models.alert import Alert, AlertStatus, Severity
from models.alert_statistics import AlertStatistics
from models.audit_views import AuditPage, AuditRow
from models.check_views import BasicCheckResult, CheckSummary, JobList, JobState, JobStatus, ProjectDrift
from models.finding_views import FindingDetail, FindingEntry, FindingList, FindingView, WaiverView
from models.integrity_views import Applied, IntegritySummary, ProjectPage, ProjectRow, ProjectView, Suspect
from models.performance_views import PerformanceStats, PerformanceTrend, ProjectRanking, RetryReasons, TrendPoint
from models.process_views import AlertHistoryPage, AlertTransition, Readiness
from models.project_facts import ProjectFactsAnswer, ProjectStatesPage
from models.rule_views import ProjectRules, RulesInForce, RuleView
from models.times import rfc3339
from streams.alerting.rules import RuleSet
from streams.base.night import Night
from streams.project.findings import WaiverRefusal
from streams.views.alert_statistics import AlertStatisticsCount, HistoryStep
from tests.web.fake_desk import FakeDesk
from tests.web.fake_replays import FakeReplays

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
    text="Open gap 3 … 4: no episode holds it.",
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


STATES = ProjectStatesPage(
    monitor_id="m", topic="events", partition=0, partitions=1, generation=1, next_offset=0, projects_total=0,
    rules_digest="", rows=[], next_cursor=None,
)  # fmt: skip
RULES = RulesInForce(
    version="0123456789abcdef", rules_digest="d", software="1.2.3", file="rules.yaml", loaded_at=AS_OF, agree=True,
    rules=[
        RuleView(
            rule_id="episode_failure_rate", alert_type="HIGH_FAILURE_RATE", severity="warning", threshold=1.0, unit="%",
            threshold_text="1 %", window_minutes=15, min_samples=1, min_bad=1, for_seconds=0, keep_firing_seconds=0,
            scope="project", description="", labels={}, annotations={}, runbook_url=None, firing=2, pending=0,
        )
    ],
    is_lower_bound=False, disagreements=[], workers=[], files=[],
)  # fmt: skip


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
        self.replay_jobs = FakeReplays(self._come)
        self.readiness_view = Readiness(ready=True, parts={"broker": "ok", "tables": "ok"}, lag=0, recovery={})
        self.asked: list[Any] = []  # the arguments of the last calls, in order

    def _come(self, *arguments: Any) -> None:
        self.asked.append(arguments)
        if self.failing is not None:
            raise self.failing

    def version(self) -> str | None:
        return self.token

    async def encoded(self, question: Question[Any, Any], /) -> bytes | None:
        answer = await self.ask(question)
        return None if answer is None else msgspec.json.encode(answer)

    async def ask(self, question: Question[Any, Any], /) -> Any:
        self._come(question)
        if isinstance(question, OfProject) and question.project_id in self.unknown:
            return None
        return self._ANSWERS[type(question)](self, question)

    def _summary(self, question: SummaryQuestion) -> IntegritySummary:
        self.summaries_made += 1
        return self.summary

    def _list_projects(self, question: ProjectListQuestion) -> ProjectPage:
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

    def _findings(self, question: FindingsQuestion) -> FindingList:
        return FindingList(project_id=question.project_id, findings=[FINDING], as_of=AS_OF)

    def _finding(self, question: FindingQuestion) -> FindingDetail:
        if question.finding_id != FINDING.finding_id:
            raise Refused(UNKNOWN_FINDING)
        return FindingDetail(
            project_id=question.project_id, finding=FINDING, history=[OPENED], history_dropped=0, as_of=AS_OF
        )

    def _waive(self, act: WaiveFinding) -> FindingView:
        if act.finding_id == "settling":
            raise Refused(REFUSALS[WaiverRefusal.NOT_OPEN])
        if act.project_id in self.unknown or act.finding_id != FINDING.finding_id:
            raise Refused(UNKNOWN_FINDING)
        told = WaiverView(by=act.by, reason=act.reason, at=AS_OF, until=rfc3339(act.until_ms))
        return msgspec.structs.replace(FINDING, state="waived", waiver=told)

    def _stats(self, question: FleetStatsQuestion | ProjectStatsQuestion) -> PerformanceStats:
        return PerformanceStats(
            project_id=getattr(question, "project_id", None),
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
            window_minutes=question.window_minutes,
            as_of=AS_OF,
        )

    def _trend(self, question: FleetTrendQuestion | ProjectTrendQuestion) -> PerformanceTrend:
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
        project_id = getattr(question, "project_id", None)
        return PerformanceTrend(project_id=project_id, interval_seconds=3600, points=[point], as_of=AS_OF)

    def _ranking(self, question: ProjectRankingQuestion) -> ProjectRanking:
        return ProjectRanking(
            window_minutes=question.window_minutes, slowest=[], most_conflicted=[], projects_looked_at=45,
            is_complete=True, as_of=AS_OF,
        )  # fmt: skip

    def _retries(self, question: FleetRetriesQuestion | ProjectRetriesQuestion) -> RetryReasons:
        return retry_reasons(getattr(question, "project_id", None), [[5, 3, 0]], STARTS_AT_MS)

    def _active_alerts(self, question: ActiveAlertsQuestion) -> list[Alert]:
        return [found for found in self.alerts.values() if found.status is not AlertStatus.RESOLVED]

    def _alert_statistics(self, question: AlertStatisticsQuestion) -> AlertStatistics:
        known = question.notifications
        count = AlertStatisticsCount(question.asked.since_ms, question.asked.until_ms, Night(22, 7, "UTC"))
        count.add(HistoryStep(question.asked.since_ms, "a1", "r:p", "r", "p", "firing", "threshold_crossed"))
        return AlertStatistics(
            since=rfc3339(question.asked.since_ms), until=rfc3339(question.asked.until_ms), history_from=AS_OF,
            time_zone="UTC", night="22-07", flap_minutes=10, total=count.total(None),
            rules=count.rules(None if known is None else {}),
        )  # fmt: skip

    def _alert_history(self, question: AlertHistoryQuestion) -> AlertHistoryPage:
        step = AlertTransition(
            transition_id="a1:resolved:0",
            at=AS_OF,
            reason="resolved_by_hand",
            by="mina",
            comment="renumbered",
            alert=alert("episode_integrity:webtoon/7").to_dict(),
        )
        return AlertHistoryPage(transitions=[step], next_cursor="next" if question.cursor is None else None)

    def _audit(self, question: FleetAuditQuestion) -> AuditPage:
        row = AuditRow(
            at=AS_OF, who="mina", role="operator", what="alert.resolve", target="r:p", result="done", request={}
        )
        return AuditPage(entries=[row], next_cursor=None, total=1, kept_in="memory")

    def act(self, act: AlertAct) -> Alert:
        """What a person does to an alert."""
        self._come(act)
        found = self.alerts.get(act.alert_key)
        if found is None:
            raise Refused(UNKNOWN_ALERT)
        if found.status is AlertStatus.RESOLVED:
            raise Refused(ALREADY_RESOLVED)
        match act.kind:
            case AlertActKind.RESOLVE:
                changes: dict[str, Any] = {"status": AlertStatus.RESOLVED, "ends_at_ms": STARTS_AT_MS}
            case AlertActKind.ACKNOWLEDGE:
                changes = {"acknowledged_by": act.by}
            case AlertActKind.UNACKNOWLEDGE:
                changes = {"acknowledged_by": None}
            case AlertActKind.SILENCE:
                changes = {"silenced_until_ms": STARTS_AT_MS + (act.minutes or 0) * 60_000}
        self.alerts[act.alert_key] = msgspec.structs.replace(found, **changes)
        return self.alerts[act.alert_key]

    _ANSWERS: ClassVar[dict[type, Callable[[Any, Any], Any]]] = {
        SummaryQuestion: _summary,
        ProjectListQuestion: _list_projects,
        ProjectQuestion: lambda self, question: project_view(question.project_id),
        ProjectStatesQuestion: lambda self, question: STATES,
        ProjectFactsQuestion: lambda self, question: ProjectFactsAnswer(partition=question.partition, facts=None),
        ProjectRulesQuestion: lambda self, question: ProjectRules(
            project_id=question.project_id, as_of=AS_OF, applied=Applied(partition=2, offset=1234), rules=[]
        ),
        FindingsQuestion: _findings,
        FindingQuestion: _finding,
        WaiveFinding: _waive,
        FleetStatsQuestion: _stats,
        ProjectStatsQuestion: _stats,
        ProjectRankingQuestion: _ranking,
        FleetRetriesQuestion: _retries,
        ProjectRetriesQuestion: _retries,
        FleetTrendQuestion: _trend,
        ProjectTrendQuestion: _trend,
        ActiveAlertsQuestion: _active_alerts,
        AlertDeliveriesQuestion: lambda self, question: Deliveries([], True),
        AlertHistoryQuestion: _alert_history,
        AlertStatisticsQuestion: _alert_statistics,
        DeliveryCountsQuestion: lambda self, question: DeliveryCounts([], True),
        FleetAuditQuestion: _audit,
        RulesQuestion: lambda self, question: RULES,
    }

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
            raise Refused(UNKNOWN_JOB)
        if self.job_status.state is not JobState.RUNNING:
            raise Refused(JOB_ENDED)
        self.job_status = msgspec.structs.replace(
            self.job_status, state=JobState.CANCELLED, error=f"Cancelled by {by}.", ended_at=AS_OF
        )
        return self.job_status

    async def readiness(self) -> Readiness:
        return self.readiness_view

    async def metrics(self, accept: str = "") -> tuple[bytes, str]:
        text = b"# TYPE episode_integrity_health_percentage gauge\nepisode_integrity_health_percentage 93.3\n"
        return text, "text/plain; version=0.0.4; charset=utf-8"

    async def metrics_json(self) -> dict[str, Any]:
        return {"episode_integrity_health_percentage": [{"labels": {}, "value": 93.3}]}


class ViewsDesk(FakeDesk):
    """The desk of the fake fleet."""

    def __init__(self, views: FakeViews) -> None:
        super().__init__(views)
        self._views = views

    async def perform(self, act: AlertAct) -> Alert:
        return self._views.act(act)


def fake_app(
    views: FakeViews, settings: WebSettings | None = None, *, registry: Any = None,
    extra_routers: Sequence[APIRouter] = (), alert_desk: AlertDesk | None = None,
    is_traced: bool = False, **parts: Any,
) -> DocumentedApp:  # fmt: skip
    """The web app on the fake fleet. `parts` are further ones of `WebContext`; without `changes` none can be followed,
    for a client without a server would wait for the end of an answer that has none."""
    parts.setdefault("changes", ChangeFeed(most_readers=0))
    context = WebContext(
        fleet=views, process=views, jobs=lambda: views, drift_of=views.drift_of, settings=settings or WebSettings(),
        alert_desk=lambda: alert_desk or ViewsDesk(views), **parts,
    )  # fmt: skip
    replays = replay_router(lambda: views.replay_jobs, Requests(load_settings({}), lambda: RuleSet(())))
    return create_web_app(context, registry=registry, extra_routers=[*extra_routers, replays], is_traced=is_traced)
