"""Checks on a running worker with real Kafka protocol and real PostgreSQL, asked for by the command line."""

import asyncio
import json
import os
import subprocess
import sys
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from episode_monitor.demo.embedded import EmbeddedPostgres
from episode_monitor.demo.ports import free_port
from episode_monitor.demo.programs import Program
from tests.service_database.making import fill, make_table, run
from tests.system.running import ask, ready, until, view, worker

NOW = "2025-10-09T08:53:20Z"


def created(project: str, number: int, episode: str) -> tuple[bytes, bytes]:
    event = {
        "event_id": f"{project}:{episode}:{number}", "type": "episode.created", "project_id": project,
        "occurred_at": NOW, "episode_id": episode, "episode_number": number,
    }  # fmt: skip
    return project.encode(), json.dumps(event).encode()


async def feed(broker: str, topic: str, records: list[tuple[bytes, bytes]]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker, acks="all", enable_idempotence=False) as producer:
        for key, value in records:
            await producer.send_and_wait(topic, value, key)


def check(*words: str, **settings: str) -> tuple[int, Any, str]:
    """Exit code, what was printed as JSON, and what was said on standard error."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "episode_monitor", "check", "--json", *words],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **settings},
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


def active(program: Program) -> list[str] | None:
    body = view(program, "/alerts/active")
    return None if body is None else [alert["alert_key"] for alert in body["alerts"]]


def test_drift_is_found_told_and_over_when_it_is_mended(
    broker: str, topic_prefix: str, postgres: EmbeddedPostgres, database_url: str
) -> None:
    own_url = postgres.create_database(f"own_{topic_prefix.strip('-').replace('-', '_')}")
    make_table(database_url)
    fill(database_url, [("a1", "a", 1), ("a2", "a", 2), ("a3", "a", 3), ("b1", "b", 1), ("b3", "b", 3)])
    program = worker(
        broker, topic_prefix, EVENTS_PARTITIONS="2", MONITOR_DATABASE_URL=own_url, DATABASE_URL=database_url,
        GAP_SETTLE_SECONDS="1",
    )  # fmt: skip
    with program:
        until(lambda: ready(program), "ready worker")
        topic = f"{topic_prefix}events"
        records = [created("a", 1, "a1"), created("a", 2, "a2"), created("b", 1, "b1"), created("b", 3, "b3")]
        asyncio.run(feed(broker, topic, records))
        until(lambda: (view(program, "/integrity/summary") or {}).get("total_gaps") == 1, "the gap of project b")

        code, result, _ = check("--deep", "--url", program.url)
        assert code == 1
        issues = {issue["project_id"]: issue for issue in result["project_issues"]}
        assert issues.keys() == {"a", "b"}
        assert issues["a"]["drift"]["numbers"] == [
            {"number": 3, "kind": "missing_in_stream", "stream": [], "database": ["a3"]}
        ]
        assert (issues["b"]["gaps"], issues["b"].get("drift")) == ([2], None)
        until(lambda: "integrity_drift:a" in (active(program) or ()), "the alert about drift")
        jobs = view(program, "/jobs")["jobs"]
        assert {job["kind"] for job in jobs} == {"basic", "deep"}  # the clock's own were the first

        code, result, _ = check("a", "b", "--url", program.url, DATABASE_URL=database_url)
        assert code == 1
        sides = {one["project_id"]: one for one in result["projects"]}
        assert (sides["a"]["stream"]["total_episodes"], sides["a"]["database"]["total_episodes"]) == (2, 3)
        assert (sides["b"]["stream"]["gaps"], sides["b"]["database"]["gaps"]) == ([2], [2])
        assert (sides["a"]["drift"]["missing_in_stream"], sides["b"]["drift"]) == (1, None)
        run(database_url, "update episodes set id = 'x2' where id = 'a2'")
        run(database_url, "delete from episodes where id = 'a3'")
        code, result, _ = check("a", "--url", program.url, DATABASE_URL=database_url)
        assert (code, result["projects"][0]["is_healthy"]) == (1, False)  # each side by itself is whole
        assert result["projects"][0]["drift"]["numbers"] == [
            {"number": 2, "kind": "different_owner", "stream": ["a2"], "database": ["x2"]}
        ]
        run(database_url, "update episodes set id = 'a2' where id = 'x2'")
        fill(database_url, [("a3", "a", 3)])

        asyncio.run(feed(broker, topic, [created("a", 3, "a3"), created("b", 2, "b2")]))
        fill(database_url, [("b2", "b", 2)])
        until(lambda: (view(program, "/integrity/summary") or {}).get("total_gaps") == 0, "the end of the gap")
        code, result, _ = check("--deep", "--url", program.url)
        assert (code, result["project_issues"]) == (0, [])
        until(lambda: active(program) == [], "the end of all alerts")
        history = view(program, "/alerts/history?rule_id=integrity_drift")["transitions"]
        assert [step["alert"]["status"] for step in history] == ["resolved", "firing"]
        assert check("--url", program.url)[0] == 0

        run(database_url, "drop table episodes")
        code, _, said = check("--deep", "--url", program.url)
        assert code == 3
        assert "has no table episodes: set EPISODES_TABLE" in said
        status, body = ask(program, "/monitoring/episodes/jobs")
        assert (status, body["jobs"][0]["state"]) == (200, "failed")


def test_an_alert_about_drift_outlives_its_worker_with_its_id_and_who_took_it(
    broker: str, topic_prefix: str, database_url: str
) -> None:
    """Without PostgreSQL of the monitor's own: the state is in the topics alone."""
    make_table(database_url)
    fill(database_url, [("a1", "a", 1), ("a2", "a", 2)])
    settings = {"EVENTS_PARTITIONS": "2", "DATABASE_URL": database_url, "GAP_SETTLE_SECONDS": "1"}
    with worker(broker, topic_prefix, **settings) as first:
        until(lambda: ready(first), "ready worker")
        asyncio.run(feed(broker, f"{topic_prefix}events", [created("a", 1, "a1")]))
        check("--deep", "--url", first.url)
        before = until(lambda: drift_alert(first), "the alert about drift")
        assert alerts_counted(first) == 1
        words = ["alerts", "ack", "integrity_drift:a", "--by", "mina", "--comment", "mine", "--url", first.url]
        done = subprocess.run(
            [sys.executable, "-P", "-m", "episode_monitor", *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        first.kill9()
    with worker(broker, topic_prefix, **settings) as second:
        after = until(lambda: drift_alert(second) if ready(second) else None, "the alert about drift")
        assert (after["alert_id"], after["starts_at"]) == (before["alert_id"], before["starts_at"])
        assert after["acknowledged_by"] == "mina"
        assert check("--deep", "--url", second.url)[0] == 1
        again = drift_alert(second)
        assert again is not None
        assert (again["alert_id"], again["acknowledged_by"]) == (before["alert_id"], "mina")
        assert alerts_counted(second) == 1
        run(database_url, "delete from episodes where number = 2")
        assert check("--deep", "--url", second.url)[0] == 0
        assert drift_alert(second) is None
        assert alerts_counted(second) == 0


def drift_alert(program: Program) -> dict[str, Any] | None:
    body = view(program, "/alerts/active") or {"alerts": []}
    return next((alert for alert in body["alerts"] if alert["alert_key"] == "integrity_drift:a"), None)


def alerts_counted(program: Program) -> float:
    samples = view(program, "/metrics/export?format=json")["episode_alerts_active"]
    labels = {"severity": "critical", "alert_type": "INTEGRITY_DRIFT"}
    return next(float(sample["value"]) for sample in samples if sample["labels"] == labels)


@pytest.mark.parametrize("words", [[], ["--deep"], ["some_project"]])
def test_without_a_monitor_the_command_says_so_and_ends_with_3(words: list[str]) -> None:
    code, _, said = check(*words, "--url", f"http://127.0.0.1:{free_port()}")
    assert code == 3
    assert "No worker answers at" in said


def test_without_a_monitor_named_projects_are_checked_in_the_database(database_url: str) -> None:
    make_table(database_url)
    fill(database_url, [("e1", "p", 1), ("e3", "p", 3), ("f1", "fine", 1)])
    url = f"http://127.0.0.1:{free_port()}"
    code, result, said = check("p", "--url", url, DATABASE_URL=database_url)
    assert (code, result["projects"][0]["database"]["gaps"]) == (1, [2])
    assert "The database alone is checked" in said
    assert check("fine", "--url", url, DATABASE_URL=database_url)[0] == 0
    code, _, said = check("nobody", "--url", url, DATABASE_URL=database_url)
    assert code == 2
    assert "Unknown project 'nobody'" in said
