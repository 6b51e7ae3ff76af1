"""Reads the table page by page in the order of project, number and id, each page in a snapshot of its own.

One snapshot for all would state rows as they were hours ago; a page is only as old as its sending takes.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from episode_monitor.service_database.explaining import explained
from episode_monitor.service_database.packed import ANSWER_SECONDS
from episode_monitor.service_database.reader import EpisodesReader
from episode_monitor.storage.address import Address

COUNT_SECONDS = 1800.0  # of the whole table

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

    def __init__(self, reader: EpisodesReader, address: Address) -> None:
        """The reader has looked at its table."""
        self._reader = reader
        self._address = address
        self._shape = shape = reader.shape
        self._columns = (shape.project, shape.number, shape.episode)
        self._named = f"{shape.project.sql}::text, {shape.number.sql}, {shape.episode.sql}::text"
        # With the table's name, for ORDER BY to mean the columns and not the texts that are selected.
        self._order = [f"episode.{column.sql}" for column in self._columns]
        self._order += [f"episode.{column.text}" for column in self._columns if not column.is_exact]

    async def extent(self, samples: int) -> Extent:
        """Counts the whole table, which takes seconds for millions of rows."""
        null = f"({' OR '.join(f'{column.sql} IS NULL' for column in self._columns)})"
        source = self._shape.source
        with explained(self._address.place, self._reader.table, self._address):
            async with asyncio.timeout(COUNT_SECONDS):
                counts = f"SELECT count(*), count(*) FILTER (WHERE {null}) FROM {source}{self._shape.where()}"
                rows, with_null = await self._reader.connection.fetchrow(counts)
                shown: Sequence[Any] = ()
                if with_null:
                    shown = await self._reader.connection.fetch(
                        f"SELECT {self._named} FROM {source}{self._shape.where(null)} LIMIT $1", samples
                    )
        return Extent(rows, with_null, shown)

    async def after(self, position: Position | None, limit: int) -> Page:
        """The next rows; none at the end."""
        with explained(self._address.place, self._reader.table, self._address):
            async with asyncio.timeout(ANSWER_SECONDS):
                connection = self._reader.connection
                # Before the statement begins, by the database's clock, because it begins there.
                read_at = await connection.fetchval("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
                statement, values = self._statement(position, limit)
                return Page(await connection.fetch(statement, *values), read_at)

    def _statement(self, position: Position | None, limit: int) -> tuple[str, list[Any]]:
        where = [f"{column.sql} IS NOT NULL" for column in self._columns]
        order = ", ".join(self._order)
        values: list[Any] = [limit]
        if position is not None:
            # Compared as what they are, for the index and the order to be the same.
            bounds = [f"${at}::text::{column.kind}" for at, column in enumerate(self._columns, start=2)]
            # Texts that the columns call equal come one after the other, and a page may end between them.
            bounds += [f"${at}::text" for at, column in enumerate(self._columns, start=2) if not column.is_exact]
            where.append(f"({order}) > ({', '.join(bounds)})")
            values += [str(part) for part in position]
        return (
            f"SELECT {self._named} FROM {self._shape.source} AS episode{self._shape.where(*where)} "
            f"ORDER BY {order} LIMIT $1",
            values,
        )
