"""The Prometheus metrics: names, labels and values as they leave, read with Prometheus' own parser."""

import asyncio
import math

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agents.dispatch.dispatch_counts import DispatchCounts
from agents.dispatch.status import DispatchStatus
from agents.engine.ownership import PartitionPhase
from episode_monitor.observe.metrics import METRIC_LABELS
from episode_monitor_client import METRIC_LABELS as CLIENTS_LABELS
from tests.fleet.fleet import Fleet, Worker, json
from tests.streams_views.making import Log, seed_project

REASONS = ("conflict", "timeout", "error")
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]

FLEET_NAMES = {
    "episode_number_gaps_detected": "gauge",
    "episode_number_duplicates_detected": "gauge",
    "episode_creation_duration_seconds": "histogram",
    "episode_creation_duration_p95": "gauge",
    "episode_creation_duration_p95_by_project": "gauge",
    "episode_creation_conflicts": "counter",  # the parser takes `_total` off a counter's family
    "episode_creation_retry_count": "counter",
    "episode_operations": "counter",
    "episode_conflicts": "counter",
    "episode_retries": "counter",
    "episode_alerts_active": "gauge",
    "episode_integrity_health_percentage": "gauge",
    "episode_monitor_late_events": "counter",
}
WORKER_NAMES = {
    "episode_monitor_events": "counter",
    "episode_monitor_dead_letters": "counter",
    "episode_monitor_lag_events": "gauge",
    "episode_monitor_waiting_seconds": "gauge",
    "episode_monitor_deliveries": "counter",
    "episode_monitor_deliveries_waiting": "gauge",
    "episode_monitor_deliveries_oldest_seconds": "gauge",
    "episode_monitor_recovering_partitions": "gauge",
    "episode_monitor_recovery_seconds": "gauge",
    "episode_monitor_build_info": "gauge",
}


async def scraped(worker: Worker) -> tuple[dict[str, str], Samples]:
    """Types by family, and values by name and labels. A repeated sample or family is an error."""
    answer = await worker.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    types: dict[str, str] = {}
    samples: Samples = {}
    for family in text_string_to_metric_families(answer.text):
        assert family.name not in types
        assert family.documentation
        types[family.name] = family.type
        for sample in family.samples:
            at = (sample.name, frozenset(sample.labels.items()))
            assert at not in samples
            assert not math.isnan(sample.value)
            samples[at] = sample.value
    return types, samples


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


async def one_worker(fleet: Fleet) -> tuple[Worker, Log]:
    worker = await fleet.worker("only")
    log = worker.own_partition(0)
    seed_project(log)
    log.created('we"ird\\\n', 1, at=1, took=0.5, retries=["conflict", "timeout"], had_conflict=True)
    log.created('we"ird\\\n', 2, at=2, took=2.5)
    log.failed('we"ird\\\n', at=3, took=100.0)
    log.settle(60)
    return worker, log


async def test_all_names_of_the_contract_are_there_with_their_types() -> None:
    async with Fleet(1) as fleet:
        worker, _ = await one_worker(fleet)
        types, _ = await scraped(worker)
        assert {name: types.get(name) for name in FLEET_NAMES | WORKER_NAMES} == FLEET_NAMES | WORKER_NAMES


async def test_values_are_those_of_the_fleet() -> None:
    async with Fleet(1) as fleet:
        worker, _ = await one_worker(fleet)
        _, samples = await scraped(worker)
        weird = 'we"ird\\\n'
        assert value(samples, "episode_number_gaps_detected", project_id="proj_123") == 3
        assert value(samples, "episode_number_gaps_detected", project_id=weird) == 0
        assert value(samples, "episode_number_duplicates_detected", project_id="proj_123") == 1
        assert value(samples, "episode_creation_conflicts_total", project_id=weird) == 1
        for reason, count in (("conflict", 1), ("timeout", 1), ("error", 0)):
            labels = {"project_id": weird, "retry_reason": reason}
            assert value(samples, "episode_creation_retry_count_total", **labels) == count
        assert value(samples, "episode_operations_total", success="true") == 28
        assert value(samples, "episode_operations_total", success="false") == 1
        assert value(samples, "episode_integrity_health_percentage") == 50.0
        assert value(samples, "episode_creation_duration_p95") == pytest.approx(100, rel=0.01)  # the 3rd of 3
        alerts = {"severity": "critical", "alert_type": "INTEGRITY_VIOLATION"}
        assert value(samples, "episode_alerts_active", **alerts) == 1
        assert value(samples, "episode_monitor_build_info", version="1.2.3") == 1
        assert value(samples, "episode_monitor_deliveries_total", sink="slack", outcome="delivered") == 3
        assert value(samples, "episode_monitor_deliveries_waiting", sink="slack") == 2
        assert value(samples, "episode_monitor_deliveries_oldest_seconds", sink="slack") == 95.4


async def test_p95_is_told_of_each_project_with_a_label_while_creations_end() -> None:
    name = "episode_creation_duration_p95_by_project"
    async with Fleet(2, max_projects=2) as fleet:
        left, right = await fleet.worker("left"), await fleet.worker("right")
        logs = left.own_partition(0), right.own_partition(1)
        for place, log in enumerate(logs):
            log.created(f"worse-{place}", 9, at=1, took=4.0 + place)
            log.created(f"better-{place}", 2, at=1, took=50.0)
            log.settle(61)
        await fleet.publish()
        for worker in (left, right):
            _, samples = await scraped(worker)
            told = {dict(labels)["project_id"]: seconds for at, labels in samples if at == name
                    for seconds in [samples[at, labels]]}  # fmt: skip
            assert told == {"worse-0": pytest.approx(4.0, rel=0.01), "worse-1": pytest.approx(5.0, rel=0.01)}
        for log in logs:
            log.settle(16 * 60)
            log.created("fresh", 1, at=16 * 60)
        await fleet.publish()
        _, samples = await scraped(left)
        assert [at for at in samples if at[0] == name] == []


async def test_durations_are_a_cumulative_histogram_by_success() -> None:
    async with Fleet(1) as fleet:
        worker, _ = await one_worker(fleet)
        _, samples = await scraped(worker)
        name = "episode_creation_duration_seconds"
        for bound, created, failed in (("0.25", 0, 0), ("0.5", 1, 0), ("2.0", 1, 0), ("5.0", 2, 0), ("60.0", 2, 0)):
            assert value(samples, f"{name}_bucket", success="true", le=bound) == created
            assert value(samples, f"{name}_bucket", success="false", le=bound) == failed
        assert value(samples, f"{name}_bucket", success="false", le="+Inf") == 1
        assert value(samples, f"{name}_count", success="true") == 2
        assert value(samples, f"{name}_sum", success="true") == 3.0
        assert value(samples, f"{name}_sum", success="false") == 100.0
        bounds = {dict(labels)["le"] for at, labels in samples if at == f"{name}_bucket"}
        assert {"0.5", "1.0", "2.0", "5.0", "+Inf"} <= bounds


async def test_labels_by_project_stop_at_the_limit_and_the_rest_is_one_sum() -> None:
    async with Fleet(1, max_projects=2) as fleet:
        worker = await fleet.worker("only")
        log = worker.own_partition(0)
        for number in range(10):
            log.numbers(f"p{number}", *range(1, 30 + number), 31 + number)  # one gap each, the smaller the worse
        log.settle(60)
        _, samples = await scraped(worker)
        gaps = {dict(labels)["project_id"]: count for (name, labels), count in samples.items()
                if name == "episode_number_gaps_detected"}  # fmt: skip
        assert gaps == {"p0": 1, "p1": 1, "_other": 8}


async def test_both_workers_give_the_same_fleet_and_each_its_own_events() -> None:
    async with Fleet(2) as fleet:
        left, right = await fleet.worker("left"), await fleet.worker("right")
        seed_project(left.own_partition(0))
        right.own_partition(1).failed("p", at=1, took=1.0)
        for worker in (left, right):
            for owned in worker.engine.owned.values():
                owned.counts.outcomes["applied"] = 1 + owned.number
        await fleet.publish()
        (_, from_left), (_, from_right) = await scraped(left), await scraped(right)
        own = ("episode_monitor_", "python_", "process_")
        fleet_left = {at: count for at, count in from_left.items() if not at[0].startswith(own)}
        fleet_right = {at: count for at, count in from_right.items() if not at[0].startswith(own)}
        assert fleet_left == fleet_right
        assert len(fleet_left) > 20
        assert value(from_left, "episode_monitor_events_total", outcome="applied") == 1
        assert value(from_right, "episode_monitor_events_total", outcome="applied") == 2


async def test_while_tables_recover_the_fleet_is_left_out_and_the_worker_speaks_of_itself() -> None:
    async with Fleet(2) as fleet:
        worker, _ = await one_worker(fleet)
        worker.own_partition(1, phase=PartitionPhase.RECOVERING)
        types, samples = await scraped(worker)
        assert not any(name in types for name in FLEET_NAMES)
        assert value(samples, "episode_monitor_recovering_partitions") == 1


async def test_counters_of_partitions_that_went_away_are_kept() -> None:
    async with Fleet(1) as fleet:
        worker, _ = await one_worker(fleet)
        worker.engine.owned[0].counts.outcomes["applied"] = 40
        worker.engine.owned[0].counts.dead_letters_by_reason["missing_field"] = 2
        worker.own_partition(0, generation=2)
        worker.engine.owned[0].counts.outcomes["applied"] = 5
        for _ in range(2):
            _, samples = await scraped(worker)
            assert value(samples, "episode_monitor_events_total", outcome="applied") == 45
            assert value(samples, "episode_monitor_dead_letters_total", reason="missing_field") == 2


async def test_a_fleet_of_nothing_has_no_p95_and_no_nan() -> None:
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        worker.own_partition(0)
        types, samples = await scraped(worker)
        assert "episode_creation_duration_p95" not in types
        assert value(samples, "episode_integrity_health_percentage") == 100.0
        calm = {"severity": "critical", "alert_type": "HIGH_CONFLICT_RATE"}
        assert value(samples, "episode_alerts_active", **calm) == 0


async def test_json_holds_the_same_samples() -> None:
    async with Fleet(1) as fleet:
        worker, _ = await one_worker(fleet)
        body = json(await worker.get("/monitoring/episodes/metrics/export", format="json"))
        assert {"labels": {"project_id": "proj_123"}, "value": 3} in body["episode_number_gaps_detected"]
        assert body["episode_integrity_health_percentage"] == [{"labels": {}, "value": 50.0}]


async def test_many_scrapes_at_once_are_all_whole() -> None:
    async with Fleet(1) as fleet:
        worker, _ = await one_worker(fleet)
        answers = await asyncio.gather(*(worker.process.metrics() for _ in range(5)))
        assert all(b"episode_number_gaps_detected" in answer for answer, _ in answers)


async def test_sums_over_labels_are_the_fleets_from_every_worker_while_labels_come_and_go() -> None:
    async with Fleet(2, max_projects=2) as fleet:
        left, right = await fleet.worker("left"), await fleet.worker("right")
        logs = [left.own_partition(0), right.own_partition(1)]
        conflicts = 0
        for step in range(1, 5):
            for place, log in enumerate(logs):
                for number in range(6):
                    # One more number is missing of some projects at each step, so that the worst are others.
                    project = f"p{place}-{number}"
                    log.created(project, step * (2 + (number + step) % 3), at=step, retries=["conflict"])
                    log.created(project, step * 30 + number, at=step, had_conflict=True)
                    conflicts += 1
                log.settle(60 + step)
            for worker in (left, right):
                worker.go_idle()
            await fleet.publish()
            for worker in (left, right):
                _, samples = await scraped(worker)
                by_label = [at for at in samples if at[0] == "episode_creation_conflicts_total"]
                assert len(by_label) == 3
                whole = value(samples, "episode_conflicts_total")
                assert (sum(samples[at] for at in by_label), whole) == (conflicts, conflicts)
                retried = [at for at in samples if at[0] == "episode_creation_retry_count_total"]
                sums = sum(value(samples, "episode_retries_total", retry_reason=reason) for reason in REASONS)
                assert (sum(samples[at] for at in retried), sums) == (sums, conflicts)


async def test_rows_that_wait_for_the_database_and_rows_that_are_lost_are_told() -> None:
    async with Fleet(1) as fleet:
        worker, _ = await one_worker(fleet)
        worker.rows = {"audit_pending": 3, "audit_lost": 2, "alert_deliveries_pending": 0}
        _, samples = await scraped(worker)
        assert value(samples, "episode_monitor_database_rows_waiting", table="audit") == 3
        assert value(samples, "episode_monitor_database_rows_waiting", table="alert_deliveries") == 0
        assert value(samples, "episode_monitor_database_rows_lost_total", table="audit") == 2


async def test_every_label_of_the_episodes_metrics_has_its_meaning_by_name() -> None:
    async with Fleet(1) as fleet:
        worker, _ = await one_worker(fleet)
        _, samples = await scraped(worker)
        used = {label for name, labels in samples if not name.startswith("episode_monitor_") for label, _ in labels}
        assert used - {"le"} == set(METRIC_LABELS)


def test_the_clients_labels_are_the_monitors() -> None:
    assert CLIENTS_LABELS == METRIC_LABELS


async def test_the_dispatcher_is_told_of_where_there_is_one() -> None:
    counts = DispatchCounts(
        decisions=12, repeated=1, notifications={("team", "first_notification"): 4}, explanations={"silenced by": 3}
    )
    async with Fleet(1) as fleet:
        worker = await fleet.worker("only")
        _, samples = await scraped(worker)
        assert not [name for name, _ in samples if "dispatcher" in name or "notif" in name]
        worker.dispatching = DispatchStatus(
            is_live=True, copy_lag=2, outbox=5, state_bytes=9_000, held=7, counts=counts
        )
        _, samples = await scraped(worker)
        assert value(samples, "episode_monitor_dispatcher_live") == 1
        assert value(samples, "episode_monitor_dispatcher_decisions_total") == 12
        team = {"receiver": "team", "reason": "first_notification"}
        assert value(samples, "episode_monitor_notifications_total", **team) == 4
        assert value(samples, "episode_monitor_not_notified_total", reason="silenced by") == 3
        assert value(samples, "episode_monitor_notifications_repeated_total") == 1
        assert value(samples, "episode_monitor_dispatcher_outbox") == 5
        assert value(samples, "episode_monitor_alerts_held") == 7
        assert value(samples, "episode_monitor_dispatcher_copy_lag_records") == 2
        assert value(samples, "episode_monitor_dispatcher_state_bytes") == 9_000
