"""PostgreSQL is there and not as it should be: what the status says, and that nothing is lost meanwhile."""

import asyncio
from dataclasses import replace
from typing import Any

import psycopg

from episode_monitor.storage import migrate
from episode_monitor.storage.database import Database
from episode_monitor.storage.database_service import Stored
from episode_monitor.storage.history import PostgresAlertHistory
from tests.storage.conftest import SOON, Opened, OwnServer, all_written, events, run, status_of
from tests.storage.making import alert


async def test_a_wrong_password_is_said_without_either_password(server: OwnServer, opened: Opened) -> None:
    right = server.monitor_url.split(":")[2].split("@")[0]
    database = opened(server.monitor_url.replace(right, "swordfish"))
    await database.connect()
    assert database.status() == (
        f"PostgreSQL at 127.0.0.1:{server.port}/monitor rejects the password of 'episode_monitor': "
        "correct MONITOR_DATABASE_URL; meanwhile 0 rows wait in memory and 0 were lost."
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
    assert "rejects the password of 'nobody_here'" in database.status()


async def test_a_read_only_database_is_said_before_and_after_the_tables_are_made(
    server: OwnServer, opened: Opened
) -> None:
    server.run("alter database monitor set default_transaction_read_only = on")
    database = opened(server.monitor_url)
    history = PostgresAlertHistory(database)
    await database.connect()
    assert "is read-only, perhaps a standby: point MONITOR_DATABASE_URL at the primary" in database.status()
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


def opened_as(server: OwnServer, opened: Opened, role: str, limits: str = "") -> Database:
    """The monitor's database, by a new role."""
    server.run(f"create role {role} login password '{role}' {limits}")
    return opened(f"postgresql://{role}:{role}@127.0.0.1:{server.port}/monitor")


async def test_a_role_that_may_create_nothing_is_told_which_right_it_lacks(server: OwnServer, opened: Opened) -> None:
    database = opened_as(server, opened, "plain")
    await database.connect()
    assert "denies access to 'plain': grant it CREATE on the database" in database.status()
    server.run("grant create on database monitor to plain")
    await all_written(database)


async def test_a_role_that_may_not_connect_is_told_that_and_is_used_once_it_may(
    server: OwnServer, opened: Opened
) -> None:
    server.run("revoke all on database monitor from public")
    database = opened_as(server, opened, "stranger")
    await database.connect()
    assert "does not let 'stranger' connect: grant it CONNECT on the database" in database.status()
    server.run("grant connect, create on database monitor to stranger")
    await all_written(database)


async def test_a_server_without_a_free_connection_is_said(server: OwnServer, opened: Opened) -> None:
    database = opened_as(server, opened, "plain", "connection limit 0")
    await database.connect()
    assert "has no free connection: raise max_connections" in database.status()


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
    assert "history_progress" in await status_of(database, "rejects a statement")
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
        assert "has not been queried yet" in database.status()
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
