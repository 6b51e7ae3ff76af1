"""The commands as people run them: processes with an environment, an output and an exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiokafka import AIOKafkaProducer

from testbed.monitor_settings import monitor_settings
from tests.agents.support import created
from tests.system.running import ready, until, view, worker

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = "127.0.0.1:1"


class Ran(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def run(*words: str, **settings: str) -> Ran:
    """`episode-monitor` with these words and settings."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "episode_monitor", *words], capture_output=True, text=True, check=False, timeout=60,
        cwd=ROOT, env={**environment, "KAFKA_BOOTSTRAP_SERVERS": NOWHERE, **settings},
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


def test_the_rules_in_force_are_explained_in_sentences() -> None:
    ran = run("rules", "test", FAILURE_RATE_THRESHOLD="2.5%")
    assert ran.code == 0
    assert (
        "episode_failure_rate: warning when more than 2.5 % of the creations that ended in the last 15 minutes "
        "failed; fires at once.\n" in ran.out
    )


def test_a_file_of_rules_that_cannot_be_used_is_refused_with_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("rules:\n  - {rule_id: a, alert_type: HIGH_FAILURE_RATE, severity: WARNING, threshold: 200%}\n")
    ran = run("rules", "test", str(file))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines() == [
        f"episode-monitor: {file}, line 2: Rule a needs {fault}"
        for fault in (
            "`threshold` to be a percentage from 0% to 100%, such as 1.0%.",
            "`window_minutes` to be an integer from 1 to 1440.",
        )
    ]


@pytest.mark.parametrize("words", [("alerts", "list"), ("alerts", "ack", "r:p"), ("topics", "describe")])
def test_what_cannot_be_asked_is_said_in_one_sentence(words: tuple[str, ...]) -> None:
    ran = run(*words, MONITORING_PORT="1")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.rstrip().endswith((" or name another with --url.", " KAFKA_BOOTSTRAP_SERVERS."))


def test_the_doctor_says_what_is_away_and_what_it_could_not_look_at() -> None:
    ran = run("doctor", "--json", MONITOR_DATABASE_URL="postgresql://monitor:secret@127.0.0.1:1/monitor")
    assert ran.code == 3
    verdicts = {finding["part"]: finding["verdict"] for finding in ran.json}
    assert verdicts == {
        "rules": "ok", "alerting file": "ok", "on-call file": "ok", "state": "ok", "tokens": "ok", "codecs": "ok",
            "kafka": "unreachable", "topics": "skipped",
            "topic settings": "skipped", "audit": "skipped", "dispatcher": "skipped", "partitioning": "skipped",
            "worker clocks": "skipped",
            "sinks": "skipped", "tracing": "skipped",
            "database": "unreachable", "clock": "skipped", "project database": "skipped",
    }  # fmt: skip
    assert "secret" not in ran.out + ran.err


@pytest.mark.broker
async def test_an_alert_is_listed_acknowledged_silenced_and_resolved_by_command(
    broker: str, topic_prefix: str, database_url: str
) -> None:
    with worker(broker, topic_prefix, GAP_SETTLE_SECONDS="0") as program:
        until(lambda: ready(program), "ready worker")
        settings = monitor_settings(broker, topic_prefix) | {"MONITORING_PORT": program.url.rpartition(":")[2]}
        assert run("alerts", "list", "--json", **settings) == (0, '{\n  "alerts": [],\n  "total": 0\n}\n', "")
        await _make_a_gap(broker, settings["EVENTS_TOPIC"])
        until(lambda: view(program, "/alerts/active")["total"], "alert")

        explained = run("rules", "explain", "team/one", "--json", **settings)
        assert (explained.code, [one["state"] for one in explained.json["rules"]][-1]) == (1, "firing")
        assert "1 missing" in run("rules", "explain", "team/one", **settings).out
        listed = run("alerts", "list", "--json", **settings)
        assert listed.code == 1
        key = listed.json["alerts"][0]["alert_key"]
        assert key == "episode_integrity:team/one"
        assert run("alerts", "list", "--project", "another", **settings).code == 0
        taken = run("alerts", "ack", key, "--by", "kim", "--comment", "on it", "--json", **settings)
        assert (taken.code, taken.json["acknowledged_by"]) == (0, "kim")
        silent = run("alerts", "silence", key, "--by", "kim", "--minutes", "5", "--json", **settings)
        assert silent.json["silenced_until"] is not None
        resolved = run("alerts", "resolve", key, "--by", "kim", **settings).out
        how = "resolved manually; the condition may still hold"
        assert resolved.startswith(f"episode_integrity:team/one is resolved ({how}), silenced until ")
        again = run("alerts", "resolve", key, "--by", "kim", **settings)
        assert again.code == 4, again.err
        assert run("alerts", "resolve", "no:such", "--by", "kim", **settings).code == 2
        steps = ["resolved_by_person", "silenced_by_person", "acknowledged_by_person", "threshold_crossed"]
        until(lambda: [row["reason"] for row in _history(settings)] == steps, "whole history")
        figures = run("alerts", "statistics", "--rule", "episode_integrity", "--json", **settings).json
        assert [(one["rule_id"], one["firings"], one["resolved_by"]) for one in figures["rules"]] == [
            ("episode_integrity", 1, [{"by": "kim", "count": 1}])
        ]
        assert figures["total"]["acknowledged_by"] == [{"by": "kim", "count": 1}]
        shown = run("alerts", "statistics", "--since", "-1h", **settings)
        assert (shown.code, "Acknowledged: kim 1." in shown.out) == (0, True), shown.out
        assert run("topics", "describe", **settings).code == 0
        well = run("doctor", "--json", **settings, MONITOR_DATABASE_URL=database_url)
        assert {finding["part"]: finding["verdict"] for finding in well.json} == {
            "rules": "ok", "alerting file": "ok", "on-call file": "ok", "state": "ok", "tokens": "ok", "codecs": "ok",
            "kafka": "ok", "topics": "ok",
            "topic settings": "ok", "audit": "ok", "dispatcher": "ok", "partitioning": "ok",
            "worker clocks": "ok", "sinks": "skipped", "tracing": "skipped",
            "database": "ok",
            "clock": "ok", "project database": "skipped",
        }  # fmt: skip
        assert well.code == 0
        assert run("doctor", **{**settings, "MONITOR_ID": "another"}).code == 1, "its topics are missing"


def _history(settings: dict[str, str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = run("alerts", "history", "--json", **settings).json["transitions"]
    return rows


async def _make_a_gap(broker: str, topic: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker, acks="all") as producer:
        for number in (1, 3):
            await producer.send_and_wait(topic, created("team/one", number), b"team/one")


@pytest.mark.parametrize(
    ("command", "option"),
    [(("audit", "list"), "--from"), (("audit", "list"), "--to"), (("alerts", "history"), "--since"),
     (("alerts", "statistics"), "--until"), (("audit", "export", "/nowhere-at-all/audit"), "--from")],
)  # fmt: skip
def test_a_time_is_rfc_3339_or_before_now_and_nothing_else(
    command: tuple[str, ...], option: str, tmp_path: Path
) -> None:
    words = tuple(str(tmp_path / "audit") if word.startswith("/") else word for word in command)
    for text in ("500", "yesterday", "2026-01-31"):
        assert run(*words, option, text) == (
            2, "", f"episode-monitor: {option} {text} is not a time before now, such as -2h, or an RFC 3339 time with "
            "an offset, such as 2026-01-31T09:00:00Z.\n",
        )  # fmt: skip
    for text in ("-2m", "2026-01-31T09:00:00Z"):
        assert run(*words, option, text, "--url", f"http://{NOWHERE}").code == 3
