"""What Prometheus and Grafana are given: alert rules with tests and runbooks, and dashboards. Everything that they name
is in the catalogue of metrics, and every expression is one that Prometheus reads.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from episode_monitor.observe.catalogue import CATALOGUE
from episode_monitor.observe.described import Described
from tests.test_docs import headings, slug

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
RULES = [
    rule for group in yaml.safe_load((DEPLOY / "prometheus-rules.yml").read_text())["groups"] for rule in group["rules"]
]
UNIT_TESTS = yaml.safe_load((DEPLOY / "prometheus-rules.test.yml").read_text())["tests"]
DASHBOARDS = sorted((DEPLOY / "grafana").glob("*.json"))
BY_SERIES = {series: each for each in CATALOGUE for series in each.series_names()}
OF_PROMETHEUS = {"job", "instance", "le"}
DOCS = "{{ $externalLabels.docs }}"
VARIABLES = {"$__rate_interval": "5m", "$job": "episode-monitor", "$instance": ".*"}


def promtool() -> str:
    """Where promtool is; skips the test where it is not."""
    found = shutil.which("promtool")
    if found is None:
        reason = "promtool is not here; on Debian: apt-get install prometheus"
        assert not os.environ.get("CI"), f"CI has to test the rules of Prometheus: {reason}"
        pytest.skip(reason)
    return found


def run(*arguments: str | Path, folder: Path = DEPLOY) -> str:
    done = subprocess.run(
        [promtool(), *map(str, arguments)], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def series_in(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:episode|process)_\w+", expression))


def labels_in(expression: str) -> set[str]:
    """Of matchers and of `by` and `without`."""
    matchers = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression)
    lists = re.findall(r"(?:by|without)\s*\(([^)]*)\)", expression)
    return {*matchers, *(name.strip() for names in lists for name in names.split(","))}


def assert_asks_for_what_there_is(expression: str) -> None:
    described: list[Described] = []
    for series in series_in(expression):
        assert series in BY_SERIES, f"{series} is no metric of the monitor"
        described.append(BY_SERIES[series])
    known = {name for each in described for name in each.label_names} | OF_PROMETHEUS
    assert labels_in(expression) <= known, expression
    for name, value in re.findall(r"(\w+)\s*=~?\s*\"([\w|]+)\"", expression):
        values = {value for each in described for label in each.labels if label.name == name for value in label.values}
        assert not values or set(value.split("|")) <= values, expression


# --- rules


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_asks_for_metrics_labels_and_values_that_the_monitor_gives(rule: dict[str, Any]) -> None:
    assert_asks_for_what_there_is(rule["expr"])
    for word in re.findall(r"\$labels\.(\w+)", str(rule["annotations"])):
        assert word in labels_in(rule["expr"]) | OF_PROMETHEUS


@pytest.mark.parametrize("language", ["", ".ko"])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_the_runbook_of_a_rule_is_a_section_of_a_page_in_both_languages(rule: dict[str, Any], language: str) -> None:
    url = rule["annotations"]["runbook_url"]
    assert url.startswith(f"{DOCS}docs/runbook.md#")
    page, _, anchor = url.removeprefix(DOCS).partition("#")
    text = (ROOT / page.replace(".md", f"{language}.md")).read_text(encoding="utf-8")
    assert anchor in [slug(words) for _, words in headings(text)]


def test_the_runbook_has_no_alert_that_there_is_not() -> None:
    text = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    assert [words for level, words in headings(text) if level == 3] == [rule["alert"] for rule in RULES]


def test_prometheus_accepts_the_rules() -> None:
    assert f"{len(RULES)} rules found" in run("check", "rules", "prometheus-rules.yml")


def test_the_unit_tests_of_the_rules_pass() -> None:
    assert "SUCCESS" in run("test", "rules", "prometheus-rules.test.yml")


def test_every_rule_has_a_unit_test_in_which_it_fires_and_all_but_one_have_one_in_which_it_does_not() -> None:
    fires: set[str] = set()
    quiet: set[str] = set()
    for case in UNIT_TESTS:
        for each in case["promql_expr_test"]:
            (alert,) = re.findall(r'alertname="(\w+)"', each["expr"])
            (fires if each["exp_samples"] else quiet).add(alert)
    names = {rule["alert"] for rule in RULES}
    assert fires == names
    assert quiet == names - {"EpisodeMonitorDeadMansSwitch"}


def test_a_unit_test_fails_when_its_rule_does_not_fire(tmp_path: Path) -> None:
    text = (DEPLOY / "prometheus-rules.yml").read_text()
    (tmp_path / "prometheus-rules.yml").write_text(text.replace("(episode_creation_duration_p95) > 5", "(up) > 5"))
    shutil.copy(DEPLOY / "prometheus-rules.test.yml", tmp_path)
    with pytest.raises(AssertionError, match="EpisodeCreationSlow"):
        run("test", "rules", "prometheus-rules.test.yml", folder=tmp_path)


# --- dashboards


def dashboard(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return read


def expressions(path: Path) -> Iterator[str]:
    """Those of all panels, with values in place of Grafana's variables."""
    for panel in dashboard(path)["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"]
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            assert "$" not in expression, expression
            yield expression


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_asks_for_metrics_labels_and_values_that_the_monitor_gives(path: Path) -> None:
    found = list(expressions(path))
    assert len(found) > 15
    for expression in found:
        assert_asks_for_what_there_is(expression)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_prometheus_reads_every_expression_of_a_dashboard(path: Path, tmp_path: Path) -> None:
    rules = [{"record": f"panel:{place}", "expr": expression} for place, expression in enumerate(expressions(path))]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"{len(rules)} rules found" in run("check", "rules", "--lint=none", file)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_names_no_data_source_of_its_own_and_its_panels_do_not_overlap(path: Path) -> None:
    board = dashboard(path)
    variable = board["templating"]["list"][0]
    assert (variable["name"], variable["type"], variable["query"]) == ("datasource", "datasource", "prometheus")
    assert re.findall(r'"uid": "([^"]*)"', path.read_text()) == [
        each for each in re.findall(r'"uid": "([^"]*)"', path.read_text()) if each in ("${datasource}", board["uid"])
    ]
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
        assert panel["title"]
        assert panel["type"] == "row" or panel["description"]


def test_between_them_the_dashboards_show_nearly_every_metric() -> None:
    shown = {BY_SERIES[series].name for path in DASHBOARDS for each in expressions(path) for series in series_in(each)}
    beside = {
        "episode_monitor_episodes", "episode_monitor_split_projects", "episode_monitor_flushes_total",
        "episode_monitor_empty_shifts_total", "episode_monitor_notifications_repeated_total",
        "episode_monitor_dispatcher_state_bytes", "episode_monitor_build_info",
        "episode_monitor_config_last_reload_success_timestamp_seconds", "process_virtual_memory_bytes",
        "process_start_time_seconds",
    }  # fmt: skip
    assert {each.name for each in CATALOGUE} - shown == beside


def test_the_stack_has_both_dashboards_and_a_data_source_for_them() -> None:
    grafana = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]
    mounted = dict(volume.split(":")[:2] for volume in grafana["volumes"])
    provisioning = DEPLOY / "grafana" / "provisioning"
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "episodes.yml").read_text())["providers"]
    for path in DASHBOARDS:
        assert mounted[f"./{path.relative_to(ROOT)}"] == f"{provider['options']['path']}/{path.name}"
    assert mounted["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
