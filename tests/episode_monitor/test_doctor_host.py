"""What `doctor` says of the folder for files, its disk, and the tokens."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from episode_monitor.cli.diagnosis import DiagnosisLevel
from episode_monitor.cli.doctor_host import state_dir, tokens
from episode_monitor.settings.api_tokens import ApiToken, Role
from episode_monitor.settings.settings import load_settings

OK, WRONG = DiagnosisLevel.OK, DiagnosisLevel.WRONG
Usage = namedtuple("Usage", "total used free")


def of_state(folder: Path) -> tuple[DiagnosisLevel, str]:
    found = state_dir(load_settings({"STATE_DIR": str(folder)}))
    assert found.part == "state"
    return found.verdict, found.sentence


def test_a_folder_that_is_there_or_can_be_made_is_ok_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    assert of_state(tmp_path) == (OK, f"STATE_DIR {tmp_path} can be used.")
    assert of_state(tmp_path / "a" / "b") == (OK, f"STATE_DIR {tmp_path / 'a' / 'b'} can be used.")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_its_place_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "state"
    file.write_text("")
    assert of_state(file / "x") == (WRONG, f"STATE_DIR {file / 'x'} is not a folder; choose another one.")


def test_a_folder_that_cannot_be_written_to_is_wrong_and_says_why() -> None:
    verdict, said = of_state(Path("/proc/episode-monitor"))
    assert (verdict, said) == (
        WRONG, "STATE_DIR /proc/episode-monitor cannot be written to (No such file or directory); give this user the "
        "right to, or choose another one.",
    )  # fmt: skip


def test_a_full_disk_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1 << 30, 1 << 30, 3 << 20))
    assert of_state(tmp_path) == (
        WRONG, f"STATE_DIR {tmp_path} has 3 MiB left, and 64 are needed; make room, or choose another one.",
    )  # fmt: skip


def of_tokens(**given: str) -> tuple[DiagnosisLevel, str]:
    found = tokens(load_settings(given))
    assert found.part == "tokens"
    return found.verdict, found.sentence


def test_without_tokens_only_this_machine_may_make_changes_and_that_is_wrong_where_others_reach_it() -> None:
    assert of_tokens() == (OK, "There is none: only programs of this machine may make changes.")
    assert of_tokens(MONITORING_HOST="0.0.0.0") == (
        WRONG, "There is none, and MONITORING_HOST shows that other machines reach this monitor: nobody there may "
        "acknowledge an alert; set API_TOKENS or API_TOKENS_FILE.",
    )  # fmt: skip


def test_tokens_are_counted_and_named_and_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"{ApiToken.of(Role.OPERATOR, 'hush', 'kim').line}\n")
    said = of_tokens(API_TOKENS="viewer:hushhush", API_TOKENS_FILE=str(file))
    assert said == (OK, "1 of 2 may make changes, of them by name: kim.")


def test_tokens_of_viewers_alone_are_wrong() -> None:
    assert of_tokens(API_TOKENS="viewer:hushhush") == (
        WRONG, "Nobody may acknowledge an alert or make another change; add an operator's token.",
    )  # fmt: skip


def test_a_file_that_went_bad_is_wrong_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"{ApiToken.of(Role.OPERATOR, 'hush', 'kim').line}\n")
    settings = load_settings({"API_TOKENS_FILE": str(file)})
    for text, said in (
        ("operator kim hush\n", "line 1, must be ROLE NAME sha256:HASH"),
        ("# nobody\n", "has no token, so nobody could change anything"),
    ):
        file.write_text(text)
        found = tokens(settings)
        assert (found.verdict, said in found.sentence, "hush" in found.sentence) == (WRONG, True, False)
    file.unlink()
    assert "cannot be read: No such file or directory" in tokens(settings).sentence
