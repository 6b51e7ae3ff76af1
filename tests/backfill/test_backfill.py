"""`episode-monitor backfill` on real PostgreSQL and a real broker: whole, again, broken off, and with bad rows."""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest

from episode_monitor.demo.ports import free_port
from tests.backfill.support import (
    environment,
    events_of,
    make_table,
    numbers,
    positions,
    run,
    start,
    states_after,
    until_begun,
)
from tests.examples.support import until

pytestmark = pytest.mark.broker

ROWS = [(f"p{project}", number, f"ep-{project}-{number}") for project in range(3) for number in range(1, 41)]


@pytest.fixture
def env(database_url: str, broker: str, topic_prefix: str, tmp_path: Path) -> dict[str, str]:
    return environment(database_url, broker, topic_prefix, tmp_path)


async def test_every_row_is_stated_in_the_order_of_numbers_and_no_rate_is_touched(
    env: dict[str, str], tmp_path: Path
) -> None:
    await make_table(env["DATABASE_URL"], reversed(ROWS))
    code, summary, err = await asyncio.to_thread(run, env, tmp_path)
    assert (code, summary["status"], summary["stated"], summary["projects"]) == (0, "completed", 120, 3), err
    events = await events_of(env)
    assert sorted((event.project_id, event.episode_number, event.episode_id) for event in events) == sorted(ROWS)
    for project in range(3):
        mine = [event.episode_number for event in events if event.project_id == f"p{project}"]
        assert mine == list(range(1, 41))
    states = states_after(events)
    for state in states.values():
        assert (state.totals, state.days, state.late) == (0, {}, 0)
        assert (state.numbering.max_number, len(state.numbering.anomalies.suspects.holes)) == (40, 0)
        assert not state.numbering.anomalies.open_gaps.count
        assert not state.alerts
    assert positions(tmp_path) == []  # nothing is left to go on with


async def test_a_second_run_says_the_same_and_changes_nothing(env: dict[str, str], tmp_path: Path) -> None:
    await make_table(env["DATABASE_URL"], [*ROWS, ("p0", 50, "lonely"), ("p1", 7, "double")])
    for _ in range(2):
        code, summary, err = await asyncio.to_thread(run, env, tmp_path)
        assert (code, summary["stated"], summary["resumed"]) == (0, 122, False), err
    events = await events_of(env)
    assert len(events) == 244
    assert len({event.event_id for event in events}) == 122
    once, twice = states_after({event.event_id: event for event in events}.values()), states_after(events)
    assert numbers(once) == numbers(twice)
    for project, state in twice.items():
        assert [(h.start, h.end) for h in state.numbering.anomalies.suspects.holes] == [
            (h.start, h.end) for h in once[project].numbering.anomalies.suspects.holes
        ]
        assert state.numbering.episodes.duplicates == once[project].numbering.episodes.duplicates


async def test_kill_9_in_the_middle_and_the_next_run_goes_on_there(env: dict[str, str], tmp_path: Path) -> None:
    await make_table(env["DATABASE_URL"], ROWS)
    process = start(env, tmp_path, "--rate", "20")
    try:

        async def some_are_stated() -> bool:
            return any(position["stated"] >= 40 for position in positions(tmp_path))

        await until(some_are_stated)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    before = positions(tmp_path)[0]["stated"]
    assert before < 120
    code, summary, err = await asyncio.to_thread(run, env, tmp_path)
    assert (code, summary["resumed"], summary["stated"], summary["projects"]) == (0, True, 120, 3), err
    assert summary["stated_in_this_run"] == 120 - before
    events = await events_of(env)
    assert {(event.project_id, event.episode_number, event.episode_id) for event in events} == set(ROWS)
    assert len({event.event_id for event in events}) == 120


async def test_a_stop_is_kept_and_a_restart_begins_anew(env: dict[str, str], tmp_path: Path) -> None:
    await make_table(env["DATABASE_URL"], ROWS)
    process = start(env, tmp_path, "--rate", "20")
    await until_begun(tmp_path)
    process.send_signal(signal.SIGTERM)
    out, _ = await asyncio.to_thread(process.communicate)
    assert (process.returncode, json.loads(out)["status"]) == (1, "stopped")
    assert positions(tmp_path)[0]["stated"] == json.loads(out)["stated"] < 120
    code, summary, _ = await asyncio.to_thread(run, env, tmp_path, "--restart")
    assert (code, summary["stated_in_this_run"], summary["resumed"]) == (0, 120, False)


async def test_rows_that_cannot_be_stated_are_counted_and_shown_and_stop_nothing(
    env: dict[str, str], tmp_path: Path
) -> None:
    bad = [
        ("p", None, "null number"),
        (None, 1, "null project"),
        ("p", 0, "zero"),
        ("p", -3, "below"),
        ("p", 2**31, "beyond"),
        ("bad\nname", 1, "control"),
        ("x" * 201, 1, "long project"),
        ("p", 4, "x" * 201),
        ("", 1, "no project"),
    ]
    await make_table(env["DATABASE_URL"], [*bad, *ROWS])
    code, summary, err = await asyncio.to_thread(run, env, tmp_path)
    assert (code, summary["stated"]) == (1, 120), err
    assert summary["unusable"]["total"] == 9
    assert summary["unusable"]["by_reason"] == {"invalid_field": 6, "missing_field": 1, "null": 2}
    assert len(summary["unusable"]["samples"]) == 9
    assert all(sample["why"] for sample in summary["unusable"]["samples"])
    assert len(await events_of(env)) == 120


async def test_a_dry_run_judges_everything_and_sends_nothing(env: dict[str, str], tmp_path: Path) -> None:
    await make_table(env["DATABASE_URL"], [*ROWS, ("p0", 0, "zero")])
    away = env | {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"}  # it is not even asked
    code, summary, err = await asyncio.to_thread(run, away, tmp_path, "--dry-run")
    assert (code, summary["dry_run"], summary["stated"], summary["unusable"]["total"]) == (1, True, 120, 1), err
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    "ddl",
    [
        "CREATE TABLE episodes (id uuid PRIMARY KEY, project_id bigint NOT NULL, number smallint NOT NULL)",
        "CREATE TABLE episodes (id varchar(80) PRIMARY KEY, project_id char(40) NOT NULL, number integer NOT NULL)",
    ],
)
async def test_ids_may_be_of_other_types(env: dict[str, str], tmp_path: Path, ddl: str) -> None:
    ids = [f"00000000-0000-4000-8000-{n:012}" for n in range(1, 31)]
    await make_table(env["DATABASE_URL"], [], ddl)
    connection = await asyncpg.connect(env["DATABASE_URL"])
    for at, episode in enumerate(ids):
        statement = f"INSERT INTO episodes (id, project_id, number) VALUES ('{episode}', '{at % 3 + 8}', {at // 3 + 1})"
        await connection.execute(statement)
    await connection.close()
    code, summary, err = await asyncio.to_thread(run, env, tmp_path, "--rate", "5000")
    assert (code, summary["stated"], summary["projects"]) == (0, 30, 3), err
    assert {event.episode_id for event in await events_of(env)} == set(ids)
    assert {event.project_id for event in await events_of(env)} == {"8", "9", "10"}


async def test_the_database_breaks_off_and_it_goes_on(env: dict[str, str], tmp_path: Path) -> None:
    await make_table(env["DATABASE_URL"], ROWS)
    process = start(env, tmp_path, "--rate", "30")
    await until_begun(tmp_path)
    with psycopg.connect(env["DATABASE_URL"], autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    out, err = await asyncio.to_thread(process.communicate)
    assert (process.returncode, json.loads(out)["stated"]) == (0, 120), err
    assert "waits for the database" in err


async def test_what_is_missing_or_away_is_one_sentence_and_the_right_exit_code(
    env: dict[str, str], tmp_path: Path
) -> None:
    def said(code: int, *words: str, **changes: str) -> None:
        changed = {name: value for name, value in (env | changes).items() if value}
        found, summary, err = run(changed, tmp_path)
        assert (found, summary) == (code, None), err
        (line,) = [line for line in err.splitlines() if line.startswith("episode-monitor: ")]
        for word in words:
            assert word in line
        assert "Traceback" not in err

    await asyncio.to_thread(said, 2, "DATABASE_URL is not set", DATABASE_URL="")
    await asyncio.to_thread(said, 2, "no table episodes", "EPISODES_TABLE")
    await make_table(env["DATABASE_URL"], ROWS)
    await asyncio.to_thread(said, 2, "EPISODES_NUMBER_COLUMN", EPISODES_NUMBER_COLUMN="nummer")
    await asyncio.to_thread(said, 2, "EPISODES_NUMBER_COLUMN", EPISODES_NUMBER_COLUMN="id")
    nowhere = f"127.0.0.1:{free_port()}"
    url = f"postgresql://me:hush@{nowhere}/x"
    await asyncio.to_thread(said, 3, "cannot be reached", DATABASE_URL=url)
    await asyncio.to_thread(said, 3, "KAFKA_BOOTSTRAP_SERVERS", KAFKA_BOOTSTRAP_SERVERS=nowhere)
    (tmp_path / "file").write_text("")
    await asyncio.to_thread(said, 2, "STATE_DIR", STATE_DIR=str(tmp_path / "file" / "x"))
    with psycopg.connect(env["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS reader_without_rights")
        connection.execute("CREATE ROLE reader_without_rights LOGIN PASSWORD 'secret'")
    _, _, rest = env["DATABASE_URL"].partition("@")
    refused = f"postgresql://reader_without_rights:secret@{rest}"
    await asyncio.to_thread(said, 4, "grant", DATABASE_URL=refused)


async def test_two_at_once_are_one_too_many(env: dict[str, str], tmp_path: Path) -> None:
    await make_table(env["DATABASE_URL"], ROWS)
    process = start(env, tmp_path, "--rate", "10")
    try:
        await until_begun(tmp_path)
        code, _, err = await asyncio.to_thread(run, env, tmp_path)
        assert (code, "Another backfill" in err) == (4, True)
    finally:
        process.kill()
        process.communicate()


async def test_a_broker_that_stops_answering_ends_the_run_and_the_next_one_goes_on(
    env: dict[str, str], tmp_path: Path, private_broker: Any
) -> None:
    broker = await asyncio.to_thread(private_broker)
    env = env | {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers}
    await make_table(env["DATABASE_URL"], ROWS)
    process = start(env, tmp_path, "--rate", "20")
    await until_begun(tmp_path)
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        _, err = await asyncio.to_thread(process.communicate)
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    assert process.returncode == 3, err
    assert "run the same command again to continue" in " ".join(err.split())
    code, summary, err = await asyncio.to_thread(run, env, tmp_path)
    assert (code, summary["stated"], summary["resumed"]) == (0, 120, True), err
    assert {(e.project_id, e.episode_number, e.episode_id) for e in await events_of(env)} == set(ROWS)
