"""A pooler between the monitor and PostgreSQL: what it refuses, what it drops, and the mode that cannot be used."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from episode_monitor.repair.plan_state import PlanState
from episode_monitor.repair.planning import Strategy
from episode_monitor.service_database.episodes_table import EpisodesTable
from episode_monitor.service_database.errors import ServiceDatabaseRefused
from episode_monitor.service_database.reader import EpisodesReader
from episode_monitor.storage.connecting import TransactionPooler, refuse_transaction_pooling
from episode_monitor.storage.database_service import Stored
from episode_monitor.storage.history import PostgresAlertHistory
from testbed.pooler import PGBOUNCER, front_door, pgbouncer
from tests.repair.desk import TABLE, Desk
from tests.storage.conftest import SOON, Opened, run, status_of
from tests.storage.making import alert

needs_pgbouncer = pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed on this machine")

BOUNDS = """
create table bounds (lock_timeout text, statement_timeout text, idle text);
create function noted() returns trigger language plpgsql as $$ begin
    insert into bounds values (current_setting('lock_timeout'), current_setting('statement_timeout'),
        current_setting('idle_in_transaction_session_timeout'));
    return null;
end $$;
create trigger noted after update on episodes for each row execute function noted()
"""


async def repaired(url: str, direct: str) -> Desk:
    """A project repaired over this address."""
    desk = Desk(direct)
    await desk.make_tables()
    await desk.hold("p", 1, 3)
    await desk.run(BOUNDS)
    through = Desk(url)
    through.stream = desk.stream
    through.repairs = through.another()
    kept = await through.repairs.plan("p", Strategy.COMPACT, "mina")
    kept = await through.repairs.apply(kept.plan.plan_id, "mina", "p")
    assert kept.progress.state is PlanState.APPLIED
    assert [tuple(row) for row in await desk.run("select * from bounds")] == [("2s", "30s", "30s")]
    return desk


async def test_a_pooler_that_knows_few_startup_parameters_is_told_no_others(database_url: str, opened: Opened) -> None:
    async with front_door(database_url) as (door, url):
        database = opened(url)
        history = PostgresAlertHistory(database)
        await database.connect()
        assert database.status() == "ok"
        assert await history.append(alert(1), 0, 1) is Stored.WRITTEN
        (row,) = await database.fetch("select current_setting('statement_timeout'), current_setting('timezone')")
        assert tuple(row) == ("20s", "UTC")
        await repaired(url, database_url)
        async with EpisodesReader.open(url, EpisodesTable()) as reader:
            assert [row[1] async for rows in reader.rows_of(["p"]) for row in rows] == [1, 2]
        told = set().union(*door.parameters)
        assert told <= {"user", "database", "client_encoding"}


async def test_what_the_pooler_says_is_quoted(database_url: str, opened: Opened) -> None:
    async with front_door(database_url) as (_, url):
        database = opened(f"{url}?options=-cgeqo%3Doff")
        await database.connect()
        assert "(unsupported startup parameter: options): remove it from MONITOR_DATABASE_URL" in database.status()


@needs_pgbouncer
async def test_pgbouncer_in_session_mode_is_as_good_as_the_server(
    database_url: str, opened: Opened, tmp_path: Path
) -> None:
    with pgbouncer(database_url, tmp_path, "session") as url:
        database = opened(url)
        await database.connect()
        assert await status_of(database, "ok") == "ok"
        await repaired(url, database_url)


@needs_pgbouncer
@pytest.mark.parametrize("pool_size", [1, 5])
async def test_pgbouncer_in_transaction_mode_is_refused_for_both_databases(
    database_url: str, opened: Opened, tmp_path: Path, pool_size: int
) -> None:
    await Desk(database_url).make_tables()
    with pgbouncer(database_url, tmp_path, "transaction", default_pool_size=pool_size) as url:
        database = opened(url)
        await database.connect()
        said = await status_of(database, "pooler in transaction mode")
        assert "set the pooler to session mode, or MONITOR_DATABASE_URL to the server itself" in said
        with pytest.raises(ServiceDatabaseRefused, match=r"in transaction mode, .* or DATABASE_URL to the server"):
            async with EpisodesReader.open(url, TABLE):
                pass
        with pytest.raises(ServiceDatabaseRefused, match="pooler in transaction mode"):
            await Desk(url).repairs.plan("p", Strategy.COMPACT, "mina")


class Through:
    """A session whose statements run on these processes of the server, in turn. `told` is what the pooler said."""

    def __init__(self, *processes: int | Exception, told: int = 7) -> None:
        self._processes = [*processes]
        self._told = told
        self.is_closed = False

    async def fetchval(self, query: str) -> int:
        found = self._processes.pop(0) if len(self._processes) > 1 else self._processes[0]
        if isinstance(found, Exception):
            raise found
        return found

    def get_server_pid(self) -> int:
        return self._told

    def terminate(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize(
    ("first", "second", "is_refused"),
    [
        (Through(7), None, False),  # no pooler: nothing more is asked
        (Through(1), Through(2), False),
        (Through(1), Through(1), True),
        (Through(1, 1, 3), Through(2), True),
        (Through(1), Through(2, 4), True),
        (Through(asyncpg.InvalidSQLStatementNameError("gone")), None, True),
        (Through(1), Through(TimeoutError()), False),  # a session keeps the only connection
        (Through(1), asyncpg.TooManyConnectionsError("enough"), False),
    ],
)
async def test_two_sessions_that_share_a_process_are_pooled_by_transactions(
    first: Through, second: Any, is_refused: bool
) -> None:
    async def again() -> Through:
        if not isinstance(second, Through):
            raise second
        return second

    if is_refused:
        with pytest.raises(TransactionPooler):
            await refuse_transaction_pooling(first, again)
    else:
        await refuse_transaction_pooling(first, again)
    assert not isinstance(second, Through) or second.is_closed


@pytest.fixture
async def few(database_url: str) -> AsyncIterator[str]:
    """The address of a role that may hold three connections at a time."""
    connection = await asyncpg.connect(database_url)
    database = database_url.rpartition("/")[2].partition("?")[0]
    await connection.execute(
        f"create role few login password 'secret-few' connection limit 3; "
        f'grant create on database "{database}" to few'
    )
    yield "postgresql://few:secret-few@" + database_url.partition("@")[2]
    await connection.execute("drop owned by few; drop role few")
    await connection.close()


async def test_a_role_that_may_hold_few_connections_shares_them(few: str, opened: Opened, log: list[Any]) -> None:
    database = opened(few, replace(SOON, max_connections=5))
    await database.connect()
    assert database.status() == "ok"
    for _ in range(3):
        asked = (database.fetch("select pg_sleep(0.02), $1::int as number", number) for number in range(12))
        assert [rows[0]["number"] for rows in await asyncio.gather(*asked)] == list(range(12))
    assert database.status() == "ok"
    assert [line["event"] for line in log if line["event"].startswith("database ")] == [
        "database migrations applied", "database ok",
    ]  # fmt: skip
    shared = [line["reason"] for line in log if line["event"].startswith("no further database connection")]
    assert len(shared) == 1
    assert 'too many connections for role "few"' in shared[0]


async def test_a_pooler_that_takes_no_more_clients_leaves_those_it_has(
    database_url: str, opened: Opened, log: list[Any]
) -> None:
    async with front_door(database_url, limit=2) as (_, url):
        database = opened(url)
        await database.connect()
        await status_of(database, "ok")
        asked = (database.fetch("select pg_sleep(0.02)") for _ in range(12))
        assert len(await asyncio.gather(*asked)) == 12
        assert database.status() == "ok"
        assert "no more connections allowed" in next(
            line["reason"] for line in log if line["event"].startswith("no further database connection")
        )


async def test_a_role_that_may_hold_two_connections_makes_its_tables_and_works_with_one(
    few: str, database_url: str, opened: Opened
) -> None:
    run(database_url, "alter role few connection limit 2")
    database = opened(few)
    await database.connect()
    assert await status_of(database, "ok") == "ok"
    run(database_url, "alter role few connection limit 1")
    asked = (database.fetch("select pg_sleep(0.01)") for _ in range(12))
    assert len(await asyncio.gather(*asked)) == 12
    assert database.status() == "ok"
