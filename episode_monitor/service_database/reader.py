"""Reads the project service's episodes: all of them in one ordered pass, packed by project, or the rows of some.

Nothing here writes, and in memory is no more than a batch, or one project up to a limit, however large the table is.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, Self, TypeVar

import asyncpg

from episode_monitor.service_database.episodes_table import EpisodesTable, quoted
from episode_monitor.service_database.errors import ServiceTableMismatch
from episode_monitor.service_database.explaining import explained
from episode_monitor.service_database.packed import (
    ORDERLINESS,
    SCATTERED_BELOW,
    PackedProject,
    Unpacking,
    packed,
    too_large,
)
from episode_monitor.storage.address import Address

BATCH_ROWS = 2_000  # larger ones are slower: the rows of one must fit the caches, and the collector looks at each
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 120.0  # of one batch: the first one may have to wait until everything is sorted
_WHOLE_NUMBERS = frozenset({"int2", "int4", "int8"})
_NATIVE = {  # how PostgreSQL writes values of these types
    "int4": re.compile(r"-?[1-9]\d{0,8}|0"),
    "int8": re.compile(r"-?[1-9]\d{0,17}|0"),
    "uuid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
}

T = TypeVar("T")
Row = Sequence[Any]  # (project: str | None, number: int | None, episode: str | None), in this order


def select(table: EpisodesTable) -> str:
    """Project, number and episode, ids as text whatever their type is.

    The texts have names of their own: an `order by` means the column as it is, which an index serves.
    """
    project, number, episode = (quoted(name) for name in (table.project_column, table.number_column, table.id_column))
    columns = f'{project}::text as "project text", {number}, {episode}::text as "episode text"'
    return f"select {columns} from {table.quoted_table}"


def in_order(table: EpisodesTable) -> str:
    """All of a project's rows stand together, its numbers ascending, nulls last. Which project comes first is the
    database's affair: its collation is seldom ours, and with it an index serves."""
    return f"order by {quoted(table.project_column)}, {quoted(table.number_column)}"


def of_projects(table: EpisodesTable, placeholder: str, project_type: str = "text") -> str:
    """The rows of the projects in an array of texts. Numbers and UUIDs are compared as such, for an index to serve."""
    column = quoted(table.project_column)
    if project_type in _NATIVE:
        condition = f"{column} = any({placeholder}::text[]::{project_type}[])"
    else:
        condition = f"{column}::text = any({placeholder}::text[])"
    return f"{select(table)} where {condition} {in_order(table)}"


def possible(projects: Sequence[str], project_type: str) -> list[str]:
    """Those that a column of this type can hold at all: no UUID column holds `proj_1`."""
    pattern = _NATIVE.get(project_type)
    return list(projects) if pattern is None else [project for project in projects if pattern.fullmatch(project)]


class EpisodesReader:
    """One connection to the project service's database. Every method raises ServiceDatabaseError."""

    def __init__(self, connection: Any, table: EpisodesTable, place: str, address: Address | None = None) -> None:
        """`connection` is asyncpg's, with no transaction open. `place` names the database in sentences."""
        self.connection = connection
        self.table = table
        self._place = place
        self._address = address
        self._project_type = "text"
        self.has_uuids = False  # the ids of episodes

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, table: EpisodesTable) -> AsyncIterator[Self]:
        """Connects, checks the table, and closes at the end. Raises BadDatabaseUrl for what is no address."""
        address = Address.parse(url, "DATABASE_URL")
        with explained(address.place, table, address):
            connection = await asyncpg.connect(
                address.for_asyncpg,
                timeout=CONNECT_SECONDS,
                server_settings={"application_name": "episode-monitor check", "timezone": "UTC"},
            )
        reader = cls(connection, table, address.place, address)
        try:
            await reader.check_table()
            yield reader
        finally:
            connection.terminate()

    async def check_table(self) -> None:
        """Raises ServiceTableMismatch unless the table and its columns are there and numbers are whole."""
        with explained(self._place, self.table, self._address):
            async with asyncio.timeout(CONNECT_SECONDS):
                columns = (self.table.project_column, self.table.number_column, self.table.id_column)
                names = ", ".join(quoted(column) for column in columns)
                statement = await self.connection.prepare(f"select {names} from {self.table.quoted_table} limit 0")
                await statement.fetch()  # only the execution looks at rights, and ends what preparing has begun
        self._project_type, number, episode = (attribute.type.name for attribute in statement.get_attributes())
        self.has_uuids = episode == "uuid"
        if number not in _WHOLE_NUMBERS:
            raise ServiceTableMismatch(
                f"Column {self.table.number_column} of {self.table.table} at {self._place} is of the type {number} and "
                f"not integer: set EPISODES_NUMBER_COLUMN to the column of the numbers."
            )

    async def count(self) -> int:
        """About how many rows there are, as the server's statistics say; -1 where it has none."""
        with explained(self._place, self.table, self._address):
            async with asyncio.timeout(CONNECT_SECONDS):
                return int(
                    await self.connection.fetchval(
                        "select reltuples::bigint from pg_class where oid = $1::text::regclass", self.table.quoted_table
                    )
                )

    async def all_projects(self, max_rows: int) -> AsyncGenerator[list[PackedProject], None]:
        """Every project of one snapshot, in batches of what came together. Those of more than `max_rows` rows come
        first and without their contents, so no more than a few projects of that size are in memory, there and here.
        Whoever leaves it before its end must close it, and has no connection any more."""
        with explained(self._place, self.table, self._address):
            snapshot = self.connection.transaction(isolation="repeatable_read", readonly=True)
            await self._within(snapshot.start())
            try:
                if await self.is_scattered():  # by an index each row would be fetched from another place
                    await self._within(self.connection.execute("set local enable_indexscan = off"))
                large = [(row[0], row[1]) for row in await self._too_large(max_rows)]
                yield [PackedProject(project, rows, b"", b"") for project, rows in large]
                names = [project for project, _ in large if project is not None]
                statement = packed(
                    self.table, are_uuids=self.has_uuids, without_named=bool(names),
                    without_null=len(names) < len(large),
                )  # fmt: skip
                unpacking = Unpacking()
                async with aclosing(self._copy(statement, *([names] if names else []))) as blocks:
                    async for block in blocks:
                        yield unpacking.feed(block)
                await self._within(snapshot.commit())
            except BaseException:
                self.connection.terminate()
                raise

    async def is_scattered(self) -> bool:
        """Whether a project's rows lie all over the table: then sorting it takes less than following an index. False
        where the server has no statistics."""
        asked = self.connection.fetchval(ORDERLINESS, self.table.quoted_table, self.table.project_column)
        orderliness: float | None = await self._within(asked)
        return orderliness is not None and abs(orderliness) < SCATTERED_BELOW

    async def _too_large(self, max_rows: int) -> Sequence[Row]:
        return await self._within(self.connection.fetch(too_large(self.table), max_rows))

    async def _copy(self, statement: str, *arguments: Any) -> AsyncGenerator[bytes, None]:
        """What COPY sends, block by block; the server waits while a block is worked on and the next lies ready."""
        blocks: asyncio.Queue[bytes | None] = asyncio.Queue()
        is_left = False

        async def hand_over(block: bytes) -> None:
            if not is_left:
                blocks.put_nowait(block)
                await blocks.join()

        copying = asyncio.ensure_future(
            self.connection.copy_from_query(statement, *arguments, output=hand_over, format="binary")
        )
        copying.add_done_callback(lambda _: blocks.put_nowait(None))
        try:
            while (block := await self._within(blocks.get())) is not None:
                blocks.task_done()
                await asyncio.sleep(0)  # so that the next one is read while this one is worked on
                yield block
        finally:
            if not copying.done():  # asyncpg's way of cancelling a COPY leaves some connections stuck in it
                is_left = True
                self.connection.terminate()
                while not blocks.empty():
                    blocks.get_nowait()
                    blocks.task_done()
            await asyncio.gather(copying, return_exceptions=True)
        copying.result()

    async def rows_of(
        self, projects: Sequence[str], batch_rows: int | None = None
    ) -> AsyncGenerator[Sequence[Row], None]:
        """Every row of these projects, in batches, as of one moment. The connection may be in a transaction."""
        statement = of_projects(self.table, "$1", self._project_type)
        with explained(self._place, self.table, self._address):
            async with self.connection.transaction():
                cursor = await self.connection.cursor(statement, possible(projects, self._project_type))
                while rows := await self._within(cursor.fetch(batch_rows or BATCH_ROWS)):
                    yield rows

    async def _within(self, work: Awaitable[T]) -> T:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await work
