"""How the benchmark follows programs: by the marks on their logs, and by what the system says of their processes."""

import os
import sys
import time
from pathlib import Path

import pytest

from benchmarks import rig
from benchmarks.peers.contender import ROOT, CannotRun, Job
from benchmarks.peers.measuring import Sampler
from benchmarks.peers.running import ProgramRuns

PROGRAM = """
import signal, time
from pathlib import Path
from benchmarks.peers.programs.marks import Marks
marks = Marks()
marks.seen(0, 0)
marks.seen(0, 9)
print("bench last", "something else")
while not Path("go").exists():
    time.sleep(0.01)
marks.seen(2, 4)
signal.pause()
"""


def _job(folder: Path) -> Job:
    return Job("bench-test", "127.0.0.1:1", "events", 3, {0: 9, 2: 4}, 1, folder)


def _words(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def test_a_job_has_as_many_events_as_its_partitions_hold(tmp_path: Path) -> None:
    assert _job(tmp_path).events == 15
    assert _job(tmp_path).environment(0)["BENCH_LAST_OFFSETS"] == "0:9,2:4"


def test_it_is_over_when_the_last_event_of_every_partition_was_seen(tmp_path: Path) -> None:
    began = time.time()
    with ProgramRuns(_job(tmp_path), lambda _: _words(PROGRAM), {"PYTHONPATH": str(ROOT)}) as runs:

        def is_over() -> bool:
            runs.look()
            return runs.last_at is not None

        log = tmp_path / "log-0"
        rig.until(lambda: "something else" in log.read_text(), 30, "the last event of one partition")
        assert not is_over()
        (tmp_path / "go").touch()
        rig.until(is_over, 30, "the last event")
        assert runs.first_at is not None
        assert runs.last_at is not None
        assert began - 0.001 <= runs.first_at <= runs.last_at
        assert not runs.have_ended()
        runs.ask_to_stop()
        rig.until(runs.have_ended, 30, "its end")
        runs.look()  # asked to stop, it may end


def test_a_program_that_ends_too_early_cannot_run_and_says_its_last_words(tmp_path: Path) -> None:
    with ProgramRuns(_job(tmp_path), lambda _: _words("raise SystemExit('there is no such topic')")) as runs:
        rig.until(runs.have_ended, 30, "its end")
        with pytest.raises(CannotRun, match="there is no such topic"):
            runs.look()


def test_children_count_and_what_has_ended_keeps_what_it_used(tmp_path: Path) -> None:
    child = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"
    parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r} + 'input()'], check=False)"
    with ProgramRuns(_job(tmp_path), lambda _: _words(parent), may_end=True) as runs:
        sampler = Sampler(runs.pids)
        end = time.monotonic() + 30
        while sampler.cpu_seconds(0.0, time.time()) < 0.3 and time.monotonic() < end:
            sampler.sample()
        assert sampler.cpu_seconds(0.0, time.time()) >= 0.3
        assert sampler.peak_memory_bytes > 5_000_000
    before = sampler.cpu_seconds(0.0, time.time())
    sampler.sample()
    assert sampler.cpu_seconds(0.0, time.time()) == before
    assert os.getpid() not in list(runs.pids())
