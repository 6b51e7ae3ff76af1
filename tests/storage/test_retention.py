"""Old rows leave, young ones stay, and whoever is at work with a row is not waited for."""

from collections.abc import Callable

import psycopg
import pytest

from episode_monitor.storage import retention
from episode_monitor.storage.audit import PostgresAuditLog
from episode_monitor.storage.checks import CheckKind, PostgresCheckResults
from episode_monitor.storage.database import Database
from episode_monitor.storage.database_service import DatabaseAway
from episode_monitor.storage.history import PostgresAlertHistory
from episode_monitor.storage.ledger import PostgresLedger
from episode_monitor.storage.retention import DAY_MS, Retention, prune_daily, pruner
from models.check_views import JobState
from tests.storage.conftest import all_written, run
from tests.storage.making import NOON_MS, alert, entry

KEPT = Retention(history_days=10, deliveries_days=20, checks_days=30)


async def test_rows_leave_when_they_are_too_old_and_the_audit_keeps_all(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH_ROWS", 2)
    history, ledger = PostgresAlertHistory(database), PostgresLedger(database)
    checks, audit = PostgresCheckResults(database), PostgresAuditLog(database)
    for number in range(1, 8):  # one a day
        at_ms = NOON_MS + number * DAY_MS
        await history.append(alert(number, updated_at_ms=at_ms), 0, number)
        await ledger.record(f"t{number}", "slack", "delivered", 1, at_ms)
        check = await checks.create(CheckKind.BASIC, "kim", at_ms)
        if number > 1:
            await checks.finish(check.id, JobState.COMPLETED, {}, at_ms)
        audit.note(entry(number))
    await all_written(database)

    for key, day in (("old", 34), ("young", 36)):
        values = f"'m', 'c', '{key}', '', 't', now(), to_timestamp({(NOON_MS + day * DAY_MS) // 1000})"
        run(database_url, f"insert into episode_monitor.idempotency_keys values ({values})")
    prune = pruner(database, KEPT, pause_seconds=0.0)
    removed = await prune(NOON_MS + 35 * DAY_MS)
    assert removed == {
        "alert_transitions": 7, "deliveries": 7, "alert_deliveries": 0, "idempotency_keys": 1, "check_results": 3,
    }  # fmt: skip
    left = run(
        database_url, "select state, extract(day from started_at)::int from episode_monitor.check_results order by 2"
    )
    assert left == [("running", 10), ("completed", 14), ("completed", 15), ("completed", 16)]
    assert run(database_url, "select count(*) from episode_monitor.audit") == [(7,)]
    assert await history.last_offsets() == {0: 7}, "how far the history is does not change"
    assert await prune(NOON_MS + 35 * DAY_MS) == dict.fromkeys(removed, 0)


async def test_a_row_that_somebody_holds_is_left_for_the_next_time(database: Database, database_url: str) -> None:
    ledger = PostgresLedger(database)
    for number in (1, 2):
        await ledger.record(f"t{number}", "slack", "delivered", 1, NOON_MS)
    prune = pruner(database, KEPT)
    with psycopg.connect(database_url) as other:
        other.execute("select 1 from episode_monitor.deliveries where transition_id = 't1' for update")
        assert (await prune(NOON_MS + 21 * DAY_MS))["deliveries"] == 1
    assert (await prune(NOON_MS + 21 * DAY_MS))["deliveries"] == 1


class Enough(Exception):
    """Ends what runs for ever."""


@pytest.mark.parametrize(
    ("turns", "outcome", "pauses"),
    [
        ([True], lambda: {"deliveries": 0}, [60.0, 86_400.0]),
        ([False, True], lambda: {"deliveries": 5}, [60.0, 3600.0, 86_400.0]),
    ],
    ids=["once a day", "somebody else's turn"],
)
async def test_it_is_done_once_a_day_by_one_worker(
    turns: list[bool], outcome: Callable[[], dict[str, int]], pauses: list[float]
) -> None:
    slept: list[float] = []
    pruned: list[int] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == len(pauses):
            raise Enough

    async def prune(now_ms: int) -> dict[str, int]:
        pruned.append(now_ms)
        return outcome()

    with pytest.raises(Enough):
        await prune_daily(prune, iter(turns).__next__, lambda: NOON_MS, sleep)
    assert (slept, pruned) == (pauses, [NOON_MS])


async def test_a_database_that_is_away_is_asked_again_in_an_hour() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            raise Enough

    async def prune(now_ms: int) -> dict[str, int]:
        raise DatabaseAway("PostgreSQL does not answer.")

    with pytest.raises(Enough):
        await prune_daily(prune, lambda: True, lambda: NOON_MS, sleep)
    assert slept == [60.0, 3600.0]
