"""A command does not wait for what only other commands need."""

import gc
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner

from episode_monitor.cli.app import app
from episode_monitor.cli.commands import COMMANDS, imported, uncollected

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


def test_the_demo_imports_nothing_of_its_parts_and_judges_no_settings_that_they_do_not_get() -> None:
    program = (
        "import sys; from episode_monitor.cli import app; from episode_monitor.demo import stack\n"
        "async def run_demo(**_): return 0\n"
        "stack.run_demo = run_demo\n"
        "try: app.app(['demo'], obj=app._PROCESS)\n"
        f"finally: print('imported:', *(name for name in {(*HEAVY, 'cryptography')!r} if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={"OPERATOR_TOKEN_": "x"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "imported: pydantic\n", "")  # typer reads options with it


@pytest.mark.parametrize("is_enabled", [True, False])
def test_an_import_that_fails_leaves_the_garbage_collector_as_it_was(is_enabled: bool) -> None:
    before = gc.isenabled()
    (gc.enable if is_enabled else gc.disable)()
    try:
        with pytest.raises(ModuleNotFoundError), uncollected():
            import_module("no_such_module" if not gc.isenabled() else "gc")
        assert gc.isenabled() == is_enabled
    finally:
        (gc.enable if before else gc.disable)()


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
