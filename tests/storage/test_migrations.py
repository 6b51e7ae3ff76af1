"""Migrations on a real PostgreSQL: up, down, up, several at once, after a crash, and by a monitor that is too old."""

import asyncio
import multiprocessing
import os
from pathlib import Path

import asyncpg
import psycopg
import pytest

from episode_monitor.storage import migrate
from episode_monitor.storage.address import Address
from episode_monitor.storage.troubles import TablesAreNewer
from tests.storage.conftest import run

ALL = [
    "0001.alert-history",
    "0002.delivery-ledger",
    "0003.check-results",
    "0004.audit",
    "0005.repair-plans",
    "0006.check-schedule",
    "0007.audit-checkpoints",
    "0008.alert-deliveries",
    "0009.history-of-acts",
    "0010.idempotency-keys",
    "0011.roles",
]
OURS = [
    "alert_deliveries",
    "alert_transitions",
    "audit",
    "audit_checkpoints",
    "check_results",
    "check_schedule",
    "deliveries",
    "history_progress",
    "idempotency_keys",
    "repair_plans",
    "repair_switch",
]


def tables(url: str, schema: str = "episode_monitor") -> list[str]:
    found = run(url, f"select tablename from pg_tables where schemaname = '{schema}' order by 1")
    return [name for (name,) in found]


def ours(url: str) -> list[str]:
    return [name for name in tables(url) if "yoyo" not in name]


def apply_in_a_process(
    url: str, start: "multiprocessing.synchronize.Barrier", answers: "multiprocessing.Queue[object]"
) -> None:
    start.wait()
    try:
        answers.put(migrate.apply(Address.parse(url)))
    except BaseException as error:
        answers.put(repr(error))


def test_up_down_and_up_again_leaves_the_same_tables(database_url: str) -> None:
    address = Address.parse(database_url)
    assert migrate.apply(address) == ALL
    assert ours(database_url) == OURS
    assert migrate.rollback(address) == ALL[::-1]
    assert ours(database_url) == []
    assert run(database_url, "select proname from pg_proc where proname = 'refuse_audit_change'") == []
    assert migrate.apply(address) == ALL
    assert ours(database_url) == OURS


def test_applying_twice_does_nothing_the_second_time(database_url: str) -> None:
    migrate.apply(Address.parse(database_url))
    assert migrate.apply(Address.parse(database_url)) == []


def test_nothing_is_left_in_the_public_schema(database_url: str) -> None:
    migrate.apply(Address.parse(database_url))
    assert tables(database_url, "public") == []


def test_every_migration_can_be_taken_back() -> None:
    assert migrate.known_migrations() == ALL
    assert all((migrate.FOLDER / f"{name}.rollback.sql").read_text().strip() for name in ALL)


def test_a_migration_that_a_crash_left_unmarked_is_repeated_without_harm(database_url: str) -> None:
    migrate.apply(Address.parse(database_url))
    run(database_url, "insert into episode_monitor.deliveries values ('t', 's', 'delivered', 1, now())")
    run(database_url, "delete from episode_monitor._yoyo_migration")
    assert migrate.apply(Address.parse(database_url)) == ALL
    assert run(database_url, "select transition_id from episode_monitor.deliveries") == [("t",)]


def test_four_workers_that_start_at_once_apply_each_migration_once(database_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    start, answers = context.Barrier(4), context.Queue()
    workers = [context.Process(target=apply_in_a_process, args=(database_url, start, answers)) for _ in range(4)]
    for worker in workers:
        worker.start()
    told = [answers.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert sorted(told, key=len) == [[], [], [], ALL]
    applied = run(database_url, "select count(*) from episode_monitor._yoyo_log where operation = 'apply'")
    assert applied == [(len(ALL),)]


def test_a_worker_that_died_while_migrating_does_not_lock_out_the_next(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as dying:
        dying.execute("select pg_advisory_lock(%s)", (migrate.LOCK_KEY,))
    assert migrate.apply(Address.parse(database_url)) == ALL


def test_a_role_that_may_not_create_anything_can_use_tables_that_are_there(database_url: str) -> None:
    migrate.apply(Address.parse(database_url))

    async def look() -> migrate.MigrationStatus:
        connection = await asyncpg.connect(database_url)
        await connection.execute("create role plain")
        try:
            await connection.execute("grant usage on schema episode_monitor to plain")
            await connection.execute("grant select on all tables in schema episode_monitor to plain")
            await connection.execute("set role plain")
            return await migrate.status(connection)
        finally:
            await connection.execute("reset role")
            await connection.execute("drop owned by plain")
            await connection.execute("drop role plain")
            await connection.close()

    assert asyncio.run(look()) == migrate.MigrationStatus(applied=ALL, pending=[], unknown=[])


def test_tables_of_a_newer_monitor_are_left_alone(database_url: str) -> None:
    migrate.apply(Address.parse(database_url))
    run(database_url, "insert into episode_monitor._yoyo_migration values ('h', '0009.of-tomorrow', now())")
    for action in (migrate.apply, migrate.rollback):
        with pytest.raises(TablesAreNewer, match=r"0009\.of-tomorrow"):
            action(Address.parse(database_url))
    assert ours(database_url) == OURS


def test_a_user_without_a_name_can_migrate(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000 - 7)
    assert migrate.apply(Address.parse(database_url)) == ALL


def test_a_failing_migration_changes_nothing_and_is_not_marked(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "0001.half.sql").write_text(
        "create table episode_monitor.half (n int);\n\nselect broken from nowhere;\n"
    )
    monkeypatch.setattr(migrate, "FOLDER", tmp_path)
    with pytest.raises(psycopg.errors.UndefinedTable):
        migrate.apply(Address.parse(database_url))
    assert ours(database_url) == []
    assert run(database_url, "select * from episode_monitor._yoyo_migration") == []
