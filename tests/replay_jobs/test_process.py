"""The process of a job, on a broker that accepts connections and never says a word."""

import asyncio
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from episode_monitor.replay.ranges import Range
from episode_monitor.replay_jobs import process as module
from episode_monitor.replay_jobs.orders import Order, PackedRules
from episode_monitor.replay_jobs.process import JobFailed, run_in_process
from episode_monitor.settings.settings import load_settings
from tests.replay_jobs.processes import children, is_there

OOM_SCORE = Path("/proc/self/oom_score_adj")
COMMAND = [sys.executable, "-P", "-m", "episode_monitor.replay_jobs"]


@pytest.fixture
def silent_broker() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=20) as server:
        server.settimeout(30)
        yield server


def place_of(pid: int) -> tuple[int, int]:
    """How nice it is, and how readily it is killed where memory runs out."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[16]), int(Path(f"/proc/{pid}/oom_score_adj").read_text())


def order(server: socket.socket) -> Order:
    address = f"127.0.0.1:{server.getsockname()[1]}"
    return Order(load_settings({"KAFKA_BOOTSTRAP_SERVERS": address}), PackedRules("in force", []), Range(), None)


def test_it_ends_when_the_other_end_of_its_input_closes(silent_broker: socket.socket) -> None:
    """Whatever ends a worker closes it, SIGKILL as well."""
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(pickle.dumps(order(silent_broker)))
        process.stdin.flush()
        connection, _ = silent_broker.accept()  # it waits for the broker's first word
        with connection:
            assert process.poll() is None
            process.stdin.close()
            assert process.wait(30) == 130


@pytest.mark.skipif(
    not Path("/proc/self/oom_score_adj").exists(), reason="only Linux says which process is killed first"
)
async def test_it_stands_behind_the_worker_and_is_gone_when_the_job_is_cancelled(silent_broker: socket.socket) -> None:
    before = set(children())
    task = asyncio.create_task(run_in_process(order(silent_broker), lambda progressed: None))
    connection, _ = await asyncio.to_thread(silent_broker.accept)
    with connection:
        (pid,) = set(children()) - before
        assert place_of(pid) == (10, 1000)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 15)  # by itself the process would ask the broker for longer
        assert not is_there(pid)


@pytest.mark.parametrize(
    ("ends", "sentence"),
    [
        ("sys.exit(3)", "Its process ended with 3: see the log of the worker that ran it."),
        (
            "os.kill(os.getpid(), 9)",
            "Its process was ended by signal 9, perhaps for want of memory; use a shorter range.",
        ),
    ],
)
@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_one_that_ends_before_it_has_its_order_is_said(
    silent_broker: socket.socket, monkeypatch: pytest.MonkeyPatch, run: Callable[[Any], Any], ends: str, sentence: str
) -> None:
    real = asyncio.create_subprocess_exec

    async def and_wait(*words: str, **options: Any) -> asyncio.subprocess.Process:
        process = await real(*words, **options)
        await process.wait()
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", and_wait)
    monkeypatch.setattr(module, "_COMMAND", (sys.executable, "-I", "-c", f"import os, sys; {ends}"))
    with pytest.raises(JobFailed) as failed:
        run(run_in_process(order(silent_broker), lambda progressed: None))
    assert str(failed.value) == sentence
