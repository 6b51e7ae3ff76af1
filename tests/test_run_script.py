"""`./run` says in one sentence what it lacks, before it touches anything."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
