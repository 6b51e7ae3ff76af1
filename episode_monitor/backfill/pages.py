"""Reads the table page by page in the order of project, number and id, each page in a snapshot of its own.

One snapshot for all would state rows as they were hours ago; a page is only as old as its sending takes.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from episode_monitor.service_database.episodes_table import quoted
from episode_monitor.service_database.explaining import explained
from episode_monitor.service_database.reader import ANSWER_SECONDS, EpisodesReader

COUNT_SECONDS = 1800.0  # of the whole table, which nobody can hurry

Position = tuple[str, int, str]  # project, number and id of the last row that was dealt with, as texts


@dataclass(frozen=True, slots=True)
class Page:
    """Rows (project, number, id) without nulls; `read_at_ms` is no later than the moment they were true."""

    rows: Sequence[Any]
    read_at_ms: int


@dataclass(frozen=True, slots=True)
class Extent:
    """How many rows there are, how many of them have a null, and some of those."""

    rows: int
    with_null: int
    samples: Sequence[Any]


class EpisodePages:
    """Pages over an open reader. Raises ServiceDatabaseError."""

    def __init__(self, reader: EpisodesReader, place: str) -> None:
        table = reader.table
        self._reader = reader
        self._place = place
        names = (table.project_column, table.number_column, table.id_column)
        # With the table's name, for ORDER BY to mean the columns and not the texts that are selected.
        self._columns = [f"episode.{quoted(name)}" for name in names]
        self._table = f"{table.quoted_table} AS episode"
        self._types: list[str] | None = None

    async def extent(self, samples: int) -> Extent:
        """Counts the whole table, which takes seconds for millions of rows."""
        project, number, episode = self._columns
        null = " OR ".join(f"{column} IS NULL" for column in self._columns)
        with explained(self._place, self._reader.table):
            async with asyncio.timeout(COUNT_SECONDS):
                counts = f"SELECT count(*), count(*) FILTER (WHERE {null}) FROM {self._table}"
                rows, with_null = await self._reader.connection.fetchrow(counts)
                shown: Sequence[Any] = ()
                if with_null:
                    columns = f"{project}::text, {number}, {episode}::text"
                    shown = await self._reader.connection.fetch(
                        f"SELECT {columns} FROM {self._table} WHERE {null} LIMIT $1", samples
                    )
        return Extent(rows, with_null, shown)

    async def after(self, position: Position | None, limit: int) -> Page:
        """The next rows; none at the end."""
        with explained(self._place, self._reader.table):
            async with asyncio.timeout(ANSWER_SECONDS):
                connection = self._reader.connection
                # Before the statement begins, by the database's clock, because it begins there.
                read_at = await connection.fetchval("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
                statement, values = await self._statement(position, limit)
                return Page(await connection.fetch(statement, *values), read_at)

    async def _statement(self, position: Position | None, limit: int) -> tuple[str, list[Any]]:
        columns = ", ".join(self._columns)
        where = [f"{column} IS NOT NULL" for column in self._columns]
        values: list[Any] = [limit]
        if position is not None:
            types = await self._column_types()
            # Compared as what they are, for the index and the order to be the same.
            bounds = ", ".join(f"${at}::text::{name}" for at, name in enumerate(types, start=2))
            where.append(f"({columns}) > ({bounds})")
            values += [str(part) for part in position]
        project, number, episode = self._columns
        return (
            f"SELECT {project}::text, {number}, {episode}::text FROM {self._table} "
            f"WHERE {' AND '.join(where)} ORDER BY {columns} LIMIT $1",
            values,
        )

    async def _column_types(self) -> list[str]:
        if self._types is None:
            names = ", ".join(self._columns)
            statement = await self._reader.connection.prepare(f"SELECT {names} FROM {self._table} LIMIT 0")
            kinds = [attribute.type for attribute in statement.get_attributes()]
            self._types = [f"{quoted(kind.schema)}.{quoted(kind.name)}" for kind in kinds]
        return self._types
