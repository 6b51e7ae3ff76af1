"""The rules file as people write it: what YAML 1.1 would take for something else is said, not guessed."""

from pathlib import Path

import pytest

from episode_monitor.settings.rules_file import core_from, load_rules
from episode_monitor.settings.settings import SettingsError, load_settings
from streams.alerting.rule_parsing import RESERVED_IDS
from streams.partition.drift_alerts import RULE_ID

SEED = """\
rule_id: episode_failure_rate
alert_type: HIGH_FAILURE_RATE
severity: WARNING
threshold: 1.0%           # 실패율 1% 초과 시
window_minutes: 15        # 15분 창
description: "Episode creation failure rate exceeds 1%"
"""


def loaded(tmp_path: Path, text: str) -> list[tuple[str, str, int]]:
    path = tmp_path / "rules.yaml"
    path.write_text(text, encoding="utf-8")
    return [(rule.rule_id, str(rule.threshold), rule.window_minutes) for rule in load_rules(path, load_settings({}))]


def test_a_single_rule_as_the_users_document_prints_it_is_a_whole_file(tmp_path: Path) -> None:
    assert loaded(tmp_path, SEED) == [("episode_failure_rate", "1.0", 15)]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "threshold: 2%",
            r", line 7: It is not valid YAML: `threshold` appears twice in one mapping; correct it there",
        ),
        ("labels: {a: b, a: c}", r", line 7: It is not valid YAML: `a` appears twice in one mapping"),
        ("note: \x06", r"It is not valid YAML: it contains the character U\+0006, which YAML does not allow"),
        ("for_seconds: 1:30", r", line 7: Rule episode_failure_rate needs `for_seconds` to be an integer"),
        ("for_seconds: 010", r"Rule episode_failure_rate needs `for_seconds` to be an integer"),
        ("for_seconds: 0x10", r"Rule episode_failure_rate needs `for_seconds` to be an integer"),
        ('annotations: {note: "x\\ud800y"}', r"holds half a surrogate pair"),
        ("enabled: 'false'", r"needs `enabled` to be true or false"),
    ],
)
def test_what_would_go_unnoticed_is_refused_with_its_place(tmp_path: Path, line: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        loaded(tmp_path, SEED + line + "\n")


def test_the_rules_of_the_monitor_itself_cannot_be_taken() -> None:
    assert RULE_ID in RESERVED_IDS


ALL_WRONG = """\
rules:
  - rule_id: a
    alert_type: HIGH_FAILURE_RATE
    severity: LOUD
    threshold: 200%
    window_minutes: 0
    min_bad: many
    colour: red
  - rule_id: a:b
  - just text
  - rule_id: c
    alert_type: SPEED
    severity: INFO
  - &good {rule_id: d, alert_type: INTEGRITY_VIOLATION, severity: INFO}
  - *good
"""


def test_every_fault_of_a_file_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        loaded(tmp_path, ALL_WRONG)
    path = tmp_path / "rules.yaml"
    assert [line.removeprefix(f"RULES_FILE {path}, ").partition(";")[0] for line in str(refused.value).split("\n")] == [
        "line 4: Rule a has an unknown `severity`",
        "line 5: Rule a needs `threshold` to be a percentage from 0% to 100%, such as 1.0%.",
        "line 6: Rule a needs `window_minutes` to be an integer from 1 to 1440.",
        "line 7: Rule a needs `min_bad` to be an integer from 1 to 1000000000.",
        "line 8: Rule a has the unknown key `colour`",
        "line 9: Rule number 2 needs a `rule_id`: a text of 1 to 100 characters without a colon.",
        "line 10: Rule number 3 must be a mapping of keys to values.",
        "line 12: Rule c has an unknown `alert_type`",
        "line 14: Two rules have the `rule_id` d",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "rules: &all\n  - *all\n",
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdef", "bcdefg", strict=True))
        + "rules: [*g]\n",
    ],
)
def test_aliases_that_grow_without_end_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="more than 100000 values, or an alias that contains itself"):
        loaded(tmp_path, text)


def test_a_file_that_is_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nested too deeply"):
        loaded(tmp_path, "rules: " + "[" * 5000 + "]" * 5000)


def test_a_rule_without_a_runbook_gets_the_section_of_its_type_on_the_page_that_is_set(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    own = SEED.replace("episode_failure_rate", "own") + "runbook_url: https://wiki.example/own\n"
    settings = load_settings({"RUNBOOK_URL": "https://docs.example/docs/duty.html"})
    path.write_text(SEED, encoding="utf-8")
    assert [rule.runbook_url for rule in load_rules(path, settings)] == [
        "https://docs.example/docs/duty.html#high_failure_rate"
    ]
    assert [rule.runbook_url for rule in load_rules(path, load_settings({}))] == [None]
    path.write_text(own, encoding="utf-8")
    assert [rule.runbook_url for rule in load_rules(path, settings)] == ["https://wiki.example/own"]


def test_alerts_about_drift_which_no_rule_makes_get_theirs_as_well() -> None:
    settings = load_settings({"RUNBOOK_URL": "https://docs.example/docs/duty.html"})
    assert core_from(settings).drift_runbook_url == "https://docs.example/docs/duty.html#integrity_drift"
    assert core_from(load_settings({})).drift_runbook_url is None
