"""Slips in `.env` and the environment: a folder, lines that are no assignment, names that are nearly a setting's."""

import re
from pathlib import Path

import pytest

from episode_monitor.settings.env_file import notices, source_of
from episode_monitor.settings.settings import Settings, SettingsError, load_settings

ROOT = Path(__file__).resolve().parents[2]


def said(tmp_path: Path, text: str = "", **environment: str) -> list[str]:
    path = tmp_path / "env"
    path.write_text(text, encoding="utf-8")
    return [one.replace(str(path), "env") for one in notices(path, environment, Settings.model_fields)]


def test_an_env_file_that_is_a_folder_ends_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"\.env is a folder"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("GRACE_SECOND", "GRACE_SECONDS"),
        ("GAP_SETLE_SECONDS", "GAP_SETTLE_SECONDS"),
        ("SLACK_WEBHOOK", "SLACK_WEBHOOK_URL"),
        ("slack_webhok_url", "SLACK_WEBHOOK_URL"),
        ("KAFKA_BOOTSTRAP_SERVER", "KAFKA_BOOTSTRAP_SERVERS"),
        ("API_TOKEN", "API_TOKENS"),
    ],
)
def test_a_name_that_is_nearly_a_settings_is_named_with_the_setting(tmp_path: Path, name: str, meant: str) -> None:
    sentence = f"sets {name}, which is not a setting and is ignored; {meant} may be meant."
    assert said(tmp_path, f"\n# a comment\n{name}=5\n") == [f"env line 3 {sentence}"]
    assert said(tmp_path, **{name: "5"}) == [f"The environment {sentence}"]


def test_a_setting_of_an_older_version_is_named_with_what_is_so_now(tmp_path: Path) -> None:
    sentence = (
        "sets ALERT_DISPATCHER, which is not a setting any more and is ignored: the dispatcher always decides who is "
        "notified of what. Remove it."
    )
    assert said(tmp_path, "ALERT_DISPATCHER=true\n") == [f"env line 1 {sentence}"]
    assert said(tmp_path, ALERT_DISPATCHER="false") == [f"The environment {sentence}"]


def test_a_line_that_is_no_assignment_is_named(tmp_path: Path) -> None:
    text = "GRACE_SECONDS=5\nthis is nothing\n\nALONE\nexport MONITORING_PORT=8100\n"
    assert said(tmp_path, text) == [
        "env line 2 is not an assignment and is ignored; write NAME=VALUE.",
        "env line 4 is not an assignment and is ignored; write NAME=VALUE.",
    ]


def test_names_that_have_nothing_to_do_with_the_monitor_pass(tmp_path: Path) -> None:
    others = dict.fromkeys(["PATH", "HOME", "LANG", "LOG_PATH", "KAFKA_HOME", "HOSTNAME", "PYTHONPATH", "TZ"], "x")
    assert said(tmp_path, "POSTGRES_PASSWORD=x\n", **others) == []


def test_the_example_file_has_no_slip() -> None:
    path = ROOT / ".env.example"
    assert notices(path, {}, Settings.model_fields) == []
    uncommented = re.sub(r"(?m)^# ?(?=[A-Z_]+=)", "", path.read_text(encoding="utf-8"))
    names = {line.partition("=")[0]: "x" for line in uncommented.splitlines() if re.match(r"[A-Z_]+=", line)}
    assert len(names) > 40
    assert notices(path / "none", names, Settings.model_fields) == []


def test_the_environment_goes_before_the_file_and_an_empty_text_is_unset(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text("GRACE_SECONDS=7\nmonitoring_port=8100\nSTATE_DIR=\n")
    environment = {"GRACE_SECONDS": "9", "MONITOR_ID": ""}
    found = {
        name: source_of(name, path, environment)
        for name in ("GRACE_SECONDS", "MONITORING_PORT", "STATE_DIR", "MONITOR_ID")
    }
    assert found == {
        "GRACE_SECONDS": "environment", "MONITORING_PORT": str(path), "STATE_DIR": "default", "MONITOR_ID": "default",
    }  # fmt: skip
