"""Takes old rows out of the monitor's tables, a little at a time, so that no other statement waits for it.

The audit keeps everything: its table lets nothing be removed.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from episode_monitor.storage.database import Database
from episode_monitor.storage.database_service import DatabaseAway
from episode_monitor.storage.rows import moment

_log = structlog.get_logger(__name__)

BATCH_ROWS = 1_000
DAY_MS = 24 * 3600 * 1000
# Rows that another session holds are left for the next time. Old rows lie at the beginning of a table, so finding a
# batch needs no index.
_REMOVE = """
with old as (
    select ctid from episode_monitor.{table} where {column} < $1{more} limit $2 for update skip locked
), gone as (
    delete from episode_monitor.{table} where ctid in (select ctid from old) returning 1
)
select count(*) as rows from gone
"""


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """For how many days rows are kept."""

    history_days: int
    deliveries_days: int
    checks_days: int


Prune = Callable[[int], Awaitable[dict[str, int]]]


def pruner(database: Database, retention: Retention, pause_seconds: float = 0.1) -> Prune:
    """A function that takes the wall clock in ms, removes what is too old and answers how much, by table.

    It raises `DatabaseAway`; what was removed until then stays so.
    """
    tables = (
        ("alert_transitions", "at", "", retention.history_days),
        ("deliveries", "at", "", retention.deliveries_days),
        ("alert_deliveries", "at", "", retention.deliveries_days),
        ("idempotency_keys", "expires_at", "", 0),
        ("check_results", "started_at", " and state <> 'running'", retention.checks_days),
    )

    async def prune(now_ms: int) -> dict[str, int]:
        removed = {}
        for table, column, more, days in tables:
            statement = _REMOVE.format(table=table, column=column, more=more)
            removed[table] = 0
            while True:
                rows = await database.fetch(statement, moment(now_ms - days * DAY_MS), BATCH_ROWS)
                removed[table] += rows[0]["rows"]
                if rows[0]["rows"] < BATCH_ROWS:
                    break
                await asyncio.sleep(pause_seconds)
        return removed

    return prune


async def prune_daily(
    prune: Prune, is_ours: Callable[[], bool], now_ms: Callable[[], int],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:  # fmt: skip
    """For ever: once a day where `is_ours` says that it is this worker's turn; else look again in an hour."""
    await sleep(60.0)
    while True:
        pause_seconds = 3600.0
        if is_ours():
            try:
                removed = await prune(now_ms())
                pause_seconds = 24 * 3600.0
                if any(removed.values()):
                    _log.info("old rows removed", **removed)
            except DatabaseAway as away:
                _log.warning("old rows could not be removed; retrying in an hour", reason=str(away))
        await sleep(pause_seconds)
