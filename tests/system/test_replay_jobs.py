"""Replays and backtests of a real worker over HTTP: what they find, their turns, and that no process outlives them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from episode_monitor.demo.ports import free_port
from testbed.monitor_settings import monitor_settings
from tests.agents.support import created, producing
from tests.replay_jobs.processes import children, is_there
from tests.system.running import BASE, ask, post, until
from tests.system.test_commands import run

pytestmark = pytest.mark.broker
NUMBERS = (1, 2, 4, 5, 7)
RULES = "rules:\n  - {rule_id: lost, alert_type: INTEGRITY_VIOLATION, severity: warning, threshold: %s}\n"


class Running:
    """A worker in a process of its own, without a guard between."""

    def __init__(self, settings: dict[str, str], log: Path) -> None:
        self.settings = settings
        self.prefix = settings["EVENTS_TOPIC"].removesuffix("events")
        self.url = f"http://127.0.0.1:{settings['MONITORING_PORT']}"
        with log.open("wb") as file:
            command = [sys.executable, "-P", "-m", "episode_monitor", "worker"]
            self.process = subprocess.Popen(
                command, env={**os.environ, **settings}, cwd=log.parent, stdout=file, stderr=file
            )

    def get(self, path: str) -> Any:
        status, body = ask(self.url, BASE + path)
        assert status == 200, body
        return body

    def post(self, path: str, status: int, **body: Any) -> Any:
        found, answer = post(self.url, BASE + path, body)
        assert found == status, answer
        return answer

    def ended(self, job_id: str) -> Any:
        """The job once it has ended."""

        def look() -> Any:
            job = self.get(f"/replays/{job_id}")
            return job if job["ended_at"] else None

        return until(look, "end of the job")

    def child(self) -> int:
        """The process of the job that runs."""
        return until(lambda: next(iter(children(self.process.pid)), None), "process of the job")


@contextmanager
def worker(broker: str, prefix: str, folder: Path) -> Iterator[Running]:
    settings = {
        **monitor_settings(broker, prefix), "EVENTS_PARTITIONS": "2", "TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_SESSION_TIMEOUT_SECONDS": "5", "KAFKA_REBALANCE_TIMEOUT_SECONDS": "5",
        "MONITORING_PORT": str(free_port()), "STATE_DIR": str(folder / "state"),
    }  # fmt: skip
    running = Running(settings, folder / "log")
    try:
        until(lambda: ask(running.url, "/readyz")[0] == 200, "ready worker")
        yield running
    finally:
        running.process.kill()
        running.process.wait()


@pytest.fixture
async def monitor(broker: str, topic_prefix: str, tmp_path: Path) -> Any:
    """A worker whose topic has two projects that lack 3 and 6."""
    with worker(broker, topic_prefix, tmp_path) as running:
        async with producing(broker) as producer:
            for partition in (0, 1):
                for number in NUMBERS:
                    value = created(f"p{partition}", number, occurred_at=1_760_000_400_000 + number)
                    await producer.send_and_wait(
                        f"{topic_prefix}events", value, key=b"p%d" % partition, partition=partition
                    )
        yield running


def command(running: Running, *words: str) -> Any:
    """What the command prints for the same settings."""
    ran = run(*words, "--json", **running.settings)
    return ran.json


async def groups(broker: str) -> set[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        return {name for name, _ in await admin.list_consumer_groups()}
    finally:
        await admin.close()


async def test_a_replay_by_http_finds_the_same_as_the_command(monitor: Running, broker: str) -> None:
    job = monitor.post("/replays", 202, by="mina", until="2025-10-09T10:00:00Z")
    assert (job["kind"], job["requested_by"], job["has_result"]) == ("replay", "mina", False)
    ended = monitor.ended(job["job_id"])
    assert (ended["state"], ended["progress"], ended["events"], ended["error"]) == ("completed", 1.0, 10, None)
    assert ended["events_per_second"] > 0
    told = command(monitor, "replay", "--until", "2025-10-09T10:00:00Z")
    assert (told["events"], told["gaps"], len(told["state_hash"])) == (10, 4, 64)
    assert ended["result"] == told
    part = monitor.ended(monitor.post("/replays", 202, **{"from": "0:1,1:2", "to": 4})["job_id"])
    assert part["result"] == command(monitor, "replay", "--from", "0:1,1:2", "--to", "4")
    assert [place["offset"] for place in part["result"]["from"]] == [1, 2]
    assert part["request"] == {"from": "0:1,1:2", "to": 4, "until": None, "partition": None, "projects": False}
    listed = monitor.get("/replays")
    assert [each["job_id"] for each in listed["replays"]] == [part["job_id"], ended["job_id"]]
    assert (listed["total"], "result" in listed["replays"][0]) == (2, False)
    assert {name for name in await groups(broker) if name.startswith(monitor.prefix)} == {
        monitor.settings["MONITOR_ID"]
    }
    rows = monitor.get("/audit?what=replay.start")["entries"]
    assert [(row["who"], row["result"], row["request"]["job_id"]) for row in rows] == [
        ("loopback", "done", part["job_id"]), ("mina", "done", ended["job_id"]),
    ]  # fmt: skip


async def test_a_backtest_by_http_finds_the_same_as_the_command(monitor: Running, tmp_path: Path) -> None:
    rules = tmp_path / "new.yaml"
    rules.write_text(RULES % 1)
    job = monitor.post("/rules/backtest", 202, rules_yaml=RULES % 1, until="2025-10-09T10:00:00Z")
    ended = monitor.ended(job["job_id"])
    assert (ended["kind"], ended["state"], ended["error"]) == ("backtest", "completed", None)
    told = command(monitor, "rules", "backtest", str(rules), "--until", "2025-10-09T10:00:00Z")
    assert (told["kind"], told["new"]["total"]["firings"]) == ("backtest", 2)
    told["new"]["source"] = "rules_yaml"
    assert ended["result"] == told
    both = monitor.post("/rules/backtest", 202, rules_yaml=RULES % 1, old_rules_yaml=RULES % 2, night="23-06")
    result = monitor.ended(both["job_id"])["result"]
    assert (result["old"]["source"], result["night"]) == ("old_rules_yaml", "23-06 UTC")


async def test_one_runs_four_wait_in_order_and_a_sixth_is_refused(monitor: Running) -> None:
    ids = [monitor.post("/replays", 202)["job_id"]]
    pid = monitor.child()
    os.kill(pid, signal.SIGSTOP)
    ids += [monitor.post("/replays", 202)["job_id"] for _ in range(4)]
    states = {job["job_id"]: job["state"] for job in monitor.get("/replays")["replays"]}
    assert [states[job_id] for job_id in ids] == ["running", *["waiting"] * 4]
    refused = monitor.post("/replays", 429)
    assert (refused["code"], refused["retry_after_seconds"]) == ("too_many_jobs", 30)
    assert children(monitor.process.pid) == [pid]
    cancelled = monitor.post(f"/replays/{ids[2]}/cancel", 200, by="jun")
    assert (cancelled["state"], cancelled["error"], cancelled["started_at"]) == ("cancelled", "Cancelled by jun.", None)
    os.kill(pid, signal.SIGCONT)
    ended = [monitor.ended(job_id) for job_id in ids]
    assert [job["state"] for job in ended] == ["completed", "completed", "cancelled", "completed", "completed"]
    begun = [job["started_at"] for job in ended if job["started_at"]]
    assert begun == sorted(begun)
    assert not is_there(pid)


async def test_a_cancelled_job_ends_its_process(monitor: Running) -> None:
    job = monitor.post("/replays", 202)
    pid = monitor.child()
    os.kill(pid, signal.SIGSTOP)
    cancelled = monitor.post(f"/replays/{job['job_id']}/cancel", 200, by="jun")
    assert (cancelled["state"], cancelled["error"]) == ("cancelled", "Cancelled by jun.")
    assert not is_there(pid)
    assert monitor.post(f"/replays/{job['job_id']}/cancel", 409)["code"] == "job_ended"
    assert monitor.get(f"/replays/{job['job_id']}")["result"] is None
    assert monitor.ended(monitor.post("/replays", 202)["job_id"])["state"] == "completed"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_a_worker_that_ends_takes_the_process_of_its_job_with_it(monitor: Running, how: signal.Signals) -> None:
    monitor.post("/replays", 202)
    pid = monitor.child()
    os.kill(pid, signal.SIGSTOP)
    monitor.process.send_signal(how)
    monitor.process.wait(30)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
    until(lambda: not is_there(pid), "end of the job's process")


async def test_what_cannot_be_done_is_one_sentence_in_the_job(monitor: Running) -> None:
    topic = monitor.settings["EVENTS_TOPIC"]
    refused: list[tuple[dict[str, Any], str]] = [
        ({"partition": 7}, f"There is no partition 7 of topic {topic} at"),
        ({"from": "0:1,7:2"}, f"The range names partition 7 of {topic}, which does not exist; leave it out."),
    ]
    for body, sentence in refused:
        ended = monitor.ended(monitor.post("/replays", 202, **body)["job_id"])
        assert (ended["state"], ended["result"]) == ("failed", None)
        assert ended["error"].startswith(sentence)
    assert "Traceback" not in (Path(monitor.settings["STATE_DIR"]).parent / "log").read_text()


async def test_a_process_that_is_killed_is_said_in_the_job(monitor: Running) -> None:
    job = monitor.post("/replays", 202)
    os.kill(monitor.child(), signal.SIGKILL)
    assert monitor.ended(job["job_id"])["error"] == (
        "Its process was ended by signal 9, perhaps for want of memory; use a shorter range."
    )


def test_settings_travel_with_the_order_and_the_rules_are_those_of_the_worker(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES % 1)
    os.environ["RULES_FILE"] = str(rules)
    try:
        with worker(broker, topic_prefix, tmp_path) as running:
            rules.write_text("broken")
            result = running.ended(running.post("/replays", 202)["job_id"])["result"]
            assert json.dumps(result["firings"]) == '{"lost": 0}'
            assert [rule["rule_id"] for rule in running.get("/rules")["rules"]] == ["lost"]
    finally:
        del os.environ["RULES_FILE"]
