"""Which commands say what is wrong with the environment: all that run, but help and the processes of a supervisor."""

import pytest
from typer.testing import CliRunner

from episode_monitor.cli import worker
from episode_monitor.cli.app import app
from episode_monitor.exits import ExitCode

MISTAKE = {"SLACK_WEBHOOK": "x", "API_TOKENS": ""}
SENTENCE = "The environment sets SLACK_WEBHOOK, which is not a setting and is ignored"


def said(words: list[str]) -> bool:
    return SENTENCE in CliRunner().invoke(app, words, env=MISTAKE).stderr


@pytest.mark.parametrize(
    "words",
    [
        ["config", "show"],
        ["silence", "add", "--comment", "--seat"],
        ["silence", "add", "--comment", "--help"],
        ["worker", "--processes", "--seat"],
        ["worker", "--processes", "--help"],
        ["config", "show", "--", "--seat", "--help"],
    ],
)
def test_a_command_that_runs_says_it_whatever_the_values_of_its_options_are(words: list[str]) -> None:
    assert said(words)


@pytest.mark.parametrize(
    "words", [["--help"], ["worker", "--help"], ["worker", "--processes", "2", "--help"], ["silence", "add", "--help"]]
)
def test_help_does_not_wait_for_it(words: list[str]) -> None:
    assert not said(words)


@pytest.mark.parametrize("words", [["--seat", "7"], ["--seat=7"], ["--processes", "2", "--seat=7"]])
def test_a_process_whose_supervisor_has_said_it_does_not_say_it_again(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seats: list[int] = []

    def run(fd: int) -> ExitCode:
        seats.append(fd)
        return ExitCode.CLEAN

    monkeypatch.setattr(worker, "_run_seated", run)
    assert not said(["worker", *words])
    assert seats == [7]
