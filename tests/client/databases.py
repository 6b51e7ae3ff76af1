"""Every way in which a program may hold its PostgreSQL: opened, handed to a test, closed."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import asyncpg
import psycopg
import psycopg_pool
import sqlalchemy
from psycopg.rows import class_row, dict_row, namedtuple_row
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

Open = Callable[[str], AbstractAsyncContextManager[Any]]


def of_driver(url: str, driver: str) -> str:
    return url.replace("postgresql://", f"postgresql+{driver}://")


@asynccontextmanager
async def address(url: str) -> AsyncIterator[Any]:
    yield url


@asynccontextmanager
async def address_for_psycopg(url: str) -> AsyncIterator[Any]:
    yield of_driver(url, "psycopg")


@asynccontextmanager
async def address_for_asyncpg(url: str) -> AsyncIterator[Any]:
    yield of_driver(url, "asyncpg")


@asynccontextmanager
async def url_object(url: str) -> AsyncIterator[Any]:
    yield sqlalchemy.make_url(of_driver(url, "psycopg"))


def psycopg_with(row_factory: Any) -> Open:
    @asynccontextmanager
    async def opened(url: str) -> AsyncIterator[Any]:
        with psycopg.connect(url, row_factory=row_factory) as connection:
            yield connection

    return opened


class Anything:
    def __init__(self, **fields: Any) -> None:
        self.fields = fields


@asynccontextmanager
async def psycopg_pooled(url: str) -> AsyncIterator[Any]:
    with psycopg_pool.ConnectionPool(url, min_size=1, max_size=1, kwargs={"row_factory": dict_row}) as pool:
        yield pool


@asynccontextmanager
async def engine(url: str) -> AsyncIterator[Any]:
    made = sqlalchemy.create_engine(of_driver(url, "psycopg"))
    yield made
    made.dispose()


@asynccontextmanager
async def engine_connection(url: str) -> AsyncIterator[Any]:
    async with engine(url) as made:
        with made.connect() as connection:
            yield connection


@asynccontextmanager
async def session(url: str) -> AsyncIterator[Any]:
    async with engine(url) as made:
        with Session(made) as opened:
            yield opened


@asynccontextmanager
async def session_of_a_thread(url: str) -> AsyncIterator[Any]:
    async with engine(url) as made:
        registry = scoped_session(sessionmaker(made), scopefunc=lambda: 1)
        yield registry
        registry.remove()


@asynccontextmanager
async def asyncpg_connection(url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


@asynccontextmanager
async def asyncpg_pooled(url: str) -> AsyncIterator[Any]:
    async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool:
        yield pool


@asynccontextmanager
async def asyncpg_from_its_pool(url: str) -> AsyncIterator[Any]:
    async with asyncpg_pooled(url) as pool, pool.acquire() as connection:
        yield connection


@asynccontextmanager
async def async_psycopg(url: str) -> AsyncIterator[Any]:
    async with await psycopg.AsyncConnection.connect(url, row_factory=dict_row) as connection:
        yield connection


@asynccontextmanager
async def async_psycopg_pooled(url: str) -> AsyncIterator[Any]:
    async with psycopg_pool.AsyncConnectionPool(url, min_size=1, max_size=1, open=False) as pool:
        yield pool


def async_engine_of(driver: str) -> Open:
    @asynccontextmanager
    async def opened(url: str) -> AsyncIterator[Any]:
        made = create_async_engine(of_driver(url, driver))
        yield made
        await made.dispose()

    return opened


def async_session_of(driver: str) -> Open:
    @asynccontextmanager
    async def opened(url: str) -> AsyncIterator[Any]:
        async with async_engine_of(driver)(url) as made, AsyncSession(made) as opened:
            yield opened

    return opened


@asynccontextmanager
async def psycopg_by_itself(url: str) -> AsyncIterator[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@asynccontextmanager
async def psycopg_pool_by_itself(url: str) -> AsyncIterator[Any]:
    with psycopg_pool.ConnectionPool(url, min_size=1, max_size=1, kwargs={"autocommit": True}) as pool:
        yield pool


@asynccontextmanager
async def engine_by_itself(url: str) -> AsyncIterator[Any]:
    made = sqlalchemy.create_engine(of_driver(url, "psycopg"), isolation_level="AUTOCOMMIT")
    yield made
    made.dispose()


def async_engine_by_itself(driver: str) -> Open:
    @asynccontextmanager
    async def opened(url: str) -> AsyncIterator[Any]:
        made = create_async_engine(of_driver(url, driver), isolation_level="AUTOCOMMIT")
        yield made
        await made.dispose()

    return opened


AUTOCOMMITTING: dict[str, Open] = {
    "psycopg": psycopg_by_itself,
    "a pool of psycopg": psycopg_pool_by_itself,
    "an engine": engine_by_itself,
    "an async engine over asyncpg": async_engine_by_itself("asyncpg"),
    "an async engine over psycopg": async_engine_by_itself("psycopg"),
}
SYNC: dict[str, Open] = {
    "an address": address,
    "SQLAlchemy's address for psycopg": address_for_psycopg,
    "SQLAlchemy's address for asyncpg": address_for_asyncpg,
    "an URL of SQLAlchemy": url_object,
    "psycopg": psycopg_with(psycopg.rows.tuple_row),
    "psycopg with rows that are dictionaries": psycopg_with(dict_row),
    "psycopg with rows that are named tuples": psycopg_with(namedtuple_row),
    "psycopg with rows that are objects": psycopg_with(class_row(Anything)),
    "a pool of psycopg": psycopg_pooled,
    "an engine": engine,
    "a connection of an engine": engine_connection,
    "a session": session,
    "a scoped session": session_of_a_thread,
}
ASYNC: dict[str, Open] = {
    "asyncpg": asyncpg_connection,
    "a pool of asyncpg": asyncpg_pooled,
    "a connection of a pool of asyncpg": asyncpg_from_its_pool,
    "psycopg's async connection": async_psycopg,
    "psycopg's async pool": async_psycopg_pooled,
    "an async engine over asyncpg": async_engine_of("asyncpg"),
    "an async engine over psycopg": async_engine_of("psycopg"),
    "an async session over asyncpg": async_session_of("asyncpg"),
    "an async session over psycopg": async_session_of("psycopg"),
}
EVERY = SYNC | ASYNC
