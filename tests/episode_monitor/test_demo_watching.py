"""A part of the demo that is killed: its programs come back, and what ends the demo leaves its logs."""

import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from episode_monitor.demo.guarded import ServerError
from episode_monitor.demo.ports import free_port
from episode_monitor.demo.programs import Program
from episode_monitor.demo.watching import RESTARTS, Watch


@pytest.fixture
def program() -> Iterator[Program]:
    """A program with an HTTP face that has started."""
    port = free_port()
    words = ["http.server", str(port), "--bind", "127.0.0.1"]
    program = Program("worker", words, port, lambda _: {}, files=lambda folder: (folder / "index.html").touch())
    with program:
        yield program


def kill(program: Program) -> None:
    process = program._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    process.kill9()  # waits until its end is known


async def test_a_killed_program_is_started_again_and_the_reader_is_told_where_its_log_is(program: Program) -> None:
    lines: list[str] = []
    watch, first = Watch([program], [], lines.append), program.pid
    await watch.look()
    assert lines == []
    kill(program)
    await watch.look()
    assert program.is_running
    assert program.pid != first
    assert lines == [
        f"The worker has stopped (killed by SIGKILL) and is started again (1 of {RESTARTS}): {program.log_file}",
        "The worker runs again.",
    ]
    assert program.log_file.is_file()


async def test_a_program_that_stops_too_often_ends_the_demo_and_its_log_stays(program: Program) -> None:
    watch = Watch([program], [], lambda line: None)
    for _ in range(RESTARTS):
        kill(program)
        await watch.look()
    kill(program)
    with pytest.raises(ServerError, match=f"has stopped after {RESTARTS} restarts") as stopped:
        await watch.look()
    program.stop()
    _assert_log_is_kept(stopped.value)


async def test_restarts_of_long_ago_do_not_end_the_demo(program: Program) -> None:
    lines: list[str] = []
    moments = iter([0.0, 1.0, 2.0, 3.0, 4.0, 601.5])  # seconds; the first two are ten minutes ago by the last
    watch = Watch([program], [], lines.append, lambda: next(moments))
    for _ in range(RESTARTS + 1):
        kill(program)
        await watch.look()
    assert program.is_running
    assert "is started again (4 of 5)" in lines[-2]


async def test_a_server_that_stops_ends_the_demo_at_once_and_its_log_stays(program: Program) -> None:
    watch = Watch([], [program], lambda line: None)
    kill(program)
    with pytest.raises(ServerError, match=r"The worker has stopped \(killed by SIGKILL\)") as stopped:
        await watch.look()
    assert not program.is_running
    program.stop()
    _assert_log_is_kept(stopped.value)


def _assert_log_is_kept(error: ServerError) -> None:
    named = re.search(r"logs are in (\S+)$", str(error))
    assert named is not None
    folder = Path(named[1])
    assert "GET / HTTP" in (folder / "worker.log").read_text()
    shutil.rmtree(folder)
