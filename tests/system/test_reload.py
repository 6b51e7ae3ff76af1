"""Files of two workers are edited while events flow: a receiver hears of an alert once, and wrong files do nothing."""

import os
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from episode_monitor.demo.programs import Program
from tests.system.running import BASE, ask, post, ready, until, view, worker
from tests.system.test_commands import run
from tests.system.test_dispatcher import failed, feed, lines, receiver

pytestmark = pytest.mark.broker

ALERTING = """
route: {{receiver: {to}, group_by: ['...'], group_wait: 0s, group_interval: 1s}}
receivers:
  - name: one
    webhook_configs: [{{url: "{one}/webhook"}}]
  - name: two
    webhook_configs: [{{url: "{two}/webhook"}}]
"""
RULES = """
rules:
  - {{rule_id: episode_failure_rate, alert_type: HIGH_FAILURE_RATE, severity: WARNING, threshold: {threshold},
     window_minutes: 15, description: many failures}}
"""


def sighup(program: Program) -> None:
    process = program._process
    assert process is not None
    os.kill(process.pid, signal.SIGHUP)


def versions(program: Program) -> dict[str, str]:
    return {each["what"]: each["version"] for each in (view(program, "/rules") or {"files": []})["files"]}


async def test_files_are_reloaded_on_all_workers_and_a_wrong_one_changes_nothing(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    alerting, rules = tmp_path / "alerting.yaml", tmp_path / "rules.yaml"
    rules.write_text(RULES.format(threshold="1%"))
    with ExitStack() as running:
        one, two = (running.enter_context(receiver()) for _ in range(2))

        def route_to(name: str) -> None:
            alerting.write_text(ALERTING.format(to=name, one=one.url, two=two.url))

        route_to("one")
        options = {"ALERTING_FILE": str(alerting), "RULES_FILE": str(rules)}
        left, right = (running.enter_context(worker(broker, topic_prefix, **options)) for _ in range(2))
        until(lambda: ready(left) and ready(right), "two workers")
        await feed(broker, topic_prefix, "p1", [failed("p1")])
        until(lambda: lines(one) == ["p1 firing"], "a message for one")

        before = versions(left)
        route_to("three")
        status, problem = post(right, f"{BASE}/rules/reload", {"by": "kim"})
        assert (status, problem["code"], problem["errors"][0]["line"]) == (422, "invalid_file", 2)
        assert f"{alerting}, line 2: `route.receiver` is `three`" in problem["detail"]
        assert "was refused" in ask(right, "/readyz")[1]["parts"]["files"]
        assert versions(left) == versions(right) == before
        refused = run("rules", "reload", "--url", right.url)
        assert (refused.code, "line 2" in refused.err) == (2, True)

        route_to("two")
        rules.write_text(RULES.format(threshold="2%"))
        status, done = post(right, f"{BASE}/rules/reload", {"by": "kim"})
        assert (status, done["changed"], done["problems"]) == (200, ["rules", "alerting"], [])
        assert [each["changed"] for each in done["workers"]] == [["rules", "alerting"]] * 2
        assert ask(right, "/readyz")[1]["parts"]["files"] == "ok"
        assert versions(left) == versions(right) != before
        await feed(broker, topic_prefix, "p2", [failed("p2")])
        until(lambda: sorted(lines(two)) == ["p1 firing", "p2 firing"], "what fires for the receiver that is new to it")
        assert lines(one) == ["p1 firing"], "p1 fires under its rule's new threshold, and is not told again"

        route_to("one")
        sighup(left)
        until(lambda: versions(left) != versions(right), "the reload of one worker alone")
        until(lambda: ask(right, "/readyz")[1]["parts"]["settings"] != "ok", "a sentence about the other worker")
        sighup(right)
        until(lambda: versions(left) == versions(right), "the reload of the other")
        await feed(broker, topic_prefix, "p3", [failed("p3")])
        until(lambda: sorted(lines(one)) == ["p1 firing", "p2 firing", "p3 firing"], "p2 and p3 for one")
        assert sorted(lines(two)) == ["p1 firing", "p2 firing"]

        until(lambda: len({each["alert_id"] for each in view(left, "/alerts/active")["alerts"]}) == 3, "left's copy")
        metrics = ask(left, "/monitoring/episodes/metrics/export?format=json")[1]
        assert metrics["episode_monitor_config_last_reload_successful"][0]["value"] == 1.0
