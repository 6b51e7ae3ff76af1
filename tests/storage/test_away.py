"""PostgreSQL is killed, frozen, started late and misconfigured while the monitor goes on writing."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from episode_monitor.storage import migrate
from episode_monitor.storage.audit import PostgresAuditLog
from episode_monitor.storage.checks import PostgresCheckResults
from episode_monitor.storage.database import Database
from episode_monitor.storage.history import PostgresAlertHistory
from episode_monitor.storage.lane import LaneLimits
from episode_monitor.storage.ledger import PostgresLedger
from episode_monitor.storage.protocols import DatabaseAway
from episode_monitor.storage.records import AuditQuery, CheckKind, CheckState, HistoryQuery, Stored
from tests.storage.conftest import SOON, OwnServer, all_written, frozen, run, status_of
from tests.storage.making import NOON_MS, alert, entry

Opened = Callable[..., Database]


def events(log: list[Any], name: str) -> list[Any]:
    return [line for line in log if line["event"] == name]


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
    assert "has not been asked yet" in opened("postgresql://u@127.0.0.1:1/d").status()


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
        await audit.append(entry(number))

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
        assert "rows wait in memory and 0 are lost" in said
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


async def test_an_answer_lost_after_the_commit_does_not_write_twice(database: Database, database_url: str) -> None:
    history, audit = PostgresAlertHistory(database), PostgresAuditLog(database)
    for _ in range(2):
        await history.append(alert(1), 0, 1)
        await audit.append(entry(1, id="one"))
    assert run(database_url, "select count(*) from episode_monitor.alert_transitions") == [(1,)]
    assert run(database_url, "select id from episode_monitor.audit") == [("one",)]


async def test_a_frozen_server_holds_nobody_up_for_long_and_is_noticed(server: OwnServer, opened: Opened) -> None:
    database = opened(server.monitor_url)
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
    database = opened(server.monitor_url, replace(SOON, probe_seconds=3600.0))
    history = PostgresAlertHistory(database)
    await database.connect()
    with frozen(server):
        async with asyncio.timeout(20):
            for answer in await asyncio.gather(
                *(history.list(HistoryQuery()) for _ in range(2)), return_exceptions=True
            ):
                assert isinstance(answer, DatabaseAway)
        assert "does not answer in time" in await status_of(database, "in time")
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
    database = opened(server.monitor_url, replace(SOON, close_seconds=0.5))
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


async def test_a_table_that_is_locked_makes_writes_wait_and_loses_none(database: Database, database_url: str) -> None:
    history = PostgresAlertHistory(database)
    with psycopg.connect(database_url) as holder:
        holder.execute("lock table episode_monitor.alert_transitions in access exclusive mode")
        assert await history.append(alert(1), 0, 1) is Stored.QUEUED
        assert "took too long over a statement" in await status_of(database, "too long")
    await all_written(database)
    assert await history.last_offsets() == {0: 1}


async def test_a_wrong_password_is_said_without_either_password(server: OwnServer, opened: Opened) -> None:
    right = server.monitor_url.split(":")[2].split("@")[0]
    database = opened(server.monitor_url.replace(right, "swordfish"))
    await database.connect()
    assert database.status() == (
        f"PostgreSQL at 127.0.0.1:{server.port}/monitor refuses the password of 'episode_monitor': "
        "correct MONITOR_DATABASE_URL; meanwhile 0 rows wait in memory and 0 are lost."
    )
    assert right not in database.status()
    assert "swordfish" not in database.status() + repr(database.address) + str(database.address)


async def test_a_missing_database_is_said_and_used_once_it_is_there(server: OwnServer, opened: Opened) -> None:
    database = opened(server.url("later"))
    await database.connect()
    assert "has no such database: create it, or correct MONITOR_DATABASE_URL" in database.status()
    server.create_database("later")
    await all_written(database)


async def test_a_missing_role_is_said(server: OwnServer, opened: Opened) -> None:
    database = opened(server.monitor_url.replace("episode_monitor:", "nobody_here:"))
    await database.connect()
    # PostgreSQL does not tell a stranger which of the two is wrong.
    assert "refuses the password of 'nobody_here'" in database.status()


async def test_a_read_only_database_is_said_before_and_after_the_tables_are_made(
    server: OwnServer, opened: Opened
) -> None:
    server.run("alter database monitor set default_transaction_read_only = on")
    database = opened(server.monitor_url)
    history = PostgresAlertHistory(database)
    await database.connect()
    assert "is read-only, a standby perhaps: point MONITOR_DATABASE_URL at the primary" in database.status()
    assert await history.append(alert(1), 0, 1) is Stored.QUEUED
    server.run("alter database monitor set default_transaction_read_only = off", "postgres")
    await all_written(database)
    server.run("alter database monitor set default_transaction_read_only = on")
    server.run("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'episode-monitor'")
    assert await history.append(alert(2), 0, 2) is Stored.QUEUED
    assert "is read-only" in await status_of(database, "read-only")
    idle = opened(server.monitor_url)
    await idle.connect()
    assert "is read-only" in idle.status()  # though it has nothing to write


async def test_a_role_that_may_create_nothing_is_told_which_right_it_lacks(server: OwnServer, opened: Opened) -> None:
    server.run("create role plain login password 'plain'")
    database = opened(f"postgresql://plain:plain@127.0.0.1:{server.port}/monitor")
    await database.connect()
    assert "denies 'plain' a right: grant it CREATE on the database" in database.status()
    server.run("grant create on database monitor to plain")
    await all_written(database)


async def test_a_server_without_a_free_connection_is_said(server: OwnServer, opened: Opened) -> None:
    server.run("create role plain login password 'plain' connection limit 0")
    database = opened(f"postgresql://plain:plain@127.0.0.1:{server.port}/monitor")
    await database.connect()
    assert "has no connection left: raise max_connections" in database.status()


async def test_tables_of_a_newer_monitor_are_said_and_not_written_to(database_url: str, opened: Opened) -> None:
    first = opened(database_url)
    await first.connect()
    run(database_url, "insert into episode_monitor._yoyo_migration values ('h', '0009.of-tomorrow', now())")
    database = opened(database_url)
    history = PostgresAlertHistory(database)
    await database.connect()
    assert "holds tables of a newer monitor (migration 0009.of-tomorrow is unknown here): update" in database.status()
    assert await history.append(alert(1), 0, 1) is Stored.QUEUED
    assert run(database_url, "select count(*) from episode_monitor.alert_transitions") == [(0,)]


async def test_tables_that_somebody_dropped_are_said_once_and_nothing_is_lost(
    database: Database, database_url: str, log: list[Any]
) -> None:
    history = PostgresAlertHistory(database)
    run(database_url, "drop table episode_monitor.history_progress")
    assert await history.append(alert(1), 0, 1) is Stored.QUEUED
    assert "history_progress" in await status_of(database, "refuses a statement")
    run(
        database_url,
        "create table episode_monitor.history_progress (kafka_partition int primary key, kafka_offset bigint)",
    )
    await all_written(database)
    assert len(events(log, "database away")) == 1


async def test_a_migration_that_takes_long_holds_up_neither_the_start_nor_the_loop(
    database_url: str, opened: Opened
) -> None:
    with psycopg.connect(database_url, autocommit=True) as other_worker:
        other_worker.execute("select pg_advisory_lock(%s)", (migrate.LOCK_KEY,))
        database = opened(database_url, replace(SOON, first_attempt_seconds=0.2))
        await database.connect()
        assert "has not been asked yet" in database.status()
    await all_written(database)


async def test_each_trouble_is_logged_once_however_often_it_is_tried(
    server: OwnServer, opened: Opened, log: list[Any]
) -> None:
    tries: list[float] = []
    tried_seven_times = asyncio.Event()

    async def sleep(seconds: float) -> None:
        tries.append(seconds)
        if len(tries) == 7:
            tried_seven_times.set()
        await asyncio.sleep(0.001)

    server.pause()
    options = replace(SOON, backoff_first_seconds=0.5, backoff_last_seconds=3.0)
    database = opened(server.monitor_url, options, sleep=sleep, jitter=lambda: 0.0)
    await database.connect()
    async with asyncio.timeout(20):
        await tried_seven_times.wait()
    assert tries[:7] == [0.0, 0.5, 1.0, 2.0, 3.0, 3.0, 3.0]
    assert len(events(log, "database away")) == 1


async def test_the_ledger_says_that_it_cannot_know_and_writes_later(server: OwnServer, opened: Opened) -> None:
    database = opened(server.monitor_url)
    ledger = PostgresLedger(database)
    server.pause()
    await database.connect()
    await ledger.record("t1", "slack", "delivered", 1, NOON_MS)
    with pytest.raises(DatabaseAway):
        await ledger.already_delivered("t1", "slack")
    server.start()
    await all_written(database)
    assert await ledger.already_delivered("t1", "slack")


async def test_a_check_can_be_run_and_asked_for_while_the_server_is_away(server: OwnServer, opened: Opened) -> None:
    database = opened(server.monitor_url)
    checks = PostgresCheckResults(database)
    server.pause()
    await database.connect()
    check = await checks.create(CheckKind.BASIC, "kim", NOON_MS)
    for done in range(50):
        await checks.progress(check.id, done, 50, NOON_MS + done)
    assert database.pending == 1  # only the latest standing of a check is worth writing
    await checks.finish(check.id, CheckState.COMPLETED, {"status": "completed"}, NOON_MS + 99)
    assert (await checks.get(check.id)).state is CheckState.COMPLETED
    with pytest.raises(DatabaseAway):
        await checks.get("of another worker")
    server.start()
    await all_written(database)
    assert server.run("select state, progress_done from episode_monitor.check_results") == [("completed", 49)]


async def test_another_workers_check_is_found_in_the_table(database: Database) -> None:
    here, there = PostgresCheckResults(database), PostgresCheckResults(database)
    check = await there.create(CheckKind.DEEP, "lee", NOON_MS)
    assert await here.get(check.id) == check
    done = await there.finish(check.id, CheckState.COMPLETED, {"n": 1}, NOON_MS + 5)
    assert await here.get(check.id) == done


async def test_an_audit_row_that_has_to_wait_is_in_the_log_at_once(
    server: OwnServer, opened: Opened, log: list[Any]
) -> None:
    database = opened(server.monitor_url)
    audit = PostgresAuditLog(database)
    server.pause()
    await database.connect()
    assert await audit.append(entry(1)) is Stored.QUEUED
    audit.note(entry(2))
    said = events(log, "audit row waits for the database")
    assert [(line["who"], line["what"], line["request"]) for line in said] == [
        ("kim", "alert.resolve", '{"comment":"number 1"}'),
        ("kim", "alert.resolve", '{"comment":"number 2"}'),
    ]
    server.start()
    await all_written(database)
    rows = (await audit.list(AuditQuery())).items
    assert [row.request for row in rows] == [{"comment": "number 2"}, {"comment": "number 1"}]


async def test_audit_rows_that_never_reach_the_table_are_whole_in_the_log(
    server: OwnServer, opened: Opened, log: list[Any]
) -> None:
    database = opened(server.monitor_url)
    audit = PostgresAuditLog(database, LaneLimits(rows=2))
    server.pause()
    await database.connect()
    for number in (1, 2, 3):
        audit.note(entry(number))
    assert "2 rows wait in memory and 1 are lost" in database.status()
    await database.close()
    said = events(log, "audit row is only here: it could not be stored")
    assert [(line["request"], line["why"]) for line in said] == [
        ('{"comment":"number 1"}', "memory for waiting rows is full"),
        ('{"comment":"number 2"}', "the monitor stops while PostgreSQL is away"),
        ('{"comment":"number 3"}', "the monitor stops while PostgreSQL is away"),
    ]


async def test_the_audit_cannot_be_changed_or_emptied(database: Database, database_url: str) -> None:
    await PostgresAuditLog(database).append(entry(1))
    for change in ("update {} set who = 'lee'", "delete from {}", "truncate {}"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="the audit is append-only"):
            run(database_url, change.format("episode_monitor.audit"))
    assert run(database_url, "select who from episode_monitor.audit") == [("kim",)]


async def test_a_history_too_long_for_memory_is_left_to_the_topic_without_a_hole(
    server: OwnServer, opened: Opened
) -> None:
    database = opened(server.monitor_url)
    history = PostgresAlertHistory(database, LaneLimits(rows=5))
    await database.connect()
    await history.append(alert(0), 0, 0)
    server.pause()
    await status_of(database, "PostgreSQL at")
    outcomes = [await history.append(alert(offset), 0, offset) for offset in range(1, 9)]
    assert outcomes == [Stored.QUEUED] * 5 + [Stored.LEFT_TO_CATCH_UP] * 3
    assert history.behind() == {0: 6}
    server.start()
    await all_written(database)
    assert await history.append(alert(9), 0, 9) is Stored.LEFT_TO_CATCH_UP  # it would make 6 … 8 a hole
    assert await history.last_offsets() == {0: 5}
    for offset in range(6, 10):
        assert await history.append(alert(offset), 0, offset) is Stored.WRITTEN
    assert history.behind() == {}
    assert await history.last_offsets() == {0: 9}
    stored = server.run("select kafka_offset from episode_monitor.alert_transitions order by id")
    assert [offset for (offset,) in stored] == list(range(10))


async def test_a_partition_that_another_worker_caught_up_is_not_behind_here(server: OwnServer, opened: Opened) -> None:
    here = opened(server.monitor_url)
    history = PostgresAlertHistory(here, LaneLimits(rows=1))
    await here.connect()
    server.pause()
    await status_of(here, "PostgreSQL at")
    for offset in (0, 1, 2):
        await history.append(alert(offset), 0, offset)
    assert history.behind() == {0: 1}
    server.start()
    await all_written(here)
    other = PostgresAlertHistory(here)
    for offset in (1, 2, 3):
        await other.append(alert(offset), 0, offset)
    assert await history.last_offsets() == {0: 3}
    assert history.behind() == {}
    assert await history.append(alert(4), 0, 4) is Stored.WRITTEN


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
    assert (row["limit"], row["z"]) == ("1s", "UTC")
