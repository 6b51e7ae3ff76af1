"""The monitor as Prometheus metrics: the whole fleet's numbers, the same from every worker, and this worker's own.

A metric whose help says "whole fleet" must not be summed over workers: ask for `max without(instance) (…)`. All others
are one worker's and may be summed. While tables recover, the fleet's are left out: absent, not zero. Which projects
have a label of their own changes with their health. No counter falls while the process lives (`rising`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from agents.dispatch.status import DispatchStatus
from episode_monitor.fleet.outgoing import Outgoing
from episode_monitor.observe import catalogue, dispatcher
from episode_monitor.observe.passed_over import PassedOver
from streams.views.fleet_metrics import FleetMetrics

METRIC_LABELS: Final = {label.name: label.about for label in catalogue.EPISODE_LABELS}


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
    audit_uncovered: int = 0
    clock_age: Mapping[int, float] = {}  # partition -> seconds
    passed_over: PassedOver = PassedOver()
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
            yield from _storing(self.worker)
            yield from _alerts(self.worker)
            yield from _process(self.worker)
            if self.worker.dispatcher is not None:
                yield from dispatcher.families(self.worker.dispatcher)


def _projects(fleet: FleetMetrics) -> Iterator[Metric]:
    projects = fleet.projects
    yield catalogue.GAPS.family(([each.project_id], each.gaps) for each in projects)
    yield catalogue.DUPLICATES.family(([each.project_id], each.duplicates) for each in projects)
    yield catalogue.CONFLICTS_BY_PROJECT.family(([each.project_id], each.conflicts) for each in projects)
    yield catalogue.RETRIES_BY_PROJECT.family(
        ([each.project_id, reason], count)
        for each in projects
        for reason, count in zip(catalogue.RETRY_REASON.values, each.retries, strict=True)
    )
    yield catalogue.P95_BY_PROJECT.by(fleet.p95_by_project)


def _operations(fleet: FleetMetrics) -> Iterator[Metric]:
    success = catalogue.SUCCESS.values  # by index in the totals
    yield catalogue.DURATIONS.histogram_family(
        ([value], fleet.duration_buckets[index], fleet.duration_us[index] / 1e6) for index, value in enumerate(success)
    )
    yield catalogue.OPERATIONS.by(dict(zip(success, (fleet.failed, fleet.created), strict=True)))
    yield catalogue.RETRIES.by(dict(zip(catalogue.RETRY_REASON.values, fleet.retries, strict=True)))
    yield catalogue.CONFLICTS.value(fleet.conflicts)
    if fleet.p95_seconds is not None:
        yield catalogue.P95.value(fleet.p95_seconds)


def _health(fleet: FleetMetrics, kinds: Sequence[tuple[str, str]]) -> Iterator[Metric]:
    yield catalogue.ALERTS.family(sorted({**dict.fromkeys(kinds, 0), **fleet.alerts}.items()))
    yield catalogue.HEALTH.value(fleet.health_percentage)
    yield catalogue.PROJECTS_KNOWN.value(fleet.projects_total)
    yield catalogue.UNHEALTHY.value(fleet.unhealthy_projects)
    yield catalogue.SPLIT.value(fleet.split_projects)
    yield catalogue.EPISODES.value(fleet.episodes)
    yield catalogue.LATE.value(fleet.late)
    yield catalogue.RESENDS.value(fleet.resends)


def _events(worker: WorkerMetrics) -> Iterator[Metric]:
    yield catalogue.EVENTS.by(worker.events)
    yield catalogue.DEAD_LETTERS.by({**dict.fromkeys(catalogue.REASON.values, 0), **worker.dead_letters})
    yield catalogue.LAG.family(_by_partition(worker.lag))
    yield catalogue.WAITING.family(([str(partition), what], seconds) for partition, what, seconds in worker.waits)
    yield catalogue.CLOCK_AGE.family(_by_partition(worker.clock_age))
    yield catalogue.RECOVERING.value(worker.partitions_recovering)
    yield catalogue.RECOVERY_SECONDS.value(worker.recovery_seconds)
    yield catalogue.RECOVERED.value(worker.recovered_records)
    yield catalogue.STALE.value(worker.stale_partitions)


def _storing(worker: WorkerMetrics) -> Iterator[Metric]:
    yield catalogue.FLUSHES.value(worker.flushes)
    yield catalogue.FLUSH_SECONDS.value(worker.flush_seconds)
    yield catalogue.CHANGELOG_BYTES.value(worker.changelog_bytes)
    yield catalogue.ROWS_WAITING.by(worker.rows_waiting)
    yield catalogue.ROWS_LOST.by(worker.rows_lost)
    yield catalogue.AUDIT_CHECKPOINTS.value(worker.audit_checkpoints)
    yield catalogue.AUDIT_LAG.family(_by_partition(worker.audit_lag))
    yield catalogue.AUDIT_GIVEN_UP.value(worker.audit_uncovered)


def _alerts(worker: WorkerMetrics) -> Iterator[Metric]:
    yield catalogue.DELIVERIES.family(([sink, outcome], count) for sink, outcome, count in sorted(worker.deliveries))
    yield catalogue.DELIVERIES_WAITING.family(([each.sink], each.alerts) for each in worker.outgoing.sinks)
    yield catalogue.OLDEST.family(([each.sink], each.oldest_seconds) for each in worker.outgoing.sinks)
    passed_over = worker.passed_over
    yield catalogue.UNDECODABLE.by({"alerts": passed_over.alerts, "notifications": passed_over.notifications})
    yield catalogue.FOREIGN.value(passed_over.foreign)


def _process(worker: WorkerMetrics) -> Iterator[Metric]:
    is_taken_over, loaded_at = worker.reload
    yield catalogue.BUILD.by({worker.version: 1})
    yield catalogue.OTHER_SETTINGS.value(worker.workers_that_differ)
    yield catalogue.RELOADED.value(is_taken_over)
    yield catalogue.RELOADED_AT.value(loaded_at)


def _by_partition(values: Mapping[int, float]) -> Iterator[tuple[list[str], float]]:
    for partition, value in sorted(values.items()):
        yield [str(partition)], value
