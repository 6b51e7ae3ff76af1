"""PostgreSQL is killed, frozen, locked and started late while the monitor goes on reading and writing."""

import asyncio
import gc
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from episode_monitor.storage.audit import PostgresAuditLog
from episode_monitor.storage.database import Database
from episode_monitor.storage.database_service import DatabaseAway, Stored
from episode_monitor.storage.history import HistoryQuery, PostgresAlertHistory
from episode_monitor.storage.ledger import PostgresLedger
from tests.storage.conftest import IMPATIENT, SOON, Opened, OwnServer, all_written, events, frozen, run, status_of
from tests.storage.making import NOON_MS, alert, entry


async def test_an_absent_server_does_not_keep_the_monitor_from_starting(server: OwnServer, opened: Opened) -> None:
    server.pause()
    database = opened(server.monitor_url)
    history = PostgresAlertHistory(database)
    await database.connect()
    assert "refuses the connection: start the server" in database.status()
    assert await history.append(alert(1), 0, 1) is Stored.QUEUED
    with pytest.raises(DatabaseAway, match="refuses the connection"):
        await history.list(HistoryQuery())
    with pytest.raises(DatabaseAway):
        await history.last_offsets()
    server.start()
    await all_written(database)
    assert database.status() == "ok"
    assert [row.kafka_offset for row in (await history.list(HistoryQuery())).items] == [1]


async def test_a_server_that_was_never_asked_is_not_said_to_be_ok(opened: Opened) -> None:
    assert "has not been queried yet" in opened("postgresql://u@127.0.0.1:1/d").status()


async def test_a_kill_while_writes_go_on_loses_nothing_and_keeps_their_order(
    server: OwnServer, opened: Opened, log: list[Any]
) -> None:
    database = opened(server.monitor_url)
    history, ledger, audit = PostgresAlertHistory(database), PostgresLedger(database), PostgresAuditLog(database)
    await database.connect()
    outcomes: list[Stored] = []
    in_the_middle = asyncio.Event()

    async def write(number: int) -> None:
        if number % 200 == 40:
            in_the_middle.set()
        outcomes.append(await history.append(alert(number), number % 3, number))
        await ledger.record(f"t{number}", "slack", "delivered", 1, NOON_MS)
        audit.note(entry(number))

    async def write_on(first: int, last: int) -> None:
        for number in range(first, last):
            await write(number)

    for round_number in range(3):
        first = round_number * 200
        in_the_middle.clear()
        writing = asyncio.create_task(write_on(first, first + 100))
        await in_the_middle.wait()
        server.kill9()
        await writing
        said = await status_of(database, "PostgreSQL at")
        assert "rows wait in memory and 0 were lost" in said
        await write_on(first + 100, first + 200)
        server.start()
        await all_written(database)

    assert Stored.WRITTEN in outcomes
    assert Stored.QUEUED in outcomes
    assert len(outcomes) == 600
    stored = server.run("select kafka_offset from episode_monitor.alert_transitions order by id")
    assert [offset for (offset,) in stored] == list(range(600))
    assert server.run("select count(*), count(distinct transition_id) from episode_monitor.deliveries") == [(600, 600)]
    assert server.run("select count(*) from episode_monitor.audit") == [(600,)]
    assert await history.last_offsets() == {0: 597, 1: 598, 2: 599}
    assert len(events(log, "database ok")) == 4  # at first, and once for each kill


async def test_a_connection_that_is_cut_alone_closes_none_of_the_others(
    server: OwnServer, opened: Opened, log: list[Any]
) -> None:
    database = opened(server.monitor_url)
    history = PostgresAlertHistory(database)
    await database.connect()
    doomed = asyncio.create_task(database.fetch("select pg_sleep(31)"))
    others = [asyncio.create_task(database.fetch("select pg_sleep(1)")) for _ in range(2)]
    cut = "select pg_terminate_backend(pid) from pg_stat_activity where query = 'select pg_sleep(31)'"
    async with asyncio.timeout(20):
        while not server.run(cut):  # noqa: ASYNC110 - a server does it
            await asyncio.sleep(0.01)
    with pytest.raises(DatabaseAway, match="closed the connection"):
        await doomed
    assert [len(rows) for rows in await asyncio.gather(*others)] == [1, 1]
    # It waits for the backend's end: a row that was in flight just then would be queued, which is another test.
    ours = "application_name = 'episode-monitor' limit 1"
    one = f"select pg_terminate_backend(pid, 10000) from pg_stat_activity where {ours}"
    assert server.run(one) == [(True,)]
    assert await history.append(alert(1), 0, 1) is Stored.WRITTEN
    assert database.status() == "ok"
    assert events(log, "database away") == []


async def test_a_server_that_ends_leaves_no_traceback_in_the_log(
    server: OwnServer, opened: Opened, log: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    gc.collect()  # what earlier tests of this process left is none of ours
    caplog.clear()
    database = opened(server.monitor_url)
    await database.connect()
    reading = [asyncio.create_task(database.fetch("select pg_sleep(30)")) for _ in range(3)]
    async with asyncio.timeout(20):
        while server.run("select count(*) from pg_stat_activity where query like '%pg_sleep(30)'") < [(3,)]:  # noqa: ASYNC110 - a server does it
            await asyncio.sleep(0.01)
    server.kill9()
    assert all(isinstance(one, DatabaseAway) for one in await asyncio.gather(*reading, return_exceptions=True))
    await status_of(database, "PostgreSQL at")
    server.start()
    await all_written(database)
    gc.collect()  # what asyncio has to say of errors that nobody fetched it says then
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
    assert [line["event"] for line in log if line.get("exc_info")] == []


async def test_an_answer_lost_after_the_commit_does_not_write_twice(database: Database, database_url: str) -> None:
    history, audit = PostgresAlertHistory(database), PostgresAuditLog(database)
    for _ in range(2):
        await history.append(alert(1), 0, 1)
        audit.note(entry(1, id="one"))
    await all_written(database)
    assert run(database_url, "select count(*) from episode_monitor.alert_transitions") == [(1,)]
    assert run(database_url, "select id from episode_monitor.audit") == [("one",)]


async def test_a_frozen_server_holds_nobody_up_for_long_and_is_noticed(server: OwnServer, opened: Opened) -> None:
    database = opened(server.monitor_url, IMPATIENT)
    history = PostgresAlertHistory(database)
    await database.connect()
    await history.append(alert(1), 0, 1)
    with frozen(server):
        async with asyncio.timeout(20):
            assert await history.append(alert(2), 0, 2) is Stored.QUEUED
            with pytest.raises(DatabaseAway):
                await history.list(HistoryQuery())
        assert "does not answer in time" in await status_of(database, "in time")
    await all_written(database)
    assert await history.last_offsets() == {0: 2}


async def test_a_reader_that_gets_no_answer_is_let_go_and_tells_the_others(server: OwnServer, opened: Opened) -> None:
    # An hour to hand back a connection: it must be cut, not handed back in peace.
    database = opened(server.monitor_url, replace(IMPATIENT, probe_seconds=3600.0, connect_seconds=3600.0))
    history = PostgresAlertHistory(database)
    await database.connect()
    with frozen(server):
        async with asyncio.timeout(20):
            with pytest.raises(DatabaseAway, match="does not answer in time"):
                await history.list(HistoryQuery())
            await status_of(database, "does not answer in time")
    await all_written(database)
    assert (await history.list(HistoryQuery())).items == []


async def test_a_reader_whose_connection_breaks_tells_the_others(server: OwnServer, opened: Opened) -> None:
    database = opened(server.monitor_url, replace(SOON, probe_seconds=3600.0))
    history = PostgresAlertHistory(database)
    await database.connect()
    server.kill9()
    with pytest.raises(DatabaseAway):
        await history.list(HistoryQuery())
    await status_of(database, "refuses the connection")


async def test_closing_while_the_server_is_frozen_ends_soon(server: OwnServer, opened: Opened) -> None:
    database = opened(server.monitor_url, replace(IMPATIENT, close_seconds=0.5))
    history = PostgresAlertHistory(database)
    await database.connect()
    with frozen(server):
        async with asyncio.timeout(20):
            waiting = asyncio.create_task(history.append(alert(1), 0, 1))
            await asyncio.sleep(0)
            await database.close()
            assert await waiting is Stored.QUEUED
    assert database.counters()["alert_transitions_lost"] == 1


async def test_a_connection_that_an_administrator_ends_is_replaced(database: Database, database_url: str) -> None:
    history = PostgresAlertHistory(database)
    await history.append(alert(1), 0, 1)
    run(
        database_url,
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and application_name = 'episode-monitor'",
    )
    await history.append(alert(2), 0, 2)
    await all_written(database)
    assert await history.last_offsets() == {0: 2}


async def test_a_table_that_is_locked_makes_writes_wait_and_loses_none(database_url: str, opened: Opened) -> None:
    database = opened(database_url, IMPATIENT)
    await database.connect()
    history = PostgresAlertHistory(database)
    with psycopg.connect(database_url) as holder:
        holder.execute("lock table episode_monitor.alert_transitions in access exclusive mode")
        assert await history.append(alert(1), 0, 1) is Stored.QUEUED
        assert "took too long for a statement" in await status_of(database, "too long")
    await all_written(database)
    assert await history.last_offsets() == {0: 1}


async def test_close_writes_what_waits(database: Database, database_url: str) -> None:
    audit = PostgresAuditLog(database)
    for number in range(1200):
        audit.note(entry(number))
    await database.close()
    assert run(database_url, "select count(*) from episode_monitor.audit") == [(1200,)]


async def test_a_caller_that_gives_up_does_not_take_its_row_along(database: Database, database_url: str) -> None:
    ledger = PostgresLedger(database)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await ledger.record("t1", "slack", "delivered", 1, NOON_MS)
    await all_written(database)
    assert run(database_url, "select transition_id from episode_monitor.deliveries") == [("t1",)]


async def test_many_readers_and_writers_at_once_all_get_their_answer(database: Database) -> None:
    history = PostgresAlertHistory(database)

    async def one(number: int) -> int:
        assert await history.append(alert(number), 0, number) is Stored.WRITTEN
        return len((await history.list(HistoryQuery(limit=1))).items)

    assert await asyncio.gather(*(one(number) for number in range(100))) == [1] * 100


async def test_the_connection_names_itself_and_is_bounded(database: Database, database_url: str) -> None:
    history = PostgresAlertHistory(database)
    await asyncio.gather(*(history.list(HistoryQuery()) for _ in range(50)))
    [(connections,)] = run(
        database_url,
        "select count(*) from pg_stat_activity"
        " where datname = current_database() and application_name = 'episode-monitor'",
    )
    assert 1 <= connections <= 3
    [row] = await database.fetch(
        "select current_setting('statement_timeout') as limit, current_setting('timezone') as z"
    )
    assert (row["limit"], row["z"]) == ("20s", "UTC")
