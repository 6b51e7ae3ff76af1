"""A command does not wait for what only other commands need."""

import subprocess
import sys
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner

from episode_monitor.cli.app import app
from episode_monitor.cli.commands import COMMANDS, imported

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("asyncpg", "aiokafka", "fastapi", "faust", "psycopg", "pydantic", "structlog", "yoyo")


@pytest.mark.parametrize(
    ("words", "needs"),
    [
        ("--help", ""),
        ("--version", ""),
        ("config --help", "pydantic structlog"),
        ("health --help", "pydantic structlog"),
        ("repair show --help", "pydantic structlog"),
        ("alerts list --help", "pydantic structlog"),
        ("replay --help", "asyncpg aiokafka psycopg pydantic structlog"),
        ("audit verify --help", "asyncpg aiokafka psycopg pydantic structlog"),
        ("backfill --help", "asyncpg aiokafka psycopg pydantic structlog"),
        ("rebuild plan --help", "aiokafka pydantic structlog"),
    ],
)
def test_a_command_imports_only_what_it_needs(words: str, needs: str) -> None:
    program = (
        "import sys; from episode_monitor.cli.app import app\n"
        f"try: app({words.split()!r})\n"
        f"finally: print('imported:', *(name for name in {HEAVY!r} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split() == ["imported:", *needs.split()]


def test_help_lists_every_command_once() -> None:
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"}).output
    names = [line.split()[1] for line in shown.splitlines() if line.startswith("│ ") and line[2].isalpha()]
    assert " ".join(names) == (
        "worker demo config topics rules alerts silence receivers dead-letters oncall audit tokens repair check "
        "migrate doctor health replay rebuild backfill"
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_the_first_sentence_of_each_command(name: str) -> None:
    command = imported(name)
    assert COMMANDS[name][1] == (command.short_help or command.help)


def test_a_command_that_is_not_the_whole_process_leaves_its_logging_alone() -> None:
    before = structlog.get_config()
    assert CliRunner().invoke(app, ["config", "show"]).exit_code == 0
    assert structlog.get_config() == before
