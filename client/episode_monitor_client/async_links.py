"""Statements on connections of asyncpg, and of psycopg's async form."""

from contextlib import AbstractAsyncContextManager
from typing import Any

from .statements import Row, Statement


class Asyncpg:
    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def transaction(self) -> AbstractAsyncContextManager[Any]:
        return self.connection.transaction()  # type: ignore[no-any-return]

    async def rows(self, statement: Statement, **values: Any) -> list[Row]:
        sql, arguments = statement.positional("$", values)
        return [tuple(row) for row in await self.connection.fetch(sql, *arguments)]

    async def change(self, statement: Statement, **values: Any) -> int:
        sql, arguments = statement.positional("$", values)
        status = await self.connection.execute(sql, *arguments)
        last = status.rpartition(" ")[2]
        return int(last) if last.isdigit() else 0


class AsyncPsycopg:
    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def transaction(self) -> AbstractAsyncContextManager[Any]:
        return self.connection.transaction()  # type: ignore[no-any-return]

    async def rows(self, statement: Statement, **values: Any) -> list[Row]:
        from psycopg.rows import tuple_row

        async with self.connection.cursor(row_factory=tuple_row) as cursor:
            await cursor.execute(*statement.positional("%s", values))
            return [tuple(row) for row in await cursor.fetchall()]

    async def change(self, statement: Statement, **values: Any) -> int:
        async with self.connection.cursor() as cursor:
            await cursor.execute(*statement.positional("%s", values))
            return int(cursor.rowcount)
