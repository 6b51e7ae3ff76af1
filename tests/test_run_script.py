"""`./run` says in one sentence what it lacks, before it touches anything."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import slow

ROOT = Path(__file__).resolve().parents[1]
NEEDED_TOOLS = ("sh", "cat", "cksum", "dirname", "date")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree without .venv, in a path with spaces, beside a `bin` folder that is the whole PATH."""
    tree = tmp_path / "a tree"
    tree.mkdir()
    for name in ("run", "requirements-dev.lock"):
        shutil.copy(ROOT / name, tree)
    (tmp_path / "bin").mkdir()
    for tool in NEEDED_TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / "bin" / tool).symlink_to(found)
    return tree


def run(tree: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tree / "run", *words],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": str(tree.parent / "bin"), "LC_ALL": "C", **environment},
    )


def add_python(tree: Path, name: str, script: str) -> None:
    program = tree.parent / "bin" / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_without_a_fitting_python_one_sentence_says_what_to_do(tree: Path) -> None:
    add_python(tree, "python3", "exit 1")  # Python 3.10, or the shim of a version manager
    done = run(tree, "demo")
    assert done.returncode == 2
    assert done.stderr == (
        "run: Python 3.11 to 3.14 is needed and none is on the PATH; install one, or set PYTHON to it.\n"
    )
    assert not (tree / ".venv").exists()


def test_a_python_without_venv_is_told_which_package_brings_it(tree: Path) -> None:
    add_python(tree, "python3", f'case "$2" in *ensurepip*) exit 1;; esac\nexec {shlex.quote(sys.executable)} "$@"')
    done = run(tree, "test")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert done.returncode == 2
    assert done.stderr == (
        f"run: Python {version} is here without its venv module; on Debian or Ubuntu: apt install python3-venv "
        f"(or python{version}-venv), then run this again.\n"
    )
    assert not (tree / ".venv").exists()


def test_a_wrong_PYTHON_is_named(tree: Path) -> None:
    done = run(tree, "setup", PYTHON="/nowhere/python")
    assert done.returncode == 2
    assert done.stderr == "run: PYTHON=/nowhere/python is no Python 3.11 to 3.14; name another or unset it.\n"


def test_an_unknown_verb_shows_the_usage_and_installs_nothing(tree: Path) -> None:
    done = run(tree, "dmeo")
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ./run VERB")
    assert done.stderr.endswith("run: there is no verb 'dmeo'.\n")
    assert not (tree / ".venv").exists()


@pytest.mark.parametrize("words", [(), ("help",), ("--help",)])
def test_help_needs_nothing(tree: Path, words: tuple[str, ...]) -> None:
    done = run(tree, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert "demo" in done.stdout


@pytest.mark.parametrize("script", ["run", ".ci/run"])
def test_the_scripts_are_executable_and_clean(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    shellcheck = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([shellcheck, ROOT / script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_help_and_both_readmes_say_how_long_the_tests_take_and_how_to_run_all() -> None:
    usage = subprocess.run([ROOT / "run", "help"], capture_output=True, text=True, check=True).stdout
    assert f"the tests, {slow.MINUTES} minutes on two cores; --all:" in usage
    assert f"runs the tests in {slow.MINUTES} minutes on two cores" in (ROOT / "README.md").read_text()
    assert f"코어 두 개에서 {slow.MINUTES}분" in (ROOT / "README.ko.md").read_text()


def test_ci_runs_all_tests() -> None:
    lines = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if "./run test" in line]
    assert sum("./run test --all" in line for line in lines) == 3
    assert [line.rpartition(" ")[2] for line in lines if "--all" not in line] == list(slow.ALONE)


def test_nothing_that_runs_on_apache_kafka_alone_is_left_to_the_embedded_broker() -> None:
    parts = [ROOT / part for part in slow.EMBEDDED_SUFFICES]
    files = [file for part in parts for file in ([part] if part.is_file() else sorted(part.rglob("*.py")))]
    assert [file.name for file in files if "mark.apache" in file.read_text()] == []


def test_what_is_left_to_all_exists() -> None:
    left = [*slow.SLOW, *slow.ALONE, *slow.EMBEDDED_SUFFICES]
    assert [part for part in left if not (ROOT / part.partition("::")[0]).exists()] == []


@pytest.mark.parametrize(
    ("chosen", "left"),
    [
        ([], set(slow.SLOW)),
        (["tests"], set(slow.SLOW)),
        (["tests/streams"], set()),
        (["tests/system"], set()),
        (["tests/system/test_demo.py::test_a_taken_port_is_moved_and_said"], set()),
        (["tests/systems"], set()),
    ],
)
def test_slow_tests_run_only_where_they_are_asked_for_by_name(chosen: list[str], left: set[str]) -> None:
    assert slow.left_out(chosen).keys() == left


def test_the_first_lines_of_a_run_name_what_does_not_run() -> None:
    first, *names = slow.header([], is_all=False)
    assert first == "tests: all but these, which --all runs, or their name, about 6.5 minutes on two cores"
    assert names == [f"  {part}: {why}" for part, why in (slow.SLOW | slow.ALONE).items()]
    first, *names = slow.header([], is_all=True)
    assert first == f"tests: all but these, which run by name, about {slow.ALL_MINUTES} minutes on two cores"
    assert names == [f"  {part}: {why}" for part, why in slow.ALONE.items()]
    assert slow.header(["tests/streams"], is_all=False) == ["tests: tests/streams"]
