"""The project service's database however a program holds it: an address, a connection, a pool, an engine, a session.

Drivers are imported only where an object of theirs is handed in; none is needed to import this.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from typing import Any, Protocol

from .async_links import Asyncpg, AsyncPsycopg
from .dbapi import DbApi
from .kinds import is_async, is_of, plain_address
from .sqlalchemy_links import AsyncSqlAlchemy, SqlAlchemy, async_connection_of, connection_of
from .statements import Row, Statement

CONNECT_SECONDS = 5
_IDLE = 0  # a connection's transaction status, of libpq


class Link(Protocol):
    """One connection of a sync driver."""

    def rows(self, statement: Statement, **values: Any) -> list[Row]:
        """What a query gives, as tuples."""

    def change(self, statement: Statement, **values: Any) -> int:
        """How many rows a statement changed."""

    def transaction(self) -> AbstractContextManager[None]:
        """One that is committed at the end, whatever the connection does by itself."""


class AsyncLink(Protocol):
    """One connection of an async driver."""

    async def rows(self, statement: Statement, **values: Any) -> list[Row]: ...

    async def change(self, statement: Statement, **values: Any) -> int: ...

    def transaction(self) -> AbstractAsyncContextManager[Any]: ...


@contextmanager
def linked(db: Any) -> Iterator[Link]:
    """A connection of `db`; what is handed in stays open. Raises TypeError for what is none."""
    if (address := plain_address(db)) is not None:
        with _connected(address) as connection:
            yield DbApi(connection)
    elif is_async(db):
        raise TypeError(f"{type(db).__name__} is async: await the async call instead.")
    elif is_of(db, "sqlalchemy"):
        with connection_of(db) as connection:
            yield SqlAlchemy(connection, db)
    elif is_of(db, "psycopg_pool"):
        with db.connection() as connection:
            yield DbApi(connection)
    else:
        yield DbApi(db)


@contextmanager
def reading(db: Any) -> Iterator[Link]:
    """As `linked`; a transaction that reading began is over at the end, so that it neither holds a connection that was
    handed in, nor is aborted for all that follows. A session keeps its own unless it is aborted."""
    was_idle = _is_idle(db)
    is_session = hasattr(db, "expire_all")
    try:
        with linked(db) as link:
            yield link
    except BaseException:
        if was_idle:
            with suppress(Exception):  # the connection may be broken, and why is what counts
                db.rollback()
        raise
    if was_idle and not is_session:
        db.rollback()


def _is_idle(db: Any) -> bool:
    """Whether it is a connection or session that has no transaction; False where that is unknown."""
    if plain_address(db) is not None:
        return False
    if is_of(db, "sqlalchemy"):
        session = db.registry() if hasattr(db, "registry") else db
        return hasattr(session, "rollback") and not session.in_transaction()
    status = getattr(getattr(db, "info", None), "transaction_status", None)
    return status is not None and int(status) == _IDLE and hasattr(db, "rollback")


@contextmanager
def transaction(db: Any) -> Iterator[Link]:
    """A connection of `db` in a transaction that is committed at the end, or rolled back for whatever is raised."""
    with linked(db) as link, link.transaction():
        yield link


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    try:
        import psycopg
    except ImportError:
        raise ImportError("An address needs the package psycopg: pip install 'psycopg[binary]'.") from None
    with psycopg.connect(address, connect_timeout=CONNECT_SECONDS) as connection:
        yield connection


@asynccontextmanager
async def async_linked(db: Any) -> AsyncIterator[AsyncLink]:
    """A connection of `db`; what is handed in stays open. Raises TypeError for what is sync."""
    if is_of(db, "asyncpg"):
        if hasattr(db, "acquire"):
            async with db.acquire(timeout=CONNECT_SECONDS) as connection:
                yield Asyncpg(connection)
        else:
            yield Asyncpg(db)
    elif is_of(db, "sqlalchemy") and is_async(db):
        async with async_connection_of(db) as connection:
            yield AsyncSqlAlchemy(connection, db)
    elif is_of(db, "psycopg_pool") and is_async(db):
        async with db.connection() as connection:
            yield AsyncPsycopg(connection)
    elif is_of(db, "psycopg") and is_async(db):
        yield AsyncPsycopg(db)
    else:
        raise TypeError(f"{type(db).__name__} is sync: use the sync call instead.")


@asynccontextmanager
async def async_transaction(db: Any) -> AsyncIterator[AsyncLink]:
    """As `transaction`, for what is async."""
    async with async_linked(db) as link, link.transaction():
        yield link


@asynccontextmanager
async def async_reading(db: Any) -> AsyncIterator[AsyncLink]:
    """As `reading`, for what is async."""
    was_idle = _is_idle(db)
    is_session = hasattr(db, "expire_all")
    try:
        async with async_linked(db) as link:
            yield link
    except BaseException:
        if was_idle:
            with suppress(Exception):
                await db.rollback()
        raise
    if was_idle and not is_session:
        await db.rollback()
