"""`rules test` of unit tests: the shipped ones hold, a wrong expectation fails, a broken file names its line."""

import re
from pathlib import Path

import pytest

from episode_monitor.rule_tests.file import load_tests
from episode_monitor.rule_tests.run import run_case
from episode_monitor.settings.rules_file import core_from
from episode_monitor.settings.settings import SettingsError, load_settings
from tests.system.test_commands import ROOT, run

TEST = """\
rule_files: [mine.yaml]
tests:
  - name: a burst of failures
    interval: 1s
    input_events:
      drama: created x 9 / failed
    alert_rule_test:
      - eval_time: 5s
        rule_id: f
      - eval_time: 9s
        rule_id: f
        exp_alerts: [{status: pending, labels: {team: numbers}, value: 10}]
      - eval_time: 1m
        rule_id: f
        exp_alerts: [{value: 10}]
"""
RULES = """\
rules:
  - {rule_id: f, alert_type: HIGH_FAILURE_RATE, severity: warning, threshold: 5%, window_minutes: 5, for_seconds: 10,
     labels: {team: numbers, stage: test}}
"""


def written(tmp_path: Path, text: str = TEST) -> Path:
    (tmp_path / "mine.yaml").write_text(RULES)
    path = tmp_path / "mine.test.yaml"
    path.write_text(text)
    return path


def test_the_tests_of_the_shipped_rules_hold() -> None:
    settings = load_settings({})
    rules, cases = load_tests(ROOT / "rules.test.yaml", settings)
    outcomes = [run_case(core_from(settings, rules), case) for case in cases]
    assert [outcome.name for outcome in outcomes if outcome.failures] == []
    tested = {expected.rule_id for case in cases for _, expected, _ in case.expectations if expected.exp_alerts}
    assert tested == set(rules.by_id)


def test_an_alert_is_awaited_pending_and_then_firing_with_labels_and_value(tmp_path: Path) -> None:
    ran = run("rules", "test", str(written(tmp_path)))
    assert (ran.code, ran.out, ran.err) == (0, "ok: a burst of failures\n1 test passed.\n", "")


@pytest.mark.parametrize(
    ("right", "wrong", "expected", "got"),
    [
        ("value: 10}]\n      - eval_time: 1m", "value: 11}]\n      - eval_time: 1m",
         "drama pending, value 11.0, labels {'team': 'numbers'}",
         "drama pending, value 10.0, labels {'team': 'numbers', 'stage': 'test'}"),
        ("status: pending", "status: firing", "drama firing, value 10.0, labels {'team': 'numbers'}",
         "drama pending, value 10.0, labels {'team': 'numbers', 'stage': 'test'}"),
        ("team: numbers}, value", "team: sales}, value", "drama pending, value 10.0, labels {'team': 'sales'}",
         "drama pending, value 10.0, labels {'team': 'numbers', 'stage': 'test'}"),
        ("        exp_alerts: [{status: pending, labels: {team: numbers}, value: 10}]\n", "", "no alert",
         "drama pending, severity warning, value 10.0, sample_size 10, reason threshold_crossed"),
        ("      - eval_time: 5s\n        rule_id: f\n",
         "      - {eval_time: 5s, rule_id: f, exp_alerts: [{}]}\n", "drama firing", "no alert"),
    ],
)  # fmt: skip
def test_a_wrong_expectation_fails_with_what_was_expected_and_what_came(
    tmp_path: Path, right: str, wrong: str, expected: str, got: str
) -> None:
    assert right in TEST
    ran = run("rules", "test", str(written(tmp_path, TEST.replace(right, wrong))))
    assert ran.code == 1
    assert ran.out.startswith("FAILED: a burst of failures\n")
    assert f"    exp: {expected}\n    got: {got}\n" in ran.out
    assert ran.out.endswith("1 test, 1 failed.\n")


@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        ("    interval: 1s", "    intervall: 1s", r"line 4, tests\[0\]\.intervall: This key is not known"),
        ("    interval: 1s", "    interval: soon", r"line 4, tests\[0\]\.interval: `soon` is no duration"),
        ("created x 9", "made x 9", r"line 6, tests\[0\]\.input_events\.drama: `made` is no step"),
        ("eval_time: 9s", "eval_time: nine", r"line 10, tests\[0\]\.alert_rule_test\[1\]\.eval_time: `nine` is no"),
        ("        rule_id: f\n        exp_alerts: [{s", "        exp_alerts: [{s",
         r"line 10, tests\[0\]\.alert_rule_test\[1\]\.rule_id: This key is missing; add it"),
        ("        rule_id: f\n        exp_alerts: [{s", "        rule_id: g\n        exp_alerts: [{s",
         r"line 11, tests\[0\]\.alert_rule_test\[1\]\.rule_id: There is no rule g; the rule files have f\."),
        ("status: pending", "status: loud", r"line 12, .*exp_alerts\[0\]\.status: Invalid enum value 'loud'"),
        ("tests:\n", "tests:\n  x\n", r"line 4: It is not valid YAML"),
        ("[mine.yaml]", "[no.yaml]", r"RULES_FILE .*no\.yaml cannot be read: No such file"),
        ("[mine.yaml]", "[mine.yaml, mine.yaml]", r"line 1, rule_files: Two rules have the `rule_id` f"),
        ("      drama:", "      other: created\n      drama:", r"exp_alerts\[0\]: The test has several projects"),
        ("{value: 10}", "{value: 10}, {value: 11}", r"exp_alerts\[1\]: Project drama stands here twice"),
    ],
)  # fmt: skip
def test_a_broken_file_is_refused_with_line_key_and_mend(tmp_path: Path, right: str, wrong: str, sentence: str) -> None:
    assert right in TEST
    with pytest.raises(SettingsError, match=sentence):
        load_tests(written(tmp_path, TEST.replace(right, wrong)), load_settings({}))


def test_an_event_that_the_monitor_would_refuse_is_a_broken_file(tmp_path: Path) -> None:
    ran = run("rules", "test", str(written(tmp_path, TEST.replace("created x 9", "created 0"))))
    assert (ran.code, ran.out) == (2, "")
    assert "cannot be used: " in ran.err


def test_the_example_of_the_documents_holds(tmp_path: Path) -> None:
    *_rules, example = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "rules.md").read_text(), re.DOTALL)
    (tmp_path / "rules.yaml").write_text((ROOT / "rules.yaml").read_text())
    (tmp_path / "example.test.yaml").write_text(example)
    ran = run("rules", "test", str(tmp_path / "example.test.yaml"))
    assert (ran.code, ran.out) == (0, "ok: a burst of failures\n1 test passed.\n")
