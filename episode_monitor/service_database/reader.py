"""Reads the project service's episodes: all of them in one ordered pass, packed by project, or the rows of some.

Nothing here writes, and in memory is no more than a batch, or one project up to a limit, however large the table is.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, Self, TypeVar

from episode_monitor.service_database.episodes_table import EpisodesTable
from episode_monitor.service_database.explaining import explained
from episode_monitor.service_database.opening import CONNECT_SECONDS, open_service
from episode_monitor.service_database.packed import (
    ANSWER_SECONDS,
    ORDERLINESS,
    SCATTERED_BELOW,
    PackedProject,
    read_packed,
)
from episode_monitor.service_database.shape import WHOLE_NUMBERS, Shape, read_shape
from episode_monitor.storage.address import Address
from episode_monitor.storage.connecting import Session

BATCH_ROWS = 2_000  # larger ones are slower: the rows of one must fit the caches, and the collector looks at each
_SESSION = Session("episode-monitor check")
_NATIVE = {  # how PostgreSQL writes values of these types
    "integer": re.compile(r"-?[1-9][0-9]{0,9}|0"),
    "bigint": re.compile(r"-?[1-9][0-9]{0,18}|0"),
    "uuid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
}

_CODECS = {  # of Python, for the encodings that cannot hold every text
    **{f"LATIN{number}": f"iso8859-{part}" for number, part in enumerate((1, 2, 3, 4, 9, 10, 13, 14, 15, 16), start=1)},
    **{f"WIN{page}": f"cp{page}" for page in (866, 874, *range(1250, 1259))},
    **{f"ISO_8859_{part}": f"iso8859-{part}" for part in (5, 6, 7, 8)},
    "KOI8R": "koi8-r", "KOI8U": "koi8-u", "EUC_KR": "euc_kr", "EUC_JP": "euc_jp", "EUC_CN": "gb2312",
}  # fmt: skip

T = TypeVar("T")
Row = Sequence[Any]  # (project: str | None, number: int | None, episode: str | None), in this order


def of_projects(shape: Shape, placeholder: str) -> str:
    """The rows of the projects in an array of texts: project, number and episode, ids as text whatever their type is.

    All of a project's rows stand together, its numbers ascending, nulls last. Which project comes first is the
    database's affair: its collation is seldom ours, and with it an index serves. The texts have names of their own,
    for `order by` to mean the columns.
    """
    project, number, episode = shape.project, shape.number.sql, shape.episode.sql
    if project.kind in _NATIVE:
        condition = f"{project.sql} = any({placeholder}::text[]::{project.kind}[])"
    else:
        condition = f"{project.text} = any({placeholder}::text[])"
        if not project.is_exact and project.category == "S":  # for the index of the column's own comparison to serve
            condition = f"{project.sql} = any({placeholder}::text[]::{project.kind}[]) and {condition}"
    order = project.sql if project.is_exact else f"{project.sql}, {project.text}"
    return (
        f'select {project.sql}::text as "project text", {number}, {episode}::text as "episode text" '
        f"from {shape.source}{shape.where(condition)} order by {order}, {number}"
    )


def possible(projects: Sequence[str], kind: str, encoding: str = "UTF8") -> list[str]:
    """Those that a column of this type can hold at all: no UUID column holds `proj_1`, and no LATIN1 one a name in
    Hangul."""
    pattern = _NATIVE.get(kind)
    found = projects if pattern is None else [project for project in projects if pattern.fullmatch(project)]
    highest = WHOLE_NUMBERS.get(kind)
    if highest is not None and pattern is not None:
        found = [project for project in found if -highest <= int(project) <= highest]
    codec = _CODECS.get(encoding)
    return list(found) if codec is None else [project for project in found if _is_encodable(project, codec)]


def _is_encodable(text: str, codec: str) -> bool:
    try:
        text.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


class EpisodesReader:
    """One connection to the project service's database. Every method raises ServiceDatabaseError."""

    def __init__(self, connection: Any, table: EpisodesTable, address: Address) -> None:
        """`connection` is asyncpg's, with no transaction open."""
        self.connection = connection
        self.table = table
        self._place = address.place
        self._address = address
        self.has_uuids = False  # the ids of episodes
        self._shape: Shape | None = None

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, table: EpisodesTable) -> AsyncIterator[Self]:
        """Connects, checks the table, and closes at the end. Raises BadDatabaseUrl for what is no address."""
        address = Address.parse(url, "DATABASE_URL")
        connection = await open_service(address, table, _SESSION)
        reader = cls(connection, table, address)
        try:
            await reader.check_table()
            yield reader
        finally:
            reader.connection.terminate()

    @property
    def shape(self) -> Shape:
        """The table as it was checked."""
        if self._shape is None:
            raise RuntimeError("the table was not checked")
        return self._shape

    async def check_table(self) -> None:
        """Raises ServiceTableMismatch unless the table and its columns are there and numbers are whole."""
        with explained(self._place, self.table, self._address):
            async with asyncio.timeout(CONNECT_SECONDS):
                self._shape = shape = await read_shape(self.connection, self.table, self._place)
                self.has_uuids = shape.episode.kind == "uuid"
                names = ", ".join(column.sql for column in (shape.project, shape.number, shape.episode))
                # Only the execution looks at rights.
                await self.connection.fetch(f"select {names} from {shape.source}{shape.where()} limit 0")

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
        """Every project of one snapshot, in batches. Those of more than `max_rows` rows come first and without their
        contents, so no more than a few projects of that size are in memory, there and here. It has a connection of its
        own in place of the reader's, which is opened again at the end; who leaves it before has none."""
        with explained(self._place, self.table, self._address):
            is_scattered = await self.is_scattered()
            self.connection.terminate()  # a role or a pooler may grant only one
            reading = read_packed(self._address, _SESSION, self.shape, max_rows, is_scattered=is_scattered)
            async with aclosing(reading) as batches:
                async for batch in batches:
                    yield batch
            self.connection = await open_service(self._address, self.table, _SESSION)

    async def is_scattered(self) -> bool:
        """Whether a project's rows lie all over the table: then sorting it takes less than following an index. False
        where the server has no statistics."""
        asked = self.connection.fetchval(ORDERLINESS, self.table.quoted_table, self.table.project_column)
        orderliness: float | None = await self._within(asked)
        return orderliness is not None and abs(orderliness) < SCATTERED_BELOW

    async def rows_of(
        self, projects: Sequence[str], batch_rows: int | None = None
    ) -> AsyncGenerator[Sequence[Row], None]:
        """Every row of these projects, in batches, as of one moment. The connection may be in a transaction."""
        statement = of_projects(self.shape, "$1")
        wanted = possible(projects, self.shape.project.kind, self.connection.get_settings().server_encoding)
        with explained(self._place, self.table, self._address):
            async with self.connection.transaction():
                cursor = await self.connection.cursor(statement, wanted)
                while rows := await self._within(cursor.fetch(batch_rows or BATCH_ROWS)):
                    yield rows

    async def _within(self, work: Awaitable[T]) -> T:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await work
