"""Rows on their way: bounds, replaced rows, rows that PostgreSQL never takes, batches that are too much for it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from episode_monitor.storage.database import Database
from episode_monitor.storage.database_service import Stored
from episode_monitor.storage.history import HistoryQuery, PostgresAlertHistory
from episode_monitor.storage.ledger import PostgresLedger
from episode_monitor.storage.rows import moment
from episode_monitor.storage.write_behind import Connection, LaneLimits, WriteBehind
from tests.storage.conftest import SOON, all_written, run
from tests.storage.making import NOON_MS, alert

SMALL = 10  # bytes of a row, where a test does not care


async def refuse_all(connection: Connection, rows: Sequence[Any]) -> None:
    raise AssertionError("nothing should be written here")


async def lost_rows(limits: LaneLimits, sizes: list[int]) -> list[int]:
    """The numbers of the rows that a lane of these limits loses, when rows of these sizes come in turn."""
    lost: list[int] = []
    lane: WriteBehind[int] = WriteBehind("t", refuse_all, limits, on_lost=lambda row, why: lost.append(row))
    for number, size in enumerate(sizes):
        lane.put(number, size)
    assert lane.lost == len(lost)
    return lost


async def test_a_full_lane_loses_its_oldest_rows() -> None:
    assert await lost_rows(LaneLimits(rows=3), [SMALL] * 3) == []
    assert await lost_rows(LaneLimits(rows=3), [SMALL] * 5) == [0, 1]


async def test_a_lane_is_bounded_in_bytes_too_but_takes_a_single_huge_row() -> None:
    assert await lost_rows(LaneLimits(bytes=100), [40, 40, 20]) == []
    assert await lost_rows(LaneLimits(bytes=100), [40, 40, 40]) == [0]
    assert await lost_rows(LaneLimits(bytes=100), [40, 40, 90]) == [0, 1]
    assert await lost_rows(LaneLimits(bytes=100), [1000]) == []


async def test_losses_are_logged_at_the_first_and_then_seldom(log: list[Any]) -> None:
    await lost_rows(LaneLimits(rows=1), [SMALL] * 2001)
    assert [line["lost_so_far"] for line in log] == [1, 1000, 2000]


async def test_a_row_of_a_known_key_takes_the_place_of_the_older_one() -> None:
    lane: WriteBehind[str] = WriteBehind("t", refuse_all)
    first = lane.put("old", 40, key="a")
    lane.put("other", SMALL)
    second = lane.put("new", 30, key="a")
    assert lane.pending == 2
    lane.release()
    assert (first.result(), second.result()) == (Stored.QUEUED, Stored.QUEUED)


async def test_a_row_that_is_replaced_while_it_is_written_is_written_again(database: Database) -> None:
    seen: list[list[str]] = []

    async def write(connection: Connection, rows: Sequence[str]) -> None:
        if not seen:
            later.append(lane.put("new", SMALL, key="a"))
        seen.append(list(rows))

    later: list[Any] = []
    lane: WriteBehind[str] = database.add_lane(WriteBehind("t", write))
    async with asyncio.timeout(20):
        assert await database.store(lane, "old", SMALL, key="a") is Stored.WRITTEN
        assert await later[0] is Stored.WRITTEN
    assert seen == [["old"], ["new"]]
    assert lane.pending == 0


async def test_a_row_that_postgresql_never_takes_is_refused_and_those_around_it_are_written(
    database: Database, database_url: str, log: list[Any]
) -> None:
    history = PostgresAlertHistory(database)
    assert await history.append(alert(1), 0, 1) is Stored.WRITTEN
    too_long_for_an_index = alert(2, alert_key="".join(chr(0x4E00 + number * 7 % 9000) for number in range(9000)))
    assert await history.append(too_long_for_an_index, 0, 2) is Stored.REFUSED
    assert await history.append(alert(3), 0, 3) is Stored.WRITTEN
    assert database.status() == "ok"
    assert database.counters()["alert_transitions_lost"] == 1
    [line] = [line for line in log if line["event"] == "row could not be written"]
    assert (line["table"], line["log_level"]) == ("alert_transitions", "error")
    assert "cannot hold the row" in line["why"]
    assert [row.kafka_offset for row in (await history.list(HistoryQuery())).items] == [3, 1]


async def test_a_bad_row_in_the_middle_of_a_batch_spoils_only_itself(database: Database, database_url: str) -> None:
    ledger = PostgresLedger(database)
    lane = ledger._lane
    for number in range(9):
        attempts = -1 if number == 4 else "many" if number == 6 else number
        lane.put((f"t{number}", "slack", "delivered", attempts, moment(NOON_MS)), SMALL)
    database._wake.set()
    await all_written(database)
    kept = run(database_url, "select transition_id from episode_monitor.deliveries order by 1")
    assert [name for (name,) in kept] == ["t0", "t1", "t2", "t3", "t5", "t7", "t8"]
    assert lane.lost == 2


@pytest.mark.parametrize("limits", [LaneLimits(batch_rows=4), LaneLimits(batch_bytes=45)])
async def test_a_batch_is_bounded_in_rows_and_bytes(database: Database, limits: LaneLimits) -> None:
    batches: list[list[int]] = []

    async def write(connection: Connection, rows: Sequence[int]) -> None:
        batches.append(list(rows))

    lane: WriteBehind[int] = WriteBehind("t", write, limits)
    for number in range(10):
        lane.put(number, SMALL)
    database.add_lane(lane)
    await database.store(lane, 10, SMALL)
    await all_written(database)
    assert batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]


async def test_a_batch_that_takes_too_long_is_tried_again_with_half_the_rows(
    database_url: str, opened: Callable[..., Database]
) -> None:
    database = opened(database_url, replace(SOON, statement_seconds=0.3))
    await database.connect()
    sizes: list[int] = []

    async def write(connection: Connection, rows: Sequence[int]) -> None:
        sizes.append(len(rows))
        await connection.execute(f"select pg_sleep({1 if len(rows) > 2 else 0})")

    lane: WriteBehind[int] = WriteBehind("t", write, LaneLimits(batch_rows=8))
    for number in range(8):
        lane.put(number, SMALL)
    database.add_lane(lane)
    database._wake.set()
    await all_written(database)
    assert sizes == [8, 4, 2, 2, 2, 2]
    assert lane.lost == 0


async def test_a_mistake_of_our_own_in_a_statement_keeps_the_rows_and_is_logged(
    database: Database, log: list[Any]
) -> None:
    wrong = True

    async def write(connection: Connection, rows: Sequence[int]) -> None:
        await connection.execute("select no_such_column" if wrong else "select 1")

    lane: WriteBehind[int] = database.add_lane(WriteBehind("t", write))
    assert await database.store(lane, 1, SMALL) is Stored.QUEUED
    assert "no_such_column" in database.status()
    assert any(line["event"] == "database error, possibly a defect of the monitor" for line in log)
    wrong = False
    await all_written(database)
