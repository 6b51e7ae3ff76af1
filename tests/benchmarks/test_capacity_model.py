"""The plan for a very large fleet, where its lines can be reckoned by hand."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.capacity_model import (
    Inputs,
    Plan,
    by_zipf,
    evenly,
    measured,
    reckon,
    table,
    touched_share,
    worker_events_per_second,
)

INPUTS = Inputs(
    events_per_second_few=40_000.0,
    events_per_second_many=10_000.0,
    state_bytes_per_project=2_000.0,
    recovery_records_per_second=100_000.0,
    fleet_record_bytes=1_000.0,
    memory_bytes_beside_state=500.0,
)
SMALL = Plan(projects=1_000, events_per_second=1_000, partitions_per_worker=2)


def test_a_worker_whose_every_event_is_another_project_is_as_fast_as_was_measured() -> None:
    assert worker_events_per_second(INPUTS, 1.0) == pytest.approx(10_000)
    assert worker_events_per_second(INPUTS, 0.0) == pytest.approx(40_000)
    # Half of 25 µs … 100 µs: 62.5 µs an event.
    assert worker_events_per_second(INPUTS, 0.5) == pytest.approx(16_000)


def test_few_projects_are_stored_once_for_many_events() -> None:
    plan = replace(SMALL, projects=10, events_per_second=1_000)
    assert touched_share(evenly, plan, 1) == pytest.approx(0.01)


def test_uneven_projects_are_stored_less_often_than_even_ones() -> None:
    plan = Plan(projects=1_000_000, events_per_second=20_000)
    assert touched_share(by_zipf, plan, 1) < touched_share(evenly, plan, 1)


def test_the_lines_of_a_small_fleet_are_those_of_a_sheet_of_paper() -> None:
    lines = {row.what: row.value for row in reckon(INPUTS, SMALL, evenly)}
    touched = lines["projects that a flush stores, for each event"]
    # 1000 draws out of 1000 projects leave (1 - 1/1000)^1000 = 37 % untouched.
    assert touched == pytest.approx(0.632, abs=0.04)
    assert lines["workers, 60% busy"] == 1
    assert lines["partitions"] == 2
    assert lines["state, live"] == pytest.approx(0.002)  # GB
    assert lines["memory of a worker"] == pytest.approx(1.0025)  # GB, of which 1 for the program
    assert lines["changelog for each event"] == pytest.approx(2_000 * touched)
    assert lines["events written"] == pytest.approx(0.33)  # MB/s
    assert lines["questions among workers at 200 requests/s"] == 0
    # 500 live records of which a fifth more are dirty, and ten minutes of the newest segment, half of all writes each.
    newest = 600 * 1_000 * touched / 2
    assert lines["a partition's log at its longest"] == pytest.approx((500 / 0.8 + newest) / 1e6)


def test_what_was_not_measured_is_named(tmp_path: Path) -> None:
    inputs, assumed = measured(tmp_path, Plan())
    assert "events_per_second_few" in assumed
    assert "state_bytes_per_project" not in assumed  # that is always measured
    assert 2_000 < inputs.state_bytes_per_project < 4_000
    assert "Assumed, not measured here: events_per_second_few" in table(
        {"evenly": reckon(inputs, SMALL, evenly)}, assumed
    )


def test_measured_figures_are_taken_from_the_run_with_the_peers(tmp_path: Path) -> None:
    def run(shape: str, rate: float) -> dict[str, object]:
        figures = {"events": 1_000_000, "events_per_second": rate, "peak_memory_mb": 2_150.0}
        more = {
            "recovery_records_per_second": 90_000.0,
            "fleet_record_bytes": 700.0,
            "state_bytes_per_project": 800.0,
        }
        monitor = {"name": "monitor", "figures": figures, "more": more}
        return {"shape": shape, "workers": 1, "contenders": [{"name": "limit", "figures": None}, monitor]}

    runs = [run("1000", 51_000.0), run("1000000", 13_000.0)]
    (tmp_path / "peers.json").write_text(json.dumps({"runs": runs}))
    inputs, assumed = measured(tmp_path, Plan())
    assert assumed == []
    assert (inputs.events_per_second_few, inputs.events_per_second_many) == (51_000.0, 13_000.0)
    assert inputs.recovery_records_per_second == 90_000.0
    # 2150 MB less 1000 MB for the program, over a million projects, less what their state takes.
    assert inputs.memory_bytes_beside_state == pytest.approx(350.0)
