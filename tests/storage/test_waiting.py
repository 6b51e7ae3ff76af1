"""What each repository does with its own rows while PostgreSQL is away, and what the audit promises always."""

from typing import Any

import psycopg
import pytest

from episode_monitor.storage.audit import AuditQuery, PostgresAuditLog
from episode_monitor.storage.checks import CheckKind, PostgresCheckResults
from episode_monitor.storage.database import Database
from episode_monitor.storage.database_service import DatabaseAway, Stored
from episode_monitor.storage.history import HistoryQuery, MemoryAlertHistory, PostgresAlertHistory
from episode_monitor.storage.ledger import PostgresLedger
from episode_monitor.storage.write_behind import LaneLimits
from models.check_views import JobState
from tests.storage.conftest import Opened, OwnServer, all_written, events, run, status_of
from tests.storage.making import NOON_MS, alert, entry


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
    await checks.finish(check.id, JobState.COMPLETED, {"status": "completed"}, NOON_MS + 99)
    assert (await checks.get(check.id)).state is JobState.COMPLETED
    with pytest.raises(DatabaseAway):
        await checks.get("of another worker")
    server.start()
    await all_written(database)
    assert server.run("select state, progress_done from episode_monitor.check_results") == [("completed", 49)]


async def test_another_workers_check_is_found_in_the_table(database: Database) -> None:
    here, there = PostgresCheckResults(database), PostgresCheckResults(database)
    check = await there.create(CheckKind.DEEP, "lee", NOON_MS)
    assert await here.get(check.id) == check
    done = await there.finish(check.id, JobState.COMPLETED, {"n": 1}, NOON_MS + 5)
    assert await here.get(check.id) == done


async def test_an_audit_row_that_has_to_wait_is_in_the_log_at_once(
    server: OwnServer, opened: Opened, log: list[Any]
) -> None:
    database = opened(server.monitor_url)
    audit = PostgresAuditLog(database)
    server.pause()
    await database.connect()
    audit.note(entry(1))
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
    assert "2 rows wait in memory and 1 were lost" in database.status()
    await database.close()
    said = events(log, "audit row could not be stored; this log line is the only copy")
    assert [(line["request"], line["why"]) for line in said] == [
        ('{"comment":"number 1"}', "the queue of waiting rows is full"),
        ('{"comment":"number 2"}', "the monitor stops while PostgreSQL is unavailable"),
        ('{"comment":"number 3"}', "the monitor stops while PostgreSQL is unavailable"),
    ]


async def test_the_audit_cannot_be_changed_or_emptied(database: Database, database_url: str) -> None:
    PostgresAuditLog(database).note(entry(1))
    await all_written(database)
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
    server.start()
    await all_written(database)
    assert await history.append(alert(9), 0, 9) is Stored.LEFT_TO_CATCH_UP  # it would make 6 … 8 a hole
    assert await history.last_offsets() == {0: 5}
    for offset in range(6, 10):
        assert await history.append(alert(offset), 0, offset) is Stored.WRITTEN
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
    server.start()
    await all_written(here)
    other = PostgresAlertHistory(here)
    for offset in (1, 2, 3):
        await other.append(alert(offset), 0, offset)
    assert await history.last_offsets() == {0: 3}
    assert await history.append(alert(4), 0, 4) is Stored.WRITTEN


async def test_a_history_too_large_for_memory_drops_nothing_that_waits(server: OwnServer, opened: Opened) -> None:
    database = opened(server.monitor_url)
    history = PostgresAlertHistory(database, LaneLimits(bytes=10_000))
    await database.connect()
    server.pause()
    await status_of(database, "PostgreSQL at")
    long = "x" * 5_000
    outcomes = [await history.append(alert(offset, description=long), 0, offset) for offset in range(3)]
    assert outcomes == [Stored.QUEUED, Stored.LEFT_TO_CATCH_UP, Stored.LEFT_TO_CATCH_UP]
    server.start()
    await all_written(database)
    assert database.counters()["alert_transitions_lost"] == 0
    assert await history.last_offsets() == {0: 0}


async def test_a_history_in_memory_keeps_the_newest_in_whatever_order_partitions_come() -> None:
    history = MemoryAlertHistory(limit=3)
    for offset, number in enumerate((7, 8, 9)):
        await history.append(alert(number), 0, offset)
    for offset, number in enumerate((1, 2, 10)):
        await history.append(alert(number), 1, offset)
    kept = (await history.list(HistoryQuery())).items
    assert [row.alert_id for row in kept] == ["firing-10", "firing-9", "firing-8"]
