"""The read model: implements the web's `Views` over engine, fleet and storage. It holds no numbers of its own."""

import asyncio
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
import structlog
from prometheus_client import CollectorRegistry, generate_latest

from agents.fleet.fleet_view import FleetView, Incomplete, Part
from agents.fleet.record import Unreadable
from agents.time_slices import in_slices
from episode_monitor.fleet.errors import (
    AlertAction,
    AlertHistoryQuery,
    AlreadyResolved,
    Jobs,
    NotAvailable,
    NotWaivable,
    ProjectQuery,
    Recovering,
    UnknownAlert,
    UnknownFinding,
    WaiverWish,
)
from episode_monitor.fleet.local_partitions import OwnPartitions
from episode_monitor.fleet.peer_client import ANSWER_SECONDS, LONG_ANSWER_SECONDS, Neighbours
from episode_monitor.fleet.peer_protocol import (
    Acted,
    ActOutcome,
    ActQuestion,
    FindingQuestion,
    FindingsQuestion,
    FoundFinding,
    MeasuredPart,
    MeasuredQuestion,
    OwnPage,
    PartialAnswer,
    Path,
    PiecesQuestion,
    ProjectQuestion,
    StatsQuestion,
    TrendQuestion,
    Waived,
    WaiveQuestion,
)
from episode_monitor.fleet.questions.alert_history import history_page, is_known
from episode_monitor.fleet.questions.project_list import merge_pages, question_of
from episode_monitor.fleet.split_views import joined_stats, joined_trend, split_view
from episode_monitor.observe.metrics import FleetCollector
from episode_monitor.observe.monotonic_counters import RisingFleet
from episode_monitor.observe.worker_state import WorkerState
from episode_monitor.storage.protocols import AlertHistory
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
)
from streams.partition import drift_alerts
from streams.partition.summary import PartitionLists, most_severe_first
from streams.project.findings import WaiverRefusal
from streams.rates import performance
from streams.rates.totals import PartitionTotals
from streams.views.fleet_metrics import fleet_metrics
from streams.views.joined_views import Piece, joined_view
from streams.views.project_views import integrity_summary, newest_ms

log = structlog.get_logger(__name__)

T = TypeVar("T")


class ReadModel:
    """`registry` takes the fleet's metrics; `jobs` None: checks cannot be started here."""

    def __init__(
        self,
        sight: FleetView,
        own: OwnPartitions,
        neighbours: Neighbours,
        history: AlertHistory,
        worker: WorkerState,
        registry: CollectorRegistry,
        jobs: Jobs | None = None,
        max_projects: int = 100,
    ) -> None:
        rules = sight.engine.core.rules.by_id.values()
        self._sight = sight
        self._own = own
        self._neighbours = neighbours
        self._history = history
        self._worker = worker
        self._registry = registry
        self._jobs = jobs
        self._max_projects = max_projects
        self._rising = RisingFleet()
        self._collector = FleetCollector(
            [(rule.severity.value, rule.measure.value) for rule in rules]
            + [(drift_alerts.RULE.severity.value, drift_alerts.ALERT_TYPE)]
        )
        self._measuring = asyncio.Lock()
        registry.register(self._collector)

    # --- the fleet

    def _parts(self) -> list[Part]:
        try:
            return self._sight.parts()
        except Incomplete as reason:
            raise Recovering from reason

    def version(self) -> str:
        """See `Views.version`."""
        parts = self._parts()
        words = tuple(part.word for part in parts)
        return f"{hash((words, tuple(self._sight.stale_partitions(parts)), self._own.acts_done)):x}"

    async def integrity_summary(self) -> IntegritySummary:
        """The fleet at a glance."""
        parts = self._parts()
        return integrity_summary((part.counts for part in parts), self._sight.stale_partitions(parts))

    async def active_alerts(self) -> list[Alert]:
        """At most 500 of each partition."""
        found: list[Alert] = []
        for part in self._parts():
            found.extend((await self._lists(part, 0)).alerts)
        return most_severe_first(found)

    async def _lists(self, part: Part, max_projects: int) -> PartitionLists:
        try:
            return await in_slices(part.lists(max_projects))
        except Unreadable as error:
            raise _unreadable(part, error) from error

    async def performance_stats(self, project_id: str | None, window_minutes: int) -> PerformanceStats | None:
        """Of the fleet: up to the newest of its partitions. Of a project: up to its own partition's time."""
        if project_id is not None:
            question = StatsQuestion(project_id=project_id, window_minutes=window_minutes)
            own = self._own.stats(question)
            told = await self._told_elsewhere(own, "stats", question, PartialAnswer[PerformanceStats])
            if not told.is_split:
                return told.found
            pieces = await self._measured(MeasuredQuestion(project_id=project_id, window_minutes=window_minutes))
            return joined_stats(project_id, pieces, window_minutes)
        parts = self._parts()
        at_ms = newest_ms(part.counts for part in parts)
        calendar = self._sight.engine.core.calendar
        measured, today = [], 0
        for part in parts:
            totals = self._totals(part)
            measured.append(performance.window_of_now(totals.series, window_minutes, at_ms))
            today += performance.today(totals.days, calendar, at_ms)
            await asyncio.sleep(0)  # each takes a few milliseconds
        return performance.stats(None, performance.add_up(measured), today, window_minutes, at_ms)

    async def performance_trend(self, project_id: str | None, hours: int) -> PerformanceTrend | None:
        """A project remembers 25 hours, the fleet a week; hours before that are left out."""
        if project_id is not None:
            question = TrendQuestion(project_id=project_id, hours=hours)
            own = self._own.trend(question)
            told = await self._told_elsewhere(own, "trend", question, PartialAnswer[PerformanceTrend])
            if not told.is_split:
                return told.found
            pieces = await self._measured(MeasuredQuestion(project_id=project_id, hours=hours))
            return joined_trend(project_id, pieces, hours)
        parts = self._parts()
        at_ms = newest_ms(part.counts for part in parts)
        found = []
        for part in parts:
            found.append(performance.intervals(self._totals(part).series, hours, at_ms))
            await asyncio.sleep(0)
        return performance.trend(None, performance.merge_intervals(found), hours, at_ms)

    async def _measured(self, question: MeasuredQuestion) -> list[MeasuredPart]:
        others = await self._neighbours.ask_all(
            self._sight.other_owners(), "measured", question, PartialAnswer[list[MeasuredPart]], LONG_ANSWER_SECONDS
        )
        told = [self._own.measured(question), *others]
        self._all_were_asked(told)
        return [part for answer in told for part in answer.found or ()]

    def _totals(self, part: Part) -> PartitionTotals:
        try:
            return part.totals()
        except Unreadable as error:
            raise _unreadable(part, error) from error

    # --- projects, wherever they are

    async def project(self, project_id: str) -> ProjectView | None:
        """One project, from the owner of its partition; one in several partitions, put together from all owners."""
        question = ProjectQuestion(project_id=project_id)
        found = await self._elsewhere(self._own.project(question), "project", question, PartialAnswer[ProjectView])
        if found is None or found.split is None:
            return found
        return await self._joined(project_id)

    async def _joined(self, project_id: str) -> ProjectView | None:
        question = PiecesQuestion(project_id=project_id)
        others = await self._neighbours.ask_all(
            self._sight.other_owners(), "pieces", question, PartialAnswer[list[Piece]], LONG_ANSWER_SECONDS
        )
        told = [self._own.pieces(question), *others]
        self._all_were_asked(told)
        pieces = {piece.view.applied.partition: piece for answer in told for piece in answer.found or ()}
        if not pieces:
            return None
        ordered = [pieces[number] for number in sorted(pieces)]
        split = split_view(project_id, ordered, self._sight.partition_count())
        return joined_view(ordered, self._sight.engine.core.numbering, split)

    async def findings(self, project_id: str) -> FindingList | None:
        """One project's findings, from the owner of its partition."""
        question = FindingsQuestion(project_id=project_id)
        return await self._elsewhere(self._own.findings(question), "findings", question, PartialAnswer[FindingList])

    async def finding(self, project_id: str, finding_id: str) -> FindingDetail | None:
        """One finding with its history, from the owner of the project's partition."""
        question = FindingQuestion(project_id=project_id, finding_id=finding_id)
        found = await self._elsewhere(self._own.finding(question), "finding", question, PartialAnswer[FoundFinding])
        if found is None:
            return None
        if found.finding is None:
            raise UnknownFinding(finding_id)
        return found.finding

    async def waive(self, project_id: str, finding_id: str, waiver: WaiverWish) -> FindingView:
        """Done by the owner of the project's partition, told and stored when this returns."""
        question = WaiveQuestion(
            project_id=project_id, finding_id=finding_id, by=waiver.by, reason=waiver.reason, until_ms=waiver.until_ms
        )
        own = await self._own.waive(question)
        waived = await self._elsewhere(own, "waive", question, PartialAnswer[Waived], LONG_ANSWER_SECONDS)
        if waived is None:
            raise UnknownFinding(finding_id)
        if waived.finding is not None:
            return waived.finding
        if waived.refusal == WaiverRefusal.UNKNOWN.value:
            raise UnknownFinding(finding_id)
        raise NotWaivable(waived.refusal)

    async def _elsewhere(
        self,
        own: PartialAnswer[T],
        path: Path,
        question: msgspec.Struct,
        kind: type[PartialAnswer[T]],
        seconds: float = ANSWER_SECONDS,
    ) -> T | None:
        """What was found here, or else what another worker finds; None only where every partition was asked."""
        return (await self._told_elsewhere(own, path, question, kind, seconds)).found

    async def _told_elsewhere(
        self,
        own: PartialAnswer[T],
        path: Path,
        question: msgspec.Struct,
        kind: type[PartialAnswer[T]],
        seconds: float = ANSWER_SECONDS,
    ) -> PartialAnswer[T]:
        if own.found is not None:
            return own
        owners = self._sight.other_owners()
        told = await self._neighbours.ask_all(
            owners, path, question, kind, seconds, is_enough=lambda answer: answer.found is not None
        )
        for answer in told:
            if answer.found is not None:
                return answer
        self._all_were_asked([own, *told])
        return own

    def _all_were_asked(self, told: Sequence[PartialAnswer[T]]) -> None:
        count = self._sight.partition_count()
        asked = {partition for answer in told for partition in answer.partitions}
        if not count or not asked.issuperset(range(count)):
            raise Recovering

    async def list_projects(self, query: ProjectQuery) -> ProjectPage:
        """One page, put together from what every owner finds among its own."""
        question = question_of(query)
        owners = self._sight.other_owners()
        own, others = await asyncio.gather(
            self._own.page(question),
            self._neighbours.ask_all(owners, "projects", question, PartialAnswer[OwnPage], LONG_ANSWER_SECONDS),
        )
        told = [own, *others]
        self._all_were_asked(told)
        return merge_pages((answer.found for answer in told if answer.found is not None), query)

    # --- alerts

    async def act_on_alert(self, alert_key: str, action: AlertAction) -> Alert:
        """Done by the owner of the project's partition, told and stored when this returns."""
        rule_id, _, project_id = alert_key.partition(":")
        question = ActQuestion(
            project_id=project_id,
            rule_id=rule_id,
            kind=action.kind,
            by=action.by,
            comment=action.comment,
            minutes=action.minutes,
        )
        own = await self._own.act(question)
        acted = await self._elsewhere(own, "act", question, PartialAnswer[Acted], LONG_ANSWER_SECONDS)
        if acted is not None and acted.alert is not None:
            return acted.alert
        if acted is not None and acted.outcome is ActOutcome.ALREADY_RESOLVED:
            raise AlreadyResolved(alert_key)
        if await is_known(self._history, alert_key):
            raise AlreadyResolved(alert_key)
        raise UnknownAlert(alert_key)

    async def alert_history(self, query: AlertHistoryQuery) -> AlertHistoryPage:
        """Every transition with its reason, newest first."""
        return await history_page(self._history, query)

    # --- checks, done by somebody else

    async def run_check(self, *, deep: bool, by: str, wait_seconds: float) -> JobStatus:
        """See `Jobs.run_check`."""
        return await self._checks().run_check(deep=deep, by=by, wait_seconds=wait_seconds)

    async def jobs(self, limit: int) -> JobList:
        """See `Jobs.jobs`."""
        return await self._checks().jobs(limit)

    async def job(self, job_id: str) -> JobStatus | None:
        """See `Jobs.job`."""
        return await self._checks().job(job_id)

    async def cancel_job(self, job_id: str, by: str) -> JobStatus:
        """See `Jobs.cancel_job`."""
        return await self._checks().cancel_job(job_id, by)

    async def drift_of(self, project_id: str) -> ProjectDrift | None:
        """See `Jobs.drift_of`."""
        return await self._checks().drift_of(project_id)

    def _checks(self) -> Jobs:
        if self._jobs is None:
            raise NotAvailable("This monitor runs no checks: it was started without that part.")
        return self._jobs

    # --- the process

    async def readiness(self) -> Readiness:
        """See `Views.readiness`."""
        return self._worker.readiness()

    async def metrics(self) -> bytes:
        """The Prometheus text exposition."""
        async with self._measuring:
            await self._measure()
            return generate_latest(self._registry)

    async def metrics_json(self) -> dict[str, Any]:
        """Sample name to a list of labels and value."""
        async with self._measuring:
            await self._measure()
            samples: dict[str, list[dict[str, Any]]] = {}
            for family in self._registry.collect():
                for sample in family.samples:
                    samples.setdefault(sample.name, []).append({"labels": sample.labels, "value": sample.value})
            return samples

    async def _measure(self) -> None:
        self._collector.worker = self._worker.metrics()
        self._collector.fleet = None
        try:
            parts = self._sight.parts()
            lists, totals = [], []
            for part in parts:
                lists.append(await self._lists(part, self._max_projects))
                totals.append(self._totals(part))
                await asyncio.sleep(0)
        except (Incomplete, Recovering):
            return
        counts = [part.counts for part in parts]
        self._collector.fleet = self._rising.risen(fleet_metrics(counts, lists, totals, self._max_projects))


def _unreadable(part: Part, error: Unreadable) -> Recovering:
    """Its owner will tell again within seconds."""
    log.warning("a partition's summary cannot be read", partition=part.counts.partition, error=str(error))
    return Recovering()
