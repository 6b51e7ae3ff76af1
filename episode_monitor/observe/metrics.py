"""The monitor as Prometheus metrics: the whole fleet's numbers, the same from every worker, and this worker's own.

A metric whose help says "whole fleet" must not be summed over workers: ask for `max without(instance) (…)`. All others
are one worker's and may be summed. While tables recover, the fleet's are left out: absent, not zero. Which projects
have a label of their own changes with their health. No counter falls while the process lives (`rising`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from agents.dispatch.status import DispatchStatus
from episode_monitor.fleet.outgoing import Outgoing
from episode_monitor.observe import dispatcher
from models.event import RetryReason
from streams.partition.summary import P95_WINDOW_MINUTES
from streams.rates.totals import DURATION_BUCKETS_SECONDS
from streams.views.fleet_metrics import FleetMetrics

METRIC_LABELS: Final = {
    "project_id": "The project; _other is the sum of all projects without a label of their own",
    "success": "Whether the creation succeeded (true, false)",
    "retry_reason": "Why a creation was retried (conflict, timeout, error)",
    "severity": "How severe the alert is (info, warning, critical)",
    "alert_type": "The kind of alert",
}
_FLEET = "; whole fleet, the same value from every worker"
_REASONS = (RetryReason.CONFLICT.value, RetryReason.TIMEOUT.value, RetryReason.ERROR.value)
_SUCCESS = ("false", "true")  # by index in the totals


class WorkerMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """What one worker knows of itself. Counters are since its start."""

    version: str
    events: dict[str, int]  # by outcome
    dead_letters: dict[str, int]  # by reason
    lag: dict[int, int]  # partition -> events not yet applied
    waits: Sequence[tuple[int, str, float]] = ()  # partition, for what, seconds
    partitions_recovering: int
    recovery_seconds: float  # the longest of the partitions owned now
    recovered_records: int
    stale_partitions: int
    workers_that_differ: int
    flushes: int
    flush_seconds: float
    changelog_bytes: int
    deliveries: Sequence[tuple[str, str, int]] = ()  # sink, outcome, how many
    outgoing: Outgoing = Outgoing()
    rows_waiting: Mapping[str, int] = {}  # by table of our own database
    rows_lost: Mapping[str, int] = {}
    audit_checkpoints: int = 0
    dispatcher: DispatchStatus | None = None
    reload: tuple[bool, float] = (True, 0.0)  # whether the last one was taken over; when something was loaded, seconds
    audit_lag: Mapping[int, int] = {}  # partition -> offsets applied that no checkpoint in the audit's topic covers


class FleetCollector(Collector):
    """Gives what it was last handed; `kinds` are the alert kinds that are always shown, at 0 when calm."""

    def __init__(self, kinds: Sequence[tuple[str, str]]) -> None:
        self.fleet: FleetMetrics | None = None
        self.worker: WorkerMetrics | None = None
        self._kinds = tuple(kinds)

    def describe(self) -> Iterator[Metric]:
        """Nothing is known before the first question; names are unique all the same."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """All families."""
        if self.fleet is not None:
            yield from _projects(self.fleet)
            yield from _operations(self.fleet)
            yield from _health(self.fleet, self._kinds)
        if self.worker is not None:
            yield from _events(self.worker)
            yield from _process(self.worker)
            if self.worker.dispatcher is not None:
                yield from dispatcher.families(self.worker.dispatcher)


def _projects(fleet: FleetMetrics) -> Iterator[Metric]:
    by_project = ["project_id"]
    gaps = GaugeMetricFamily("episode_number_gaps_detected", f"Open gaps: numbers missing{_FLEET}", labels=by_project)
    duplicates = GaugeMetricFamily(
        "episode_number_duplicates_detected", f"Numbers that two or more episodes hold{_FLEET}", labels=by_project
    )
    conflicts = CounterMetricFamily(
        "episode_creation_conflicts",
        f"Conflicts while creating episodes; the labels and _other add up to episode_conflicts_total{_FLEET}",
        labels=by_project,
    )
    retries = CounterMetricFamily(
        "episode_creation_retry_count",
        f"Retries while creating episodes; the labels and _other add up to episode_retries_total{_FLEET}",
        labels=[*by_project, "retry_reason"],
    )
    for project in fleet.projects:
        label = [project.project_id]
        gaps.add_metric(label, project.gaps)
        duplicates.add_metric(label, project.duplicates)
        conflicts.add_metric(label, project.conflicts)
        for reason, count in zip(_REASONS, project.retries, strict=True):
            retries.add_metric([*label, reason], count)
    yield from (gaps, duplicates, conflicts, retries)


def _operations(fleet: FleetMetrics) -> Iterator[Metric]:
    durations = HistogramMetricFamily(
        "episode_creation_duration_seconds", f"How long creations took{_FLEET}", labels=["success"]
    )
    ended = CounterMetricFamily("episode_operations", f"Creations that ended{_FLEET}", labels=["success"])
    for index, success in enumerate(_SUCCESS):
        cumulated, buckets = 0, []
        for bound, count in zip((*DURATION_BUCKETS_SECONDS, None), fleet.duration_buckets[index], strict=True):
            cumulated += count
            buckets.append(("+Inf" if bound is None else str(bound), float(cumulated)))
        durations.add_metric([success], buckets, fleet.duration_us[index] / 1e6)
        ended.add_metric([success], (fleet.failed, fleet.created)[index])
    retries = CounterMetricFamily("episode_retries", f"Retries of all projects{_FLEET}", labels=["retry_reason"])
    for reason, count in zip(_REASONS, fleet.retries, strict=True):
        retries.add_metric([reason], count)
    yield from (durations, ended, retries)
    yield _counter("episode_conflicts", f"Conflicts of all projects{_FLEET}", fleet.conflicts)
    p95 = GaugeMetricFamily(
        "episode_creation_duration_p95",
        f"95th percentile of creation seconds over {P95_WINDOW_MINUTES} minutes, within 1 %{_FLEET}",
    )
    if fleet.p95_seconds is not None:
        p95.add_metric([], fleet.p95_seconds)
        yield p95
    by_project = GaugeMetricFamily(
        "episode_creation_duration_p95_by_project",
        f"The same of each project that has a label and creations in these minutes{_FLEET}",
        labels=["project_id"],
    )
    for project_id, seconds in sorted(fleet.p95_by_project.items()):
        by_project.add_metric([project_id], seconds)
    yield by_project


def _health(fleet: FleetMetrics, kinds: Sequence[tuple[str, str]]) -> Iterator[Metric]:
    alerts = GaugeMetricFamily(
        "episode_alerts_active", f"Alerts pending or firing{_FLEET}", labels=["severity", "alert_type"]
    )
    for kind, count in sorted({**dict.fromkeys(kinds, 0), **fleet.alerts}.items()):
        alerts.add_metric(list(kind), count)
    yield alerts
    yield _gauge(
        "episode_integrity_health_percentage", f"Share of projects without findings{_FLEET}", fleet.health_percentage
    )
    yield _gauge("episode_monitor_projects", f"Projects known{_FLEET}", fleet.projects_total)
    yield _gauge("episode_monitor_unhealthy_projects", f"Projects with findings{_FLEET}", fleet.unhealthy_projects)
    yield _gauge("episode_monitor_split_projects", f"Projects in several partitions{_FLEET}", fleet.split_projects)
    yield _gauge("episode_monitor_episodes", f"Live episodes{_FLEET}", fleet.episodes)
    yield _counter("episode_monitor_late_events", f"Events later than the grace period{_FLEET}", fleet.late)
    yield _counter("episode_monitor_resends", f"Events recognised as re-sent{_FLEET}", fleet.resends)


def _events(worker: WorkerMetrics) -> Iterator[Metric]:
    events = CounterMetricFamily(
        "episode_monitor_events", "Records read by this worker, by outcome", labels=["outcome"]
    )
    for outcome, count in sorted(worker.events.items()):
        events.add_metric([outcome], count)
    letters = CounterMetricFamily(
        "episode_monitor_dead_letters",
        "Records this worker sent to the dead-letter topic, by reason",
        labels=["reason"],
    )
    for reason, count in sorted(worker.dead_letters.items()):
        letters.add_metric([reason], count)
    lag = GaugeMetricFamily(
        "episode_monitor_lag_events", "Events of this worker's partitions not yet applied", labels=["partition"]
    )
    for partition, count in sorted(worker.lag.items()):
        lag.add_metric([str(partition)], count)
    waits = GaugeMetricFamily(
        "episode_monitor_waiting_seconds",
        "Seconds that the next event of a partition of this worker has waited, by the cause",
        labels=["partition", "waits_for"],
    )
    for partition, waits_for, seconds in worker.waits:
        waits.add_metric([str(partition), waits_for], seconds)
    deliveries = CounterMetricFamily(
        "episode_monitor_deliveries", "Alert transitions by sink and outcome", labels=["sink", "outcome"]
    )
    for sink, outcome, count in sorted(worker.deliveries):
        deliveries.add_metric([sink, outcome], count)
    yield from (events, letters, lag, waits, deliveries)
    yield from _outgoing(worker.outgoing)
    yield from _rows(worker)
    yield from _audit(worker)


def _outgoing(outgoing: Outgoing) -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "episode_monitor_deliveries_waiting", "Alert transitions that wait for a sink or are being sent to it",
        labels=["sink"],
    )  # fmt: skip
    oldest = GaugeMetricFamily(
        "episode_monitor_deliveries_oldest_seconds",
        "Seconds that the oldest undelivered transition of a sink has waited; 0: none waits",
        labels=["sink"],
    )  # fmt: skip
    for each in outgoing.sinks:
        waiting.add_metric([each.sink], each.alerts)
        oldest.add_metric([each.sink], each.oldest_seconds)
    yield from (waiting, oldest)


def _rows(worker: WorkerMetrics) -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "episode_monitor_database_rows_waiting",
        "Rows in memory that wait to be written to PostgreSQL, by table",
        labels=["table"],
    )
    lost = CounterMetricFamily(
        "episode_monitor_database_rows_lost",
        "Rows that could not be written to PostgreSQL and were dropped, by table",
        labels=["table"],
    )
    for table, count in sorted(worker.rows_waiting.items()):
        waiting.add_metric([table], count)
    for table, count in sorted(worker.rows_lost.items()):
        lost.add_metric([table], count)
    yield from (waiting, lost)


def _audit(worker: WorkerMetrics) -> Iterator[Metric]:
    yield _counter(
        "episode_monitor_audit_checkpoints", "Audit checkpoints that this worker wrote to the audit's topic",
        worker.audit_checkpoints,
    )  # fmt: skip
    lag = GaugeMetricFamily(
        "episode_monitor_audit_lag_records",
        "Records of this worker's partitions that are applied and that no audit checkpoint in the topic covers yet",
        labels=["partition"],
    )
    for partition, count in sorted(worker.audit_lag.items()):
        lag.add_metric([str(partition)], count)
    yield lag


def _process(worker: WorkerMetrics) -> Iterator[Metric]:
    build = GaugeMetricFamily("episode_monitor_build_info", "Always 1; the labels name the version", labels=["version"])
    build.add_metric([worker.version], 1)
    yield build
    yield _gauge(
        "episode_monitor_recovering_partitions",
        "Partitions of this worker that are recovering",
        worker.partitions_recovering,
    )
    yield _gauge(
        "episode_monitor_recovery_seconds",
        "Seconds of the longest recovery among the partitions owned now",
        worker.recovery_seconds,
    )
    yield _gauge(
        "episode_monitor_recovered_records", "Changelog records read for the partitions owned now",
        worker.recovered_records,
    )  # fmt: skip
    yield _gauge(
        "episode_monitor_stale_partitions", "Partitions without a summary from their owner for 10 s",
        worker.stale_partitions,
    )  # fmt: skip
    yield _gauge(
        "episode_monitor_workers_with_other_settings", "Workers whose settings differ from those of this one",
        worker.workers_that_differ,
    )  # fmt: skip
    is_taken_over, loaded_at = worker.reload
    yield _gauge(
        "episode_monitor_config_last_reload_successful",
        "1 where the last reload of rules, alerting and on-call file was taken over, 0 where it was refused",
        is_taken_over,
    )
    yield _gauge(
        "episode_monitor_config_last_reload_success_timestamp_seconds",
        "When rules, alerting and on-call file were loaded last", loaded_at,
    )  # fmt: skip
    yield _counter("episode_monitor_flushes", "How often state was stored", worker.flushes)
    yield _counter("episode_monitor_flush_seconds", "Seconds spent storing state", worker.flush_seconds)
    yield _counter("episode_monitor_changelog_bytes", "Bytes of state written", worker.changelog_bytes)


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)


def _counter(name: str, about: str, value: float) -> Metric:
    return CounterMetricFamily(name, about, value=value)
