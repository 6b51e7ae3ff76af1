"""What is exported is what the catalogue describes, within its bounds, however large the fleet is."""

import socket
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from agents.dispatch.dispatch_counts import DispatchCounts
from agents.dispatch.status import DispatchStatus
from episode_monitor.fleet.outgoing import Outgoing, Waiting
from episode_monitor.observe import korean, metrics_page
from episode_monitor.observe.catalogue import BY_NAME, CATALOGUE, DELIVERIES, LAG, MAX_SERIES, PROJECTS, WAITING
from episode_monitor.observe.described import Described
from episode_monitor.observe.metrics import FleetCollector, WorkerMetrics
from episode_monitor.observe.request_metrics import RequestMetrics
from episode_monitor.settings.http import HttpSettings
from streams.partition.summary import OTHER, ProjectFacts
from tests.fleet.fleet import Fleet, Worker
from tests.streams_views.making import make_core, seed_project
from tests.streams_views.test_fleet_metrics import metrics_of, two_partitions

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


def described(series: str) -> Described:
    """The description of a series; a histogram has several."""
    (found,) = [each for each in CATALOGUE if series in each.series_names()]
    return found


def samples(families: Iterable[Any]) -> list[tuple[str, str, dict[str, str]]]:
    """(type, series, labels)."""
    return [(family.type, sample.name, sample.labels) for family in families for sample in family.samples]


async def busy_worker(fleet: Fleet) -> Worker:
    """One for which nearly every metric has a value."""
    worker = await fleet.worker("only")
    log = worker.own_partition(0)
    seed_project(log)
    log.created("p", 1, at=1, took=0.5, retries=["conflict", "timeout"], had_conflict=True)
    log.settle(60)
    worker.rows = {"audit_pending": 3, "audit_lost": 2}
    worker.dispatching = DispatchStatus(
        is_live=True,
        counts=DispatchCounts(notifications={("team", "first_notification"): 4}, explanations={"silenced by": 3}),
    )
    await worker.get("/livez")
    return worker


async def test_every_series_of_a_scrape_is_in_the_catalogue_with_its_type_and_labels() -> None:
    async with Fleet(1) as fleet:
        worker = await busy_worker(fleet)
        found = samples(text_string_to_metric_families((await worker.get("/metrics")).text))
    for kind, series, labels in found:
        each = described(series)
        assert kind == each.kind.value, series
        assert set(labels) - {"le"} == set(each.label_names), series
        for label in each.labels:
            assert not label.values or labels[label.name] in label.values, series
    silent = {"episode_monitor_waiting_seconds", "episode_monitor_audit_lag_records"}  # nothing waits here
    assert {described(series).name for _, series, _ in found} == BY_NAME.keys() - silent


async def test_openmetrics_is_given_where_it_is_asked_for() -> None:
    async with Fleet(1) as fleet:
        worker = await busy_worker(fleet)
        answer = await fleet.client.get(f"{worker.url}/metrics", headers={"accept": OPENMETRICS})
        plain = await worker.get("/metrics")
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.headers["vary"] == "Accept"
    assert answer.text.endswith("# EOF\n")
    as_open = openmetrics_families(answer.text)  # type: ignore[no-untyped-call]
    as_text = text_string_to_metric_families(plain.text)
    assert {series for _, series, _ in samples(as_open)} == {series for _, series, _ in samples(as_text)}


def test_the_catalogue_counts_less_than_the_bound_in_the_worst_case() -> None:
    assert HttpSettings.model_fields["metrics_max_projects"].default == PROJECTS
    assert sum(each.most_series for each in CATALOGUE) <= MAX_SERIES == 2_000


def test_names_are_those_of_prometheus_and_each_has_one_sentence_and_a_unit() -> None:
    assert len(BY_NAME) == len(CATALOGUE)
    for each in CATALOGUE:
        assert each.name.endswith("_total") == (each.kind.value == "counter"), each.name
        assert each.unit, each.name
        assert not each.about[0].islower(), each.name
        assert bool(each.buckets) == (each.kind.value == "histogram"), each.name
        assert all(label.values or label.at_most for label in each.labels), each.name


def worst_case() -> CollectorRegistry:
    """A million projects, and more of everything else than has a label."""
    many = range(300)
    registry = CollectorRegistry()
    collector = FleetCollector([(f"s{n % 3}", f"t{n}") for n in many])
    registry.register(collector)
    facts = [ProjectFacts(f"p{n}", 1, 1, 9, 9, conflicts=2, retries=(1, 1, 1)) for n in range(PROJECTS)]
    collector.fleet = msgspec.structs.replace(
        metrics_of(*two_partitions(make_core())),
        projects=[*facts, msgspec.structs.replace(facts[0], project_id=OTHER)],
        p95_by_project={each.project_id: 1.0 for each in facts}, projects_total=1_000_000,
    )  # fmt: skip
    counts = DispatchCounts()
    counts.notifications = {(f"r{n}", f"why{m}"): 1 for n in many for m in range(12)}
    counts.explanations = {f"why{n}": 1 for n in many}
    named = {f"x{n}": 1 for n in many}
    collector.worker = WorkerMetrics(
        version="1", events=named, dead_letters=named, lag=dict.fromkeys(many, 2), partitions_recovering=0,
        waits=[(n, "recovery", float(n)) for n in many], recovery_seconds=0.0, recovered_records=0, stale_partitions=0,
        workers_that_differ=0, flushes=0, flush_seconds=0.0, changelog_bytes=0, rows_waiting=named, rows_lost=named,
        deliveries=[(f"s{n}", f"outcome{m}", 1) for n in many for m in range(7)],
        outgoing=Outgoing(sinks=[Waiting(f"s{n}", 1, float(n), "") for n in many]),
        dispatcher=DispatchStatus(counts=counts), audit_lag=dict.fromkeys(many, 1), clock_age=dict.fromkeys(many, 1.0),
    )  # fmt: skip
    requests = RequestMetrics(registry)
    for method in ("GET", "POST", "BREW"):
        for route in many:
            requests.observe(method, f"/monitoring/{route}", 200, 0.1)
    return registry


def test_a_million_projects_and_too_much_of_everything_stay_within_the_bound() -> None:
    found = [sample for family in worst_case().collect() for sample in family.samples]
    assert len(found) <= MAX_SERIES
    by_name: dict[str, int] = {}
    for sample in found:
        by_name[described(sample.name).name] = by_name.get(described(sample.name).name, 0) + 1
    assert {name: count for name, count in by_name.items() if count > BY_NAME[name].most_series} == {}


def test_what_exceeds_a_bound_is_summed_or_of_seconds_the_longest() -> None:
    value = worst_case().get_sample_value
    assert value(LAG.name, {"partition": "31"}) == 2
    assert value(LAG.name, {"partition": "_other"}) == 2 * (300 - 32)
    assert value(WAITING.name, {"partition": "_other", "waits_for": "_other"}) == 299
    assert value(DELIVERIES.name, {"sink": "_other", "outcome": "_other"}) == 300 * 7 - (DELIVERIES.most_sets - 1)
    labels = {"method": "_other", "route": "_other", "status": "_other"}
    assert value("episode_monitor_http_requests_total", labels) == 900 - 249


async def test_a_real_scrape_of_more_projects_than_have_labels_is_within_the_bound() -> None:
    async with Fleet(1) as fleet:
        worker = await busy_worker(fleet)
        log = worker.own_partition(0)
        for number in range(3 * PROJECTS):
            log.created(f"p{number}", 2, at=1, took=1.0)
        log.settle(60)
        found = samples(text_string_to_metric_families((await worker.get("/metrics")).text))
    named = {labels["project_id"] for _, series, labels in found if series == "episode_number_gaps_detected"}
    assert len(named) == PROJECTS + 1
    assert len(found) <= MAX_SERIES


async def test_a_scrape_that_is_cut_off_costs_nothing_and_the_next_one_is_whole() -> None:
    async with Fleet(1) as fleet:
        worker = await busy_worker(fleet)
        address = urlsplit(worker.url)
        for _ in range(5):
            with socket.create_connection((address.hostname or "", address.port or 0)) as connection:
                connection.sendall(f"GET /metrics HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
        answer = await worker.get("/metrics")
        assert "episode_integrity_health_percentage" in answer.text
        assert (await worker.get("/readyz")).status_code == 200


def test_the_page_about_metrics_is_that_of_the_catalogue() -> None:
    made = metrics_page.page()
    korean_made = metrics_page.korean_page()
    written = [each.read_text(encoding="utf-8") for each in (metrics_page.PAGE, metrics_page.KOREAN_PAGE)]
    if written != [made, korean_made]:
        pytest.fail("run `.venv/bin/python -m episode_monitor.observe.metrics_page`")


def test_every_metric_label_and_unit_has_a_korean_text() -> None:
    assert korean.METRICS.keys() == {each.name for each in CATALOGUE}
    assert korean.LABELS.keys() == {label.about for each in CATALOGUE for label in each.labels}
    assert korean.UNITS.keys() == {each.unit for each in CATALOGUE}
