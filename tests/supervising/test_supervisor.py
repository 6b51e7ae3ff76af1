"""The supervisor with real processes and signals; a stand-in is in the place of each worker."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.running import until

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = ("faust", "aiokafka", "fastapi", "starlette", "uvicorn", "prometheus_client")


class Supervised:
    """A running supervisor and the journal of its processes."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        self.log = folder / "log"
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", "tests.supervising.supervise", str(folder), str(count)]
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

    def journal(self) -> list[tuple[int, str, int]]:
        """Number, word and process id."""
        path = self.folder / "journal"
        lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        return [(int(number), word, int(pid)) for number, word, pid in lines]

    def words(self) -> list[tuple[int, str]]:
        """The journal without process ids."""
        return [(number, word) for number, word, _ in self.journal()]

    def await_words(self, *words: tuple[int, str]) -> None:
        """In any order, and nothing else."""
        until(lambda: sorted(self.words()) == sorted(words), f"journal with {words}, but {self.words()}")

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Of the log."""
        found = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in found if line["event"] == event]

    def pid(self, number: int) -> int:
        """The newest process at this number."""
        return [pid for each, _, pid in self.journal() if each == number][-1]

    def send(self, number: signal.Signals) -> None:
        """To the supervisor."""
        self.process.send_signal(number)

    def code(self) -> int:
        """Its exit code."""
        return self.process.wait(60)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[list[Supervised]]:
    started: list[Supervised] = []
    yield started
    for each in started:
        each.process.kill()
        each.process.wait()


def start(running: list[Supervised], folder: Path, count: int) -> Supervised:
    running.append(Supervised(folder, count))
    return running[-1]


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_one_that_is_killed_is_replaced_and_all_end_together(running: list[Supervised], tmp_path: Path) -> None:
    worker = start(running, tmp_path, 3)
    worker.await_words((1, "started"), (2, "started"), (3, "started"))
    os.kill(worker.pid(2), signal.SIGKILL)
    until(lambda: (2, "replaced") in worker.words(), "process in its place")
    [end] = worker.lines("process ended")
    assert (end["level"], end["number"], end["signal"], end["starts_in_s"]) == ("warning", 2, "SIGKILL", 0.5)
    worker.send(signal.SIGTERM)
    assert worker.code() == 0
    assert sorted(worker.words()[-3:]) == [(1, "stopped"), (2, "stopped"), (3, "stopped")]
    assert all(is_gone(pid) for _, _, pid in worker.journal())


def test_a_process_that_refuses_its_settings_ends_all_with_its_code(running: list[Supervised], tmp_path: Path) -> None:
    (tmp_path / "code-2").write_text("2")
    worker = start(running, tmp_path, 2)
    assert worker.code() == 2
    assert (2, "replaced") not in worker.words()
    assert all(is_gone(pid) for _, _, pid in worker.journal())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a worker ends itself when its line does")
def test_no_process_outlives_a_supervisor_that_is_killed(running: list[Supervised], tmp_path: Path) -> None:
    worker = start(running, tmp_path, 2)
    worker.await_words((1, "started"), (2, "started"))
    pids = [worker.pid(1), worker.pid(2)]
    worker.send(signal.SIGKILL)
    until(lambda: all(map(is_gone, pids)), "end of both processes")


def test_all_read_their_files_again(running: list[Supervised], tmp_path: Path) -> None:
    worker = start(running, tmp_path, 2)
    worker.await_words((1, "started"), (2, "started"))
    worker.send(signal.SIGHUP)
    worker.await_words((1, "started"), (2, "started"), (1, "reloaded"), (2, "reloaded"))
    worker.send(signal.SIGINT)
    assert worker.code() == 0


def test_they_are_restarted_one_after_the_other(running: list[Supervised], tmp_path: Path) -> None:
    worker = start(running, tmp_path, 2)
    worker.await_words((1, "started"), (2, "started"))
    (tmp_path / "wrong").touch()
    worker.send(signal.SIGUSR1)
    until(lambda: "nothing is restarted" in worker.log.read_text(), "refusal in the log")
    (tmp_path / "wrong").unlink()
    worker.send(signal.SIGUSR1)
    until(lambda: len(worker.words()) == 6, "both replaced")
    assert worker.words()[2:] == [(1, "stopped"), (1, "replaced"), (2, "stopped"), (2, "replaced")]
    until(lambda: bool(worker.lines("all processes were restarted")), "end of the restart in the log")
    assert [(line["exit_code"], "starts_in_s" in line) for line in worker.lines("process ended")] == [(0, False)] * 2
    worker.send(signal.SIGTERM)
    assert worker.code() == 0


def test_the_supervisor_imports_neither_faust_nor_the_web() -> None:
    program = (
        "import sys, episode_monitor.cli.worker, episode_monitor.supervising.supervisor\n"
        f"print([name for name in {FOREIGN} if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
