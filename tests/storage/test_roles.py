"""The roles of workers and readers: a worker works without owning anything, a reader changes nothing."""

import psycopg
import pytest
from psycopg import errors

from episode_monitor.cli.migrate import migrate as migrate_command
from episode_monitor.exits import Failure
from episode_monitor.storage import migrate
from episode_monitor.storage.address import Address
from episode_monitor.storage.audit import AuditQuery, PostgresAuditLog
from episode_monitor.storage.checks import CheckKind, PostgresCheckResults
from episode_monitor.storage.database import Database
from episode_monitor.storage.history import PostgresAlertHistory
from episode_monitor.storage.idempotency import Asked, Kept, MemoryKeys, PostgresKeys, Taken
from episode_monitor.storage.ledger import PostgresLedger
from episode_monitor.storage.retention import Retention, pruner
from models.check_views import JobState
from tests.storage.conftest import Opened, OwnServer, all_written, run
from tests.storage.making import NOON_MS, alert, entry

REFUSED_TO_WORKERS = [
    "update episode_monitor.audit set who = 'x'",
    "delete from episode_monitor.audit_checkpoints",
    "insert into episode_monitor._yoyo_migration values ('h', '9999', now())",
    "create table episode_monitor.more (id int)",
    "drop table episode_monitor.deliveries",
    "truncate episode_monitor.deliveries",
]


def address_of(server: OwnServer, role: str) -> str:
    """A login named `plain`, which has this role alone."""
    server.run(f"create role plain login password 'plain' in role {role}")
    return f"postgresql://plain:plain@127.0.0.1:{server.port}/monitor"


async def used(database: Database) -> None:
    """Every table, as a worker does it."""
    history, ledger = PostgresAlertHistory(database), PostgresLedger(database)
    checks, audit = PostgresCheckResults(database), PostgresAuditLog(database)
    await history.append(alert(1), 0, 1)
    await ledger.record("t1", "slack", "delivered", 1, NOON_MS)
    check = await checks.create(CheckKind.BASIC, "kim", NOON_MS)
    await checks.finish(check.id, JobState.COMPLETED, {}, NOON_MS)
    audit.note(entry(1))
    await all_written(database)
    assert len((await audit.list(AuditQuery())).items) == 1
    keys, asked = PostgresKeys(database, "m", MemoryKeys(lambda: NOON_MS)), Asked("c", "k", b"d")
    taken = await keys.take(asked)
    assert isinstance(taken, Taken)
    await keys.keep(asked, taken.token, Kept(200, {}, b""))
    kept = Retention(history_days=1, deliveries_days=1, checks_days=1)
    assert (await pruner(database, kept)(NOON_MS + 9 * 86_400_000))["deliveries"] == 1


async def test_a_worker_with_its_role_alone_uses_every_table_and_owns_none(server: OwnServer, opened: Opened) -> None:
    migrate.apply(Address.parse(server.monitor_url))
    url = address_of(server, "episode_monitor_worker")
    database = opened(url)
    await database.connect()
    assert database.status() == "ok"
    await used(database)
    assert (database.status(), database.losses()) == ("ok", "")
    for statement in REFUSED_TO_WORKERS:
        with pytest.raises(errors.InsufficientPrivilege):
            run(url, statement)


async def test_a_reader_reads_all_but_the_answers_of_others_and_a_worker_with_its_role_says_what_it_lacks(
    server: OwnServer, opened: Opened
) -> None:
    migrate.apply(Address.parse(server.monitor_url))
    url = address_of(server, "episode_monitor_reader")
    assert run(url, "select count(*) from episode_monitor.audit") == [(0,)]
    for statement in (
        "select * from episode_monitor.idempotency_keys", "delete from episode_monitor.deliveries",
        "insert into episode_monitor.check_schedule default values",
    ):  # fmt: skip
        with pytest.raises(errors.InsufficientPrivilege):
            run(url, statement)
    database = opened(url)
    await database.connect()
    PostgresAuditLog(database).note(entry(1))
    await database.until(lambda: database.status() != "ok")
    assert database.status().startswith(
        f"PostgreSQL at 127.0.0.1:{server.port}/monitor denies 'plain' what a worker needs (permission denied for "
        "table audit): grant it the role episode_monitor_worker"
    )
    server.run("grant episode_monitor_worker to plain")
    await all_written(database)
    assert database.status() == "ok"


def test_a_role_that_may_not_create_roles_migrates_all_the_same(server: OwnServer) -> None:
    for role in migrate.ROLES:
        server.run(f"drop role if exists {role}")
    server.run("create role plain login password 'plain'")
    server.run("grant create on database monitor to plain")
    address = Address.parse(f"postgresql://plain:plain@127.0.0.1:{server.port}/monitor")
    assert "0011.roles" in migrate.apply(address)
    assert migrate.grant(address) == ["episode_monitor_worker", "episode_monitor_reader"]
    server.run("create role episode_monitor_worker")
    assert migrate.grant(address) == ["episode_monitor_reader"]
    asked = "select has_table_privilege('episode_monitor_worker', 'episode_monitor.deliveries', 'DELETE')"
    assert server.run(asked) == [(True,)]
    server.run("drop owned by plain cascade")


def test_every_table_is_granted(server: OwnServer) -> None:
    migrate.apply(Address.parse(server.monitor_url))
    with psycopg.connect(server.monitor_url) as connection:
        tables = connection.execute(
            "select tablename, "
            "has_table_privilege('episode_monitor_worker', 'episode_monitor.' || tablename, 'SELECT'), "
            "has_table_privilege('episode_monitor_reader', 'episode_monitor.' || tablename, 'SELECT') "
            "from pg_tables where schemaname = 'episode_monitor'"
        ).fetchall()
    assert [name for name, for_workers, _ in tables if not for_workers] == []
    assert [name for name, _, for_readers in tables if not for_readers] == ["idempotency_keys"]


def test_the_command_migrates_once_and_says_what_it_did(
    server: OwnServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MONITOR_DATABASE_URL", server.monitor_url)
    migrate_command()
    migrate_command()
    first, again = capsys.readouterr().out.splitlines()
    assert first.startswith("Migrations applied: 0001.alert-history, ")
    assert again == "Migrations applied: none, all were there."
    server.run("create role plain login password 'plain'")
    monkeypatch.setenv("MONITOR_DATABASE_URL", f"postgresql://plain:plain@127.0.0.1:{server.port}/monitor")
    with pytest.raises(Failure, match="denies 'plain' what a worker needs") as raised:
        migrate_command()
    assert raised.value.code == 3
    monkeypatch.delenv("MONITOR_DATABASE_URL")
    with pytest.raises(Failure, match="MONITOR_DATABASE_URL is not set; set it to the address of the tables' owner"):
        migrate_command()
