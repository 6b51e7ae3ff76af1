"""The demo, as the first thing a newcomer runs."""

import json
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from episode_monitor.demo.ports import LOOPBACK, is_free
from tests.system.demo_process import ROOT, START_SECONDS, Demo
from tests.system.running import until

EXPECTED = {
    "episode_integrity:proj_lost_number",
    "episode_integrity:proj_used_twice",
    "episode_integrity:proj_repaired",
    "episode_conflict_rate:proj_conflicts",
    "episode_failure_rate:proj_failing",
    "episode_slow_creation:proj_slow",
}

_DEMO_ON_PORT = """
import sys

from episode_monitor.__main__ import main
from episode_monitor.demo import stack

stack.DASHBOARD_PORT = {port}
sys.argv = ["episode-monitor", "demo", "--seconds", "1"]
sys.exit(main())
"""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """A demo that is interrupted at the end, if it was not before."""
    running = Demo(tmp_path / "output")
    try:
        yield running
    finally:
        running.interrupt()


def _get(url: str) -> object:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)
    except OSError:
        return None


def _is_given_up(port: int) -> bool:
    """Whether the demo that has ended listens there no longer. A demo of another test may have taken the port since:
    it holds the UDP port of the same number, as a claim."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as claim:
        try:
            claim.bind((LOOPBACK, port))
        except OSError:
            return True
    return is_free(port)


def test_the_demo_shows_every_injected_trouble_within_a_minute_and_leaves_nothing_behind(
    demo: Demo,
) -> None:
    addresses = demo.addresses()
    monitor = addresses["Monitor"].rstrip("/")

    def firing() -> bool:
        body = _get(f"{monitor}/monitoring/episodes/alerts/active")
        alerts = body["alerts"] if isinstance(body, dict) else []
        return {alert["alert_key"] for alert in alerts if alert["status"] == "firing"} >= EXPECTED

    until(firing, "alert for every injected trouble", 60)
    summary = _get(f"{monitor}/monitoring/episodes/integrity/summary")
    assert isinstance(summary, dict)
    assert (summary["total_gaps"], summary["total_duplicates"], summary["unhealthy_projects"]) == (2, 1, 3)
    gap = _get(f"{monitor}/monitoring/episodes/integrity/project/proj_lost_number")
    assert isinstance(gap, dict)
    assert len(gap["gaps"]) == 1
    twice = _get(f"{monitor}/monitoring/episodes/integrity/project/proj_used_twice")
    assert isinstance(twice, dict)
    assert [len(owners) for owners in twice["duplicate_owners"].values()] == [2]
    receiver = addresses["What the receivers got"].rstrip("/")

    def delivered() -> bool:
        body = _get(f"{receiver}/received")
        got = body["received"] if isinstance(body, dict) else []
        told = {(message["sink"], message["project_id"]) for message in got if message["status"] == 200}
        projects = {key.split(":")[1] for key in EXPECTED}
        return told >= {(sink, project) for sink in ("slack", "webhook") for project in projects}

    until(delivered, "delivery of every alert to Slack and the webhook", 30)
    assert demo.interrupt() == 0
    ports = [int(address.rstrip("/").split(":")[-1].split("/")[0]) for address in addresses.values()]
    until(lambda: all(_is_given_up(port) for port in ports), "free ports after Ctrl-C", 30)


def test_a_taken_port_is_moved_and_said() -> None:
    """Other tests run demos, which take and free the usual ports meanwhile; this one's is taken from begin to end."""
    with socket.create_server((LOOPBACK, 0)) as held:
        taken = held.getsockname()[1]
        moved = subprocess.run(
            [sys.executable, "-P", "-c", _DEMO_ON_PORT.format(port=taken)],
            cwd=ROOT, capture_output=True, text=True, timeout=START_SECONDS, check=False,
        )  # fmt: skip
    assert moved.returncode == 0, moved.stderr
    said = re.search(rf"Port {taken} is taken: the monitor is on (\d+)\.", moved.stderr)
    assert said is not None, moved.stderr
    assert int(said[1]) > taken
    assert f"Monitor                      http://127.0.0.1:{said[1]}/" in moved.stderr


def test_demos_that_start_at_the_same_time_all_run_on_ports_of_their_own(tmp_path: Path) -> None:
    """Each chooses its ports before its database has opened one, so that the other may choose the same."""
    demos = [Demo(tmp_path / f"output{number}") for number in range(2)]
    try:
        first, second = (demo.addresses() for demo in demos)
        assert not set(first.values()) & set(second.values())
    finally:
        codes = [demo.interrupt() for demo in demos]
    assert codes == [0, 0]
