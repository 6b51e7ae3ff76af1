"""The life of an alert on the demo: fires, escalates, is acknowledged, and ends; what each receiver got of it, and the
figures that are left."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.system.demo_process import Demo
from tests.system.running import until, view

REPAIRED = "episode_integrity:proj_repaired"


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    running = Demo(tmp_path / "output", seconds=400)
    try:
        yield running
    finally:
        running.interrupt()


def got(receiver: str, project_id: str) -> dict[str, list[dict[str, Any]]]:
    """By sink, what was taken about a project, in the order in which it came."""
    with urlopen(f"{receiver}/received", timeout=10) as answer:
        entries = json.load(answer)["received"]
    found: dict[str, list[dict[str, Any]]] = {"slack": [], "webhook": [], "pagerduty": []}
    for entry in entries:
        if entry["project_id"] == project_id and 200 <= entry["status"] < 300:
            found[entry["sink"]].append(entry)
    return found


def test_one_alert_escalates_is_acknowledged_and_repaired_and_another_is_taken_by_the_reader(demo: Demo) -> None:
    addresses = demo.addresses()
    monitor, receiver = addresses["Monitor"].rstrip("/"), addresses["What the receivers got"].rstrip("/")
    acknowledge, show, statistics = demo.commands()[4:]
    until(lambda: got(receiver, "proj_used_twice")["slack"], "message for the team about the number used twice", 60)

    def taken() -> bool:
        ran = demo.run(acknowledge)
        return ran.code == 0 and "is firing (acknowledged by " in ran.out and "by person" not in ran.out

    until(taken, "acknowledgement by the reader", 40)
    ended = until(lambda: (found := view(monitor, f"/alerts/{REPAIRED}")) and found["status"] == "resolved" and found,
                  "end of the alert that the demo handles", 180)  # fmt: skip
    assert [(line["status"], line["reason"], line.get("by")) for line in ended["timeline"]] == [
        ("firing", "threshold_crossed", None),
        ("firing", "escalated_unacknowledged", None),
        ("acknowledged", "acknowledged_by_person", "kim"),
        ("resolved", "back_to_normal", None),
    ]
    of_both = ["critical", "resolved"]
    expected = {"slack": of_both, "webhook": of_both, "pagerduty": ["critical", "acknowledged", "resolved"]}

    def severities() -> dict[str, list[str]]:
        return {sink: [one["severity"] for one in found] for sink, found in got(receiver, "proj_repaired").items()}

    until(lambda: all(found[-1:] == ["resolved"] for found in severities().values()), "end for every receiver", 30)
    assert severities() == expected
    sinks = got(receiver, "proj_repaired")
    paged, acknowledged, _ = sinks["pagerduty"]
    assert (paged["reason"], "On call: kim." in paged["text"]) == ("not acknowledged in time", True)
    assert acknowledged["by"] == "kim"
    assert "A number of proj_repaired is lost; I repair it." in acknowledged["text"]
    assert [one["severity"] for one in got(receiver, "proj_used_twice")["slack"]] == ["critical"]
    assert got(receiver, "proj_used_twice")["pagerduty"] == []

    assert demo.run(show).code == 0
    figures = json.loads(demo.run(f"{statistics} --rule episode_integrity --project proj_repaired --json").out)["total"]
    counts = ("firings", "escalated", "acknowledged", "resolved", "resolved_by_people", "still_firing", "flapping")
    assert [figures[name] for name in counts] == [1, 1, 1, 1, 0, 0, 0]
    assert figures["acknowledged_by"] == [{"by": "kim", "count": 1}]
    to_acknowledge, to_resolve = figures["time_to_acknowledge"], figures["time_to_resolve"]
    assert 60 < to_acknowledge["median_seconds"] < to_resolve["median_seconds"] < 200
    until(lambda: "RESOLVED     episode_integrity:proj_repaired" in demo.said(), "line of the end", 30)
    said = [line.split() for line in demo.said().splitlines() if "proj_repaired" in line]
    words = [line[1] if line[1] != "->" else f"-> {line[2]}" for line in said if line[0][2:3] == ":"]
    in_order = ["CRITICAL", "ESCALATED", "ACKNOWLEDGED", "RESOLVED"]
    assert [word for word in words if word in in_order] == in_order
