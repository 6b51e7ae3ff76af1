"""A backfill whose database, Kafka, table or folder goes away in the middle: it says so, and the next run goes on."""

import asyncio
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from episode_monitor.backfill import run as module
from episode_monitor.backfill.position import BackfillProgress, PositionFile
from episode_monitor.backfill.run import Backfill, Orders
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.service_database.episodes_table import EpisodesTable
from episode_monitor.service_database.errors import ServiceDatabaseAway, ServiceTableMismatch
from tests.backfill.support import environment, events_of, make_table, run, start, until_begun
from tests.client.conftest import make_topic

ROWS = [(f"p{project}", number, f"ep-{project}-{number}") for project in range(3) for number in range(1, 41)]


@pytest.fixture
def env(database_url: str, broker: str, topic_prefix: str, tmp_path: Path) -> dict[str, str]:
    return environment(database_url, broker, topic_prefix, tmp_path)


async def whole(env: dict[str, str]) -> None:
    """Every row is stated, and each under one id, however often."""
    events = await events_of(env)
    assert {(event.project_id, event.episode_number, event.episode_id) for event in events} == set(ROWS)
    assert len({event.event_id for event in events}) == len(ROWS)


def other_database(database_url: str) -> str:
    """Of the same server, for what must not be done from inside."""
    return database_url.rpartition("/")[0] + "/postgres"


def put_away(database_url: str) -> None:
    name = database_url.rpartition("/")[2]
    with psycopg.connect(other_database(database_url), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        connection.execute(f'ALTER DATABASE "{name}" RENAME TO "{name}_away"')


def put_back(database_url: str) -> None:
    name = database_url.rpartition("/")[2]
    with psycopg.connect(other_database(database_url), autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}_away" RENAME TO "{name}"')


class Hurt:
    """A backfill of small pages in which something is done after the first one."""

    def __init__(self, env: dict[str, str], folder: Path, act: Callable[[], object]) -> None:
        orders = Orders(
            env["DATABASE_URL"], EpisodesTable(), env["KAFKA_BOOTSTRAP_SERVERS"], env["EVENTS_TOPIC"], page_rows=10
        )
        self.position = PositionFile(folder, "one", "table")
        self._acts = [act]
        self._backfill = Backfill(orders, self.position, self._show)

    def _show(self, _done: int, _total: int) -> None:
        if self._acts:
            self._acts.pop()()

    async def run(self) -> dict[str, Any]:
        with self.position.hold():
            return await self._backfill.run()


@pytest.fixture
async def topic(env: dict[str, str], broker: str, topic_prefix: str) -> None:
    await make_topic(broker, topic_prefix)
    await make_table(env["DATABASE_URL"], ROWS)


@pytest.mark.usefixtures("topic")
async def test_a_database_that_stays_away_ends_the_run_and_the_next_one_goes_on(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DATABASE_PAUSES_SECONDS", (0.01, 0.01))
    hurt = Hurt(env, tmp_path, lambda: put_away(env["DATABASE_URL"]))
    try:
        with pytest.raises(ServiceDatabaseAway):
            await hurt.run()
    finally:
        put_back(env["DATABASE_URL"])
    assert hurt.position.load().stated == 10
    summary = await Hurt(env, tmp_path, lambda: None).run()
    assert (summary["resumed"], summary["stated"], summary["stated_in_this_run"]) == (True, 120, 110)
    await whole(env)


@pytest.mark.usefixtures("topic")
async def test_a_table_that_is_dropped_ends_the_run_and_the_position_stays(env: dict[str, str], tmp_path: Path) -> None:
    def drop() -> None:
        with psycopg.connect(env["DATABASE_URL"], autocommit=True) as connection:
            connection.execute("ALTER TABLE episodes RENAME TO gone")

    hurt = Hurt(env, tmp_path, drop)
    with pytest.raises(ServiceTableMismatch, match="no table episodes"):
        await hurt.run()
    assert hurt.position.load().after == ("p0", 10, "ep-0-10")
    with psycopg.connect(env["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("ALTER TABLE gone RENAME TO episodes")
    assert (await Hurt(env, tmp_path, lambda: None).run())["stated"] == 120
    await whole(env)


@pytest.mark.usefixtures("topic")
async def test_a_position_that_cannot_be_kept_ends_the_run_in_a_sentence(env: dict[str, str], tmp_path: Path) -> None:
    hurt = Hurt(env, tmp_path, lambda: shutil.rmtree(tmp_path / "backfill"))
    with pytest.raises(Failure, match=r"position in .* cannot be saved") as caught:
        await hurt.run()
    assert caught.value.code is ExitCode.USAGE
    assert (await Hurt(env, tmp_path, lambda: None).run())["stated_in_this_run"] == 120  # from the beginning
    await whole(env)


@pytest.mark.usefixtures("topic")
async def test_a_read_only_database_is_enough(env: dict[str, str], tmp_path: Path) -> None:
    def make_read_only() -> None:
        name = env["DATABASE_URL"].rpartition("/")[2]
        with psycopg.connect(other_database(env["DATABASE_URL"]), autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])

    assert (await Hurt(env, tmp_path, make_read_only).run())["status"] == "completed"
    await whole(env)


@pytest.mark.broker
async def test_a_stop_while_it_waits_for_the_database_ends_it(env: dict[str, str], tmp_path: Path) -> None:
    await make_table(env["DATABASE_URL"], ROWS)
    process = start(env, tmp_path, "--rate", "20")
    await until_begun(tmp_path)
    await asyncio.to_thread(put_away, env["DATABASE_URL"])
    try:
        assert process.stderr is not None
        while "waits for the database" not in (line := await asyncio.to_thread(process.stderr.readline)):
            assert line, "it ended without a word"
        process.send_signal(signal.SIGTERM)
        out, err = await asyncio.to_thread(process.communicate)
    finally:
        process.kill()
        await asyncio.to_thread(put_back, env["DATABASE_URL"])
    assert (process.returncode, json.loads(out)["status"]) == (1, "stopped"), err
    code, summary, err = await asyncio.to_thread(run, env, tmp_path)
    assert (code, summary["stated"], summary["resumed"]) == (0, 120, True), err
    await whole(env)


@pytest.mark.apache  # the embedded broker forgets everything when it is killed
async def test_kill_9_of_kafka_in_the_middle_loses_no_row(
    env: dict[str, str], tmp_path: Path, private_broker: Any
) -> None:
    broker = await asyncio.to_thread(private_broker)
    env = env | {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers}
    await make_table(env["DATABASE_URL"], ROWS)
    process = start(env, tmp_path, "--rate", "20")
    try:
        await until_begun(tmp_path)
        await asyncio.to_thread(broker.kill9)
        out, err = await asyncio.to_thread(process.communicate)
    finally:
        process.kill()
    assert (process.returncode, out) == (3, ""), err
    await asyncio.to_thread(broker.start)
    code, summary, err = await asyncio.to_thread(run, env, tmp_path)
    assert (code, summary["stated"], summary["resumed"]) == (0, 120, True), err
    await whole(env)


def on_a_terminal(env: dict[str, str], folder: Path) -> tuple[int, str, str]:
    """Exit code, standard output, and what the terminal got."""
    mine, its = pty.openpty()
    words = [sys.executable, "-P", "-m", "episode_monitor", "backfill", "--rate", "60"]
    process = subprocess.Popen(words, env=env, cwd=folder, stdout=subprocess.PIPE, stderr=its, text=True)
    os.close(its)
    seen = b""
    try:
        with suppress(OSError):  # the other end is closed
            while some := os.read(mine, 4096):
                seen += some
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        os.close(mine)
    return process.returncode, out, seen.decode()


@pytest.mark.broker
async def test_on_a_terminal_a_bar_shows_how_far_it_is(env: dict[str, str], tmp_path: Path) -> None:
    await make_table(env["DATABASE_URL"], ROWS)
    code, out, seen = await asyncio.to_thread(on_a_terminal, env | {"TERM": "xterm"}, tmp_path)
    assert (code, out) == (0, f"120 episodes of 3 projects stated in {env['EVENTS_TOPIC']}.\n")
    assert "Backfill" in seen
    assert "120/120" in seen


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff\xfe", b"[]", b"null", b"{}", b"[" * 100_000,
        b'{"format": 9, "identity": ["one", "table"]}',
        b'{"format": 1, "identity": ["another"], "after": ["p", 1, "e"], "stated": 1, "projects": 1, "unusable": {}}',
        b'{"format": 1, "identity": ["one", "table"], "after": ["p"], "stated": 1, "projects": 1, "unusable": {}}',
        b'{"format": 1, "identity": ["one", "table"], "after": ["p", 1, "e"], "stated": 1, "projects": 1}',
    ],
)  # fmt: skip
def test_a_position_that_cannot_be_read_is_the_beginning(content: bytes, tmp_path: Path) -> None:
    position = PositionFile(tmp_path, "one", "table")
    with position.hold():
        position.save(BackfillProgress(after=("p", 7, "e"), stated=7, projects=1))
        assert position.load().after == ("p", 7, "e")
        (file,) = (tmp_path / "backfill").glob("*.json")
        file.write_bytes(content)
        assert position.load() == BackfillProgress()
