"""Samples of several processes as those of one: by each metric's rule, and counters outlive their process."""

import os
import tempfile
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from episode_monitor.observe import catalogue
from episode_monitor.observe.catalogue import CATALOGUE
from episode_monitor.observe.described import Together
from episode_monitor.observe.kept_counters import HALF_BYTES, KeptCounters
from episode_monitor.observe.samples import Exposed, Families, added_up, counted, families_of, pack, unpack


def families(**values: float) -> Families:
    """Of a process: events applied, lag of partition 0, seconds waited, reloaded, projects of the fleet."""
    given = {
        "applied": catalogue.EVENTS.by, "lag": catalogue.LAG.by, "waited": catalogue.OLDEST.by,
    }  # fmt: skip
    made = [given[name]({"applied" if name == "applied" else "0": number})
            for name, number in values.items() if name in given]  # fmt: skip
    if "reloaded" in values:
        made.append(catalogue.RELOADED.value(values["reloaded"]))
    if "projects" in values:
        made.append(catalogue.PROJECTS_KNOWN.value(values["projects"]))
    return unpack(pack(families_of(made)))


def shown(found: Families) -> dict[str, float]:
    return {row.name: row.value for family in found for row in family.rows}


def test_counters_are_summed_seconds_are_the_longest_and_a_refused_reload_shows() -> None:
    one = families(applied=100, lag=3, waited=0.5, reloaded=1)
    two = families(applied=50, lag=4, waited=2.5, reloaded=0)
    assert shown(added_up([one, two])) == {
        "episode_monitor_events_total": 150.0,
        "episode_monitor_lag_events": 7.0,
        "episode_monitor_deliveries_oldest_seconds": 2.5,
        "episode_monitor_config_last_reload_successful": 0.0,
    }


def test_the_fleets_metrics_are_those_of_the_first_process_that_has_them() -> None:
    recovering, one, two = families(applied=1), families(applied=2, projects=40), families(applied=3, projects=41)
    assert shown(added_up([recovering, one, two])) == {
        "episode_monitor_projects": 40.0, "episode_monitor_events_total": 6.0,
    }  # fmt: skip


def test_of_a_process_that_is_gone_only_what_it_counted_stays() -> None:
    gone = families(applied=100, lag=9, projects=40)
    assert shown(counted(gone)) == {"episode_monitor_events_total": 100.0}
    assert shown(added_up([families(applied=5, lag=1)], [gone])) == {
        "episode_monitor_events_total": 105.0, "episode_monitor_lag_events": 1.0,
    }  # fmt: skip


def test_histograms_are_summed_bucket_by_bucket_and_exposed_as_before() -> None:
    registries = [CollectorRegistry() for _ in range(2)]
    for registry, seconds in zip(registries, (0.05, 3.0), strict=True):
        Histogram("episode_monitor_delivery_seconds", "Time", buckets=(0.1, 5.0), registry=registry).observe(seconds)
    together = added_up([families_of(registry.collect()) for registry in registries])
    assert generate_latest(Exposed(together)).decode().splitlines()[2:] == [
        'episode_monitor_delivery_seconds_bucket{le="0.1"} 1.0',
        'episode_monitor_delivery_seconds_bucket{le="5.0"} 2.0',
        'episode_monitor_delivery_seconds_bucket{le="+Inf"} 2.0',
        "episode_monitor_delivery_seconds_count 2.0",
        "episode_monitor_delivery_seconds_sum 3.05",
    ]


def test_an_exemplar_goes_the_whole_way() -> None:
    registry = CollectorRegistry()
    made = catalogue.REQUEST_SECONDS.histogram(registry)
    made.labels("read").observe(0.02, {"trace_id": "0af7651916cd43dd8448eb211c80319c"})
    found = unpack(pack(families_of(registry.collect())))
    metric = next(iter(Exposed(added_up([found])).collect()))
    assert [dict(sample.exemplar.labels) for sample in metric.samples if sample.exemplar] == [
        {"trace_id": "0af7651916cd43dd8448eb211c80319c"}
    ]


def test_every_counter_of_a_worker_is_summed_and_everything_of_the_fleet_is_taken_from_one() -> None:
    rules = {(each.of.value, each.kind.value): set[Together]() for each in CATALOGUE}
    for each in CATALOGUE:
        rules[each.of.value, each.kind.value].add(each.together)
    assert rules["worker", "counter"] == rules["worker", "histogram"] == rules["process", "counter"] == {Together.SUM}
    assert rules["fleet", "counter"] == rules["fleet", "gauge"] == rules["fleet", "histogram"] == {Together.ONE}


@pytest.fixture
def fd() -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        yield file.fileno()


def test_counters_are_kept_for_the_process_that_comes_after(fd: int) -> None:
    assert KeptCounters(fd).read() == b""
    kept = KeptCounters(fd)
    for content in (b"one", b"two, which is longer", b"three"):
        kept.write(content)
        assert KeptCounters(fd).read() == content
    KeptCounters(fd).write(b"four")
    assert KeptCounters(fd).read() == b"four"


def test_what_was_half_written_does_not_count(fd: int) -> None:
    kept = KeptCounters(fd)
    kept.write(b"first")
    kept.write(b"second")
    os.pwrite(fd, b"x", 18)  # inside the content of the newer half
    assert KeptCounters(fd).read() == b"first"
    kept.write(b"x" * HALF_BYTES)
    assert KeptCounters(fd).read() == b"first"
