"""What doctor says of the alerting and of the on-call file."""

from pathlib import Path

import pytest

from episode_monitor.cli.diagnosis import DiagnosisLevel
from episode_monitor.cli.doctor_files import alerting_files
from episode_monitor.settings.settings import load_settings
from tests.episode_monitor.test_alerting_in_force import ALERTING, ON_CALL


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(**env: str) -> list[tuple[str, str, str]]:
    settings = load_settings({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9", **env})
    return [(each.part, each.verdict.value, each.sentence) for each in alerting_files(settings)]


def test_without_files_it_says_what_stands_in(folder: Path) -> None:
    assert [(part, verdict) for part, verdict, _ in said()] == [
        ("alerting file", DiagnosisLevel.OK.value), ("on-call file", DiagnosisLevel.OK.value),
    ]  # fmt: skip


def test_files_that_can_be_used_are_told_with_receivers_and_who_is_on_call(folder: Path) -> None:
    (folder / "alerting.yaml").write_text(ALERTING)
    (folder / "oncall.yaml").write_text(ON_CALL)
    (_, one, alerting), (_, two, on_call) = said()
    assert (one, two) == (DiagnosisLevel.OK.value, DiagnosisLevel.OK.value)
    assert alerting == "alerting.yaml can be used; receivers: db, pager, quiet."
    assert on_call.startswith("oncall.yaml can be used: 1 chain; on call now, without overrides: ")


@pytest.mark.parametrize(
    ("alerting", "on_call", "sentence"),
    [
        (ALERTING.replace("receiver: db\n", "receiver: bd\n"), ON_CALL, "alerting.yaml, line 3: `route.receiver`"),
        (ALERTING, ON_CALL.replace("weekly", "yearly"), "oncall.yaml, line 7: "),
        (ALERTING, ON_CALL.replace("2026-01-05", "2098-01-06"), "nobody is on call now in team (Layer week is empty"),
    ],
)
def test_a_fault_is_wrong_with_its_place(folder: Path, alerting: str, on_call: str, sentence: str) -> None:
    (folder / "alerting.yaml").write_text(alerting)
    (folder / "oncall.yaml").write_text(on_call)
    found = said()[-1]
    assert found[1] == DiagnosisLevel.WRONG.value
    assert sentence in found[2]
