"""`alerts routes` and `oncall` on the examples and on wrong files."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from episode_monitor.cli.app import app
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.settings.alerting_files import load_alerting
from episode_monitor.settings.error_texts import SettingsError
from episode_monitor.settings.yaml_reading import FileError

EXAMPLES = Path(__file__).parents[3] / "examples" / "alerting"
ALERTING, ON_CALL = str(EXAMPLES / "alerting.yaml"), str(EXAMPLES / "oncall.yaml")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # no .env is here
    for name in ("SLACK_WEBHOOK_URL", "ONCALL_SLACK_WEBHOOK_URL", "MONITORING_WEBHOOK_URL", "ESCALATE_AFTER_MINUTES"):
        monkeypatch.delenv(name, raising=False)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def answer(*words: str, code: ExitCode = ExitCode.CLEAN) -> dict[str, Any]:
    done = run(*words, "--json")
    assert done.exit_code == code, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_check_counts_what_the_files_hold() -> None:
    done = run("alerts", "routes", "check", ALERTING, "--oncall", ON_CALL)
    assert done.output.splitlines() == [
        f"{ALERTING}: 7 receivers, 8 routes, 3 inhibit rules, 3 time intervals.",
        f"{ON_CALL}: 2 chains, 2 schedules.",
    ]
    found = answer("alerts", "routes", "check", ALERTING, "--oncall", ON_CALL)
    assert (found["routes"], found["oncall"]["chains"], len(found["version"])) == (8, 2, 64)


def test_a_wrong_file_ends_with_all_its_sentences(tmp_path: Path) -> None:
    wrong = tmp_path / "alerting.yaml"
    wrong.write_text("route: {receiver: a}\nreceivers: [{name: b}]\nx: 1\n")
    done = run("alerts", "routes", "check", str(wrong))
    assert isinstance(done.exception, FileError)
    assert [fault.key for fault in done.exception.faults] == ["route.receiver", "x"]


def test_the_file_of_chains_keeps_to_the_receivers_of_the_other() -> None:
    done = run("alerts", "routes", "test", "--oncall", ON_CALL)
    assert isinstance(done.exception, FileError)
    assert {fault.key for fault in done.exception.faults} == {
        "chains[1].steps[6].notify", "schedules[0].receivers.kim", "schedules[1].receiver",
    }  # fmt: skip


def test_test_shows_receivers_what_inhibits_and_the_chain() -> None:
    found = answer(
        "alerts", "routes", "test", "severity=warning", "alert_type=SLOW_CREATION", "project_id=drama_1",
        "--file", ALERTING, "--oncall", ON_CALL,
    )  # fmt: skip
    assert found["receivers"] == ["team"]
    assert found["labels"]["service"] == "project-service"
    assert found["routes"][0]["active_time_intervals"] == ["working-hours"]
    assert found["inhibited_by"] == [
        '{alert_type="HIGH_FAILURE_RATE"}', '{project_id="_fleet"}', '{severity="critical"}',
    ]  # fmt: skip
    assert found["chain"] is None


def test_a_critical_alert_has_a_chain_of_the_file() -> None:
    found = answer("alerts", "routes", "test", "severity=critical", "--file", ALERTING, "--oncall", ON_CALL)
    assert found["receivers"] == ["team", "incidents"]
    assert found["chain"]["steps"][:3] == [
        {"after_seconds": 300, "what": "page", "to": "primary"},
        {"after_seconds": 900, "what": "page", "to": "secondary"},
        {"after_seconds": 1800, "what": "only_if_firing", "to": None},
    ]


def test_without_a_file_the_settings_are_the_receivers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_WEBHOOK_URL", "https://hooks.example/a")
    monkeypatch.setenv("ESCALATE_AFTER_MINUTES", "7")
    found = answer("alerts", "routes", "test", "severity=critical")
    (route,) = found["routes"]
    assert (route["receiver"], route["sends_by"], route["group_wait_seconds"]) == ("team", ["slack"], 0)
    assert found["chain"]["steps"] == [{"after_seconds": 420, "what": "notify", "to": "on-call"}]
    assert answer("alerts", "routes", "test", "severity=warning")["chain"] is None


@pytest.mark.parametrize(("wanted", "is_right"), [("team,incidents", True), ("incidents,team", False), ("team", False)])
def test_receivers_can_be_verified(wanted: str, is_right: bool) -> None:
    done = run("alerts", "routes", "test", "severity=critical", "--file", ALERTING, "--verify-receivers", wanted)
    if is_right:
        assert done.exit_code == ExitCode.CLEAN
    else:
        assert isinstance(done.exception, Failure)
        assert done.exception.code is ExitCode.ISSUES_FOUND
        assert str(done.exception) == f"The receivers are team,incidents, and not {wanted}."


@pytest.mark.parametrize("word", ["severity", "=critical", "alert-type=x", "sev erity=x"])
def test_what_is_no_label_is_refused(word: str) -> None:
    done = run("alerts", "routes", "test", word)
    assert isinstance(done.exception, Failure)
    assert done.exception.code is ExitCode.USAGE


def test_on_call_shows_the_shift_and_the_next_one() -> None:
    first, second = answer("oncall", "show", "--file", ON_CALL, "--at", "2026-01-06T01:00:00Z")["schedules"]
    assert first == {
        "schedule": "primary", "person": "lee", "since": "2026-01-06T00:00:00.000Z",
        "until": "2026-01-06T09:00:00.000Z", "source": "layer working-hours", "receiver": "on-call", "empty_layers": [],
        "next": {"person": "park", "since": "2026-01-06T09:00:00.000Z", "until": "2026-01-07T00:00:00.000Z"},
    }  # fmt: skip
    assert (second["person"], second["next"]["person"]) == ("han", "yoon")


def test_a_schedule_without_anybody_is_an_issue_and_says_why() -> None:
    found = answer("oncall", "show", "--file", ON_CALL, "--at", "2025-12-31T00:00:00Z", code=ExitCode.ISSUES_FOUND)
    assert [one["person"] for one in found["schedules"]] == [None, None]
    done = run("oncall", "show", "--file", ON_CALL, "--at", "2025-12-31T00:00:00Z")
    assert (
        "primary: nobody is on call. Layer working-hours is empty: it has not begun. "
        "Layer weeks is empty: it has not begun. Pages go to on-call."
    ) in done.stderr
    assert "NOBODY" in done.stdout


def test_a_time_without_an_offset_is_refused() -> None:
    done = run("oncall", "show", "--file", ON_CALL, "--at", "2026-01-06T01:00:00")
    assert isinstance(done.exception, Failure)
    assert done.exception.code is ExitCode.USAGE


def test_secrets_are_read_from_files_beside_the_one_that_names_them(tmp_path: Path) -> None:
    text = "route: {receiver: a}\nreceivers:\n  - name: a\n    pagerduty_configs: [{routing_key_file: key}]\n"
    file = tmp_path / "alerting.yaml"
    file.write_text(text)
    with pytest.raises(FileError, match=r"names key, which cannot be read .No such file"):
        load_alerting(file)
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    with pytest.raises(FileError, match="names 'key', which is no text file; correct it"):
        load_alerting(file)
    (tmp_path / "key").write_text("abc\n")
    (receiver,) = load_alerting(file).receivers
    assert receiver.configs[0].routing_key.get_secret_value() == "abc"  # type: ignore[attr-defined]


def test_a_file_that_is_not_there_is_said() -> None:
    done = run("oncall", "show", "--file", "nope.yaml")
    assert isinstance(done.exception, SettingsError)
    assert str(done.exception) == "nope.yaml cannot be read: No such file or directory; correct its path or rights."
