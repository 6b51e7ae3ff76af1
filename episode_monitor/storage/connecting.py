"""Makes connections to PostgreSQL, for both databases, so that a pooler between may refuse or drop nothing.

Poolers know few of the settings that a client may give at connecting; so they are set by a statement afterwards.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from episode_monitor.storage.address import Address

Connection = Any  # asyncpg.Connection

_NO_STATEMENT = (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError)
_PROBE_SECONDS = 2.0  # for a second connection through a pooler, which may have only one to give


class TransactionPooler(Exception):
    """A pooler between gives one session's statements to several connections of the server."""


@dataclass(frozen=True)
class Session:
    """What is set on a new connection."""

    application_name: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def statement(self) -> str:
        """Sets everything at once."""
        values = {"application_name": self.application_name, "timezone": "UTC", **self.settings}
        return "; ".join(f"set {name} to '{value}'" for name, value in values.items())


@dataclass(frozen=True)
class DatabaseOptions:
    """Bounds of the connection. A statement that PostgreSQL does not end in its time is ended."""

    application_name: str = "episode-monitor"
    max_connections: int = 5
    connect_seconds: float = 5.0
    statement_seconds: float = 5.0
    answer_seconds: float = 7.0  # longer than a statement may take: beyond it the server is frozen or the way is cut
    probe_seconds: float = 5.0  # how soon an idle monitor notices that the server is gone
    first_attempt_seconds: float = 2.0  # how long `connect` waits at most
    backoff_first_seconds: float = 0.5
    backoff_last_seconds: float = 30.0
    close_seconds: float = 5.0


def session_of(options: DatabaseOptions) -> Session:
    """What is set on each connection."""
    settings = {
        "statement_timeout": f"{int(options.statement_seconds * 1000)}ms",
        "idle_in_transaction_session_timeout": f"{int(options.answer_seconds * 2000)}ms",
    }
    return Session(options.application_name, settings)


async def connect(
    address: Address, session: Session, seconds: float, command_seconds: float | None = None
) -> Connection:
    """A connection of asyncpg. `command_seconds` bounds every statement on it."""
    connection = await asyncpg.connect(
        address.for_asyncpg, timeout=seconds, command_timeout=command_seconds, ssl=address.tls_for_asyncpg()
    )
    try:
        async with asyncio.timeout(seconds):
            await connection.execute(session.statement)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def refuse_transaction_pooling(connection: Connection, again: Callable[[], Awaitable[Connection]]) -> None:
    """Raises TransactionPooler. `again` makes another connection, which is closed.

    A pooler gives process ids of its own. Two of its sessions that share a process of the server, or one that changes
    it, are not connected to the server for as long as they last.
    """
    if await _process_id(connection) == connection.get_server_pid():
        return
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            other = await again()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return  # there is none to compare with: missing statements will show it
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            found = [await _process_id(one) for one in (connection, other, connection, other)]
    except TimeoutError:
        return  # one session keeps the only connection from the other, which is not pooling by transactions
    finally:
        other.terminate()
    first, second = {found[0], found[2]}, {found[1], found[3]}
    if len(first) > 1 or len(second) > 1 or first & second:
        raise TransactionPooler


async def _process_id(connection: Connection) -> int:
    try:
        return int(await connection.fetchval("select pg_backend_pid()"))
    except _NO_STATEMENT as error:
        raise TransactionPooler from error
