"""Brings the tables to the version this code needs, and refuses those of a newer one.

yoyo runs the SQL files. It marks a migration after the transaction that made it, so a crash in between repeats the
migration: every file must do nothing the second time.
"""

import socket
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from yoyo import read_migrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend

from episode_monitor.storage.address import Address
from episode_monitor.storage.connecting import Connection, refuse_transaction_pooling
from episode_monitor.storage.troubles import ReadOnly, TablesAreNewer, WrongEncoding

SCHEMA = "episode_monitor"
FOLDER = Path(__file__).parent / "migrations"
ROLES_MIGRATION = "0011.roles"
ROLES = ("episode_monitor_worker", "episode_monitor_reader")
APPLICATION_NAME = "episode-monitor migrations"

_MARKS = "_yoyo_migration"  # yoyo's own table, kept in our schema
LOCK_KEY = 0x4550_4E4D  # any number that all monitors agree on and nothing else on the database takes
_LOCK_SECONDS = 10  # a longer wait would hold up the end of the process; the supervisor tries again
_CONNECT_SECONDS = 10
_ASKED = "select current_setting('transaction_read_only') = 'on', current_setting('server_encoding')"


@dataclass(frozen=True)
class MigrationStatus:
    """Which migrations the database has. `unknown` ones belong to a newer monitor."""

    applied: list[str]
    pending: list[str]
    unknown: list[str]


def known_migrations() -> list[str]:
    """The names of the migrations of this code, in their order."""
    return sorted(path.stem for path in FOLDER.glob("*.sql") if not path.name.endswith(".rollback.sql"))


def compared(applied: list[str]) -> MigrationStatus:
    """How the names in the database stand to those of this code."""
    known = known_migrations()
    return MigrationStatus(
        applied=[name for name in known if name in applied],
        pending=[name for name in known if name not in applied],
        unknown=sorted(set(applied) - set(known)),
    )


async def status(connection: Connection) -> MigrationStatus:
    """Asks an asyncpg connection; cheap, takes no lock and needs no right to create anything."""
    if await connection.fetchval("select to_regclass($1)", f"{SCHEMA}.{_MARKS}") is None:
        return compared([])
    rows = await connection.fetch(f"select migration_id from {SCHEMA}.{_MARKS}")
    return compared([row["migration_id"] for row in rows])


async def checked_status(connection: Connection, again: Callable[[], Awaitable[Connection]]) -> MigrationStatus:
    """Which migrations it has. Raises TransactionPooler, ReadOnly, WrongEncoding, TablesAreNewer."""
    await refuse_transaction_pooling(connection, again)
    is_read_only, encoding = await connection.fetchrow(_ASKED)
    if is_read_only:
        raise ReadOnly
    if encoding != "UTF8":
        raise WrongEncoding(encoding)
    found = await status(connection)
    if found.unknown:
        raise TablesAreNewer(found.unknown)
    return found


def apply(address: Address) -> list[str]:
    """Applies what is missing and returns its names. Blocks; several processes may call it at once.

    Raises `TablesAreNewer`, or an error of psycopg.
    """
    with _locked(address) as backend:
        missing = _checked(backend).pending
        # yoyo leaves out a file it cannot read without a word; the second look notices.
        backend.apply_migrations(backend.to_apply(read_migrations(str(FOLDER))))
        left = _checked(backend).pending
        if left:
            raise RuntimeError(f"yoyo did not apply {', '.join(left)}")
        return missing


def grant(address: Address) -> list[str]:
    """Grants the tables to the roles of workers and readers, once more, and returns those that do not exist. Raises an
    error of psycopg."""
    with _locked(address) as backend:
        backend.connection.execute((FOLDER / f"{ROLES_MIGRATION}.sql").read_text())
        rows = backend.connection.execute("select rolname from pg_roles where rolname = any(%s)", (list(ROLES),))
        present = {row[0] for row in rows.fetchall()}
        return [role for role in ROLES if role not in present]


def rollback(address: Address) -> list[str]:
    """Takes back every migration, with all data, and returns their names. Raises as `apply` does."""
    with _locked(address) as backend:
        present = _checked(backend).applied
        backend.rollback_migrations(backend.to_rollback(read_migrations(str(FOLDER))))
        return present[::-1]


class _Target(NamedTuple):
    conninfo: str


class _Backend(PostgresqlPsycopgBackend):  # type: ignore[misc] # yoyo has no types
    """yoyo on a connection of ours, under PostgreSQL's advisory lock.

    yoyo's own lock is a row that a killed process leaves behind for good; an advisory lock ends with its connection.
    """

    schema = SCHEMA

    def connect(self, target: _Target) -> Any:
        return psycopg.connect(
            target.conninfo, autocommit=True, connect_timeout=_CONNECT_SECONDS, client_encoding="UTF8"
        )

    def init_connection(self, connection: Any) -> None:
        connection.execute(f"set search_path to {SCHEMA}")
        connection.execute(f"set application_name to '{APPLICATION_NAME}'")
        connection.execute(f"set lock_timeout to '{_LOCK_SECONDS}s'")

    def list_tables(self, **kwargs: Any) -> list[str]:
        rows = self.connection.execute("select tablename from pg_tables where schemaname = %s", (SCHEMA,)).fetchall()
        return [row[0] for row in rows]

    @contextmanager
    def lock(self, timeout: float = _LOCK_SECONDS) -> Iterator[None]:
        self.connection.execute("select pg_advisory_lock(%s)", (LOCK_KEY,))  # counts how often this session took it
        try:
            yield
        finally:
            if not self.connection.closed:
                self.connection.execute("select pg_advisory_unlock(%s)", (LOCK_KEY,))

    def get_log_data(self, migration: Any = None, operation: str = "apply") -> dict[str, Any]:
        # yoyo's own asks the system for the user's name, which a container's user may lack, and DNS for the host's.
        return {
            "id": str(uuid.uuid4()),
            "migration_id": migration.id if migration else None,
            "migration_hash": migration.hash if migration else None,
            "username": APPLICATION_NAME,
            "hostname": socket.gethostname(),
            "created_at_utc": datetime.now(UTC).replace(tzinfo=None),
            "operation": operation,
        }


@contextmanager
def _locked(address: Address) -> Iterator[_Backend]:
    with _Backend(_Target(address.for_libpq), _MARKS) as backend, backend.lock():
        # Only where it is missing: with "if not exists" too PostgreSQL asks for the right to create.
        if backend.connection.execute("select to_regnamespace(%s)", (SCHEMA,)).fetchone() == (None,):
            backend.connection.execute(f"create schema {SCHEMA}")
        yield backend


def _checked(backend: _Backend) -> MigrationStatus:
    if _MARKS not in backend.list_tables():
        return compared([])
    rows = backend.connection.execute(f"select migration_id from {SCHEMA}.{_MARKS}").fetchall()
    found = compared([row[0] for row in rows])
    if found.unknown:
        raise TablesAreNewer(found.unknown)
    return found
