"""`rules test` of rules with statistics, and of rules on all projects: each with an expectation by hand."""

from pathlib import Path

import pytest

from tests.system.test_commands import run

RULES = """\
rules:
  - {rule_id: sure, alert_type: HIGH_FAILURE_RATE, severity: warning, threshold: 1%, window_minutes: 15,
     confidence: 95%}
  - {rule_id: burn, alert_type: HIGH_FAILURE_RATE, severity: warning,
     burn_rate: {objective: 99%, factor: 10, long: 1h, short: 5m}}
  - {rule_id: score, alert_type: HIGH_FAILURE_RATE, severity: warning,
     cusum: {in_control: 1%, out_of_control: 5%, limit: 100}}
  - {rule_id: everything, alert_type: HIGH_FAILURE_RATE, severity: critical, threshold: 10%, window_minutes: 5,
     scope: fleet}
"""
SURE = """\
tests:
  - name: 2 of 100 may be chance, 5 of 100 hardly are
    input_events:
      calm: created x 98 / failed x 2
      bad: created x 95 / failed x 5
    alert_rule_test:
      - eval_time: 2m
        rule_id: sure
        exp_alerts: [{project_id: bad, value: 5, sample_size: 100, inputs: {confidence: 95, lower_bound: 2.15}}]
"""
BURN = """\
tests:
  - name: the short window ends it
    input_events:
      api: created x 80 / failed x 20 / wait 6m / created x 60
    alert_rule_test:
      - eval_time: 95s # 15 of 95 are 15.8 %, and 10 % are ten times what 99 % allows
        rule_id: burn
        exp_alerts: [{threshold: 10, inputs: {factor: 10, objective: 99, short: {bad: 16, whole: 96}}}]
      - eval_time: 8m
        rule_id: burn
        exp_alerts: [{status: resolved, reason: back_to_normal}]
"""
SCORE = """\
tests:
  - name: three failures in four hours are too many for a project that has one operation an hour
    interval: 1h
    input_events:
      quiet: failed / created / failed / failed / created x 100 every 1m
    alert_rule_test:
      - eval_time: 2h # 39 - 1 + 39
        rule_id: score
      - eval_time: 3h # 77 + 39 is above the limit, which is the most
        rule_id: score
        exp_alerts: [{inputs: {score: 100, limit: 100, bad: 3, whole: 4}}]
      - eval_time: 7h
        rule_id: score
        exp_alerts: [{status: resolved, reason: back_to_normal}]
"""
FLEET = """\
tests:
  - name: all projects together are above 10 %, and it is final two minutes later
    input_events:
      a: created x 9 / failed x 2
      b: created x 10 / failed
      c: created x 5
    alert_rule_test:
      - eval_time: 2m10s # 1 of 25 before second 10, and with it 3 of 27
        rule_id: everything
      - eval_time: 2m11s
        rule_id: everything
        exp_alerts: [{project_id: _fleet, severity: critical, value: 11.11, sample_size: 27}]
      - eval_time: 10m
        rule_id: everything
        exp_alerts: [{status: resolved, reason: no_operations, title: everything (all projects)}]
"""


@pytest.mark.parametrize(
    ("text", "right", "wrong"),
    [(SURE, "lower_bound: 2.15", "lower_bound: 2.25"), (BURN, "whole: 96", "whole: 97"), (SCORE, "bad: 3", "bad: 2"),
     (FLEET, "sample_size: 27", "sample_size: 11")],
    ids=["confidence", "burn_rate", "cusum", "fleet"],
)  # fmt: skip
def test_a_rule_with_statistics_is_tested_and_a_wrong_expectation_fails(
    text: str, right: str, wrong: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text(RULES)
    path = tmp_path / "mine.test.yaml"
    path.write_text("rule_files: [mine.yaml]\n" + text)
    ran = run("rules", "test", str(path))
    assert (ran.code, ran.err) == (0, ""), ran.out
    path.write_text(path.read_text().replace(right, wrong))
    assert run("rules", "test", str(path)).code == 1
