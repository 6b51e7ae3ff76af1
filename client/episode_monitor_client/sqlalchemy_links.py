"""Statements on engines, connections and sessions of SQLAlchemy, sync and async."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from .statements import Row, Statement


@contextmanager
def connection_of(db: Any) -> Iterator[Any]:
    names = {kind.__name__ for kind in type(db).__mro__}
    if "Engine" in names:
        with db.begin() as connection:
            yield connection
    elif names & {"Session", "scoped_session"}:
        yield db.connection()
    else:
        yield db


class SqlAlchemy:
    def __init__(self, connection: Any, owner: Any) -> None:
        self._connection = connection
        self._owner = owner

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """An engine ends its own, a connection or session is ended here, and AUTOCOMMIT is taken by its word."""
        ends = [self._owner] if hasattr(self._owner, "commit") else []
        if getattr(self._connection.connection.dbapi_connection, "autocommit", False) is True:
            self._said("begin")
            ends = [self]
        try:
            yield
        except BaseException:
            for end in ends:
                end.rollback()
            raise
        for end in ends:
            end.commit()

    def commit(self) -> None:
        self._said("commit")

    def rollback(self) -> None:
        self._said("rollback")

    def _said(self, sql: str) -> None:
        self._execute(Statement(sql), {})

    def rows(self, statement: Statement, **values: Any) -> list[Row]:
        return [tuple(row) for row in self._execute(statement, values)]

    def change(self, statement: Statement, **values: Any) -> int:
        return int(self._execute(statement, values).rowcount)

    def _execute(self, statement: Statement, values: Mapping[str, Any]) -> Any:
        from sqlalchemy import text

        return self._connection.execute(text(statement.named()), {name: values[name] for name in statement.names})


@asynccontextmanager
async def async_connection_of(db: Any) -> AsyncIterator[Any]:
    names = {kind.__name__ for kind in type(db).__mro__}
    if "AsyncEngine" in names:
        async with db.begin() as connection:
            yield connection
    elif names & {"AsyncSession", "async_scoped_session"}:
        yield await db.connection()
    else:
        yield db


class AsyncSqlAlchemy:
    def __init__(self, connection: Any, owner: Any) -> None:
        self.connection = connection
        self._owner = owner

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """As `SqlAlchemy.transaction`."""
        ends = [self._owner] if hasattr(self._owner, "commit") else []
        raw = await self.connection.get_raw_connection()
        if getattr(raw.dbapi_connection, "autocommit", False) is True:
            await self._said("begin")
            ends = [self]
        try:
            yield
        except BaseException:
            for end in ends:
                await end.rollback()
            raise
        for end in ends:
            await end.commit()

    async def commit(self) -> None:
        await self._said("commit")

    async def rollback(self) -> None:
        await self._said("rollback")

    async def _said(self, sql: str) -> None:
        await self.change(Statement(sql))

    async def rows(self, statement: Statement, **values: Any) -> list[Row]:
        rows: list[Row] = await self.connection.run_sync(lambda sync: SqlAlchemy(sync, None).rows(statement, **values))
        return rows

    async def change(self, statement: Statement, **values: Any) -> int:
        return int(await self.connection.run_sync(lambda sync: SqlAlchemy(sync, None).change(statement, **values)))
