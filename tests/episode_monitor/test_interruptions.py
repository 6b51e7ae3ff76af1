"""Ctrl-C at any moment of a command is exit code 130 and one sentence, from the first line of the program on."""

import subprocess
import sys
from pathlib import Path

import pytest

from episode_monitor.exits import is_interruption

ROOT = Path(__file__).resolve().parents[2]
STARTING = "episode-monitor: Interrupted while it started; nothing was done.\n"
RUNNING = "episode-monitor: Interrupted before the command ended.\n"

# The program, which gets SIGINT when it looks for a module for the first time.
PROGRAM = """
import importlib.abc, os, runpy, signal, sys

class Press(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == at:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background ignore it
_, at, *sys.argv[1:] = sys.argv
sys.meta_path.insert(0, Press())
runpy.run_module("episode_monitor", run_name="__main__", alter_sys=True)
"""


def run(at: str, *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, at, *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("episode_monitor.cli", "config show"),
        ("typer", "audit verify"),
        ("pydantic", "audit verify"),
        ("episode_monitor.settings.settings", "rules check"),
        ("episode_monitor.cli.audit_verify", "audit verify"),
        ("aiokafka", "audit verify"),
        ("episode_monitor.cli.rebuild", "rebuild start"),
    ],
)
def test_ctrl_c_while_modules_are_imported_is_one_sentence(at: str, words: str) -> None:
    assert run(at, *words.split()) == (130, "", STARTING)


@pytest.mark.parametrize(
    ("at", "words"), [("episode_monitor.worker", "worker"), ("aiokafka.errors", "topics describe"), ("faust", "worker")]
)
def test_ctrl_c_while_the_command_imports_what_it_needs_is_one_sentence(at: str, words: str) -> None:
    assert run(at, *words.split()) == (130, "", RUNNING)


def test_an_interruption_within_exec_is_an_exit_and_no_death_by_a_signal() -> None:
    program = PROGRAM.replace("os.kill(os.getpid(), signal.SIGINT)", 'exec("raise KeyboardInterrupt")')
    done = subprocess.run(
        [sys.executable, "-c", program, "episode_monitor.worker", "worker"], cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (130, RUNNING)


def test_an_interruption_that_python_disguises_is_known_as_one() -> None:
    class Interrupting:
        def __set_name__(self, owner: type, name: str) -> None:
            raise KeyboardInterrupt

    with pytest.raises(RuntimeError) as disguised:
        type("Made", (), {"field": Interrupting()})
    assert is_interruption(disguised.value)
    assert not is_interruption(RuntimeError("another"))


def test_ctrl_c_that_is_ignored_stays_ignored() -> None:
    program = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n{PROGRAM}".replace(
        "signal.signal(signal.SIGINT, signal.default_int_handler)", ""
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "typer", "--version"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
