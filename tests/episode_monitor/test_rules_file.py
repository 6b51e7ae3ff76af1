"""The rules file as people write it: what YAML 1.1 would take for something else is said, not guessed."""

from pathlib import Path

import pytest

from episode_monitor.settings.rules_file import load_rules
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
        ("threshold: 2%", r"at line 7: `threshold` appears twice in one mapping; correct it there"),
        ("labels: {a: b, a: c}", r"at line 7: `a` appears twice in one mapping"),
        ("for_seconds: 1:30", r"Rule episode_failure_rate needs `for_seconds` to be an integer"),
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
