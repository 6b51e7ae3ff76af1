"""`worker --processes`: what keeps it from starting is one sentence and exit code 2, as for one process."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from episode_monitor.demo.ports import free_port


def run(folder: Path, *words: str, **settings: str) -> tuple[int, str]:
    """Exit code and standard error."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    given = {"MONITORING_PORT": str(free_port()), **settings}
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "episode_monitor", "worker", *words],
        cwd=folder, env=kept | given, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return ran.returncode, ran.stderr


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_number_that_is_none_is_refused(tmp_path: Path) -> None:
    assert run(tmp_path, "--processes", "nine") == (
        2, "episode-monitor: --processes is 'nine', but must be a whole number from 1 to 64, or auto.\n",
    )  # fmt: skip


def test_wrong_rules_are_said_once_for_all_processes(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("rules: 5")
    code, said = run(tmp_path, "--processes", "3", RULES_FILE="rules.yaml")
    assert (code, said.count("rules.yaml")) == (2, 1)


def test_a_port_that_is_taken_is_named_with_its_setting(tmp_path: Path, taken: int) -> None:
    words = f"episode-monitor: Port {taken} on 127.0.0.1 is in use by another program: stop that one or set"
    assert run(tmp_path, WORKER_PROCESSES="2", MONITORING_PORT=str(taken)) == (
        2, f"{words} MONITORING_PORT to another.\n",
    )  # fmt: skip
    assert run(tmp_path, WORKER_PROCESSES="2", WORKER_OWN_PORTS=str(taken)) == (
        2, f"{words} WORKER_OWN_PORTS to another.\n",
    )  # fmt: skip
