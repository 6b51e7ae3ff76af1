"""`EpisodeIntegrityChecker(db).check_project_integrity(project_id)`: one project read from the database and judged.

It asks no worker and no topic: what it says is what the table says at this moment.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import psycopg

from episode_monitor.checks.rows import ProjectRows, columns
from episode_monitor.service_database.episodes_table import EpisodesTable, quoted
from episode_monitor.service_database.errors import ServiceDatabaseError
from episode_monitor.service_database.explaining import explain, explained
from episode_monitor.service_database.opening import CONNECT_SECONDS
from episode_monitor.service_database.reader import EpisodesReader
from episode_monitor.storage.address import Address
from streams.answers import MAX_GAPS_LISTED
from streams.numbering_rules import NumberingRules
from streams.stated import judge

_PLACEHOLDERS = {"format": "%s", "pyformat": "%s", "qmark": "?", "numeric": ":1", "named": ":p"}
_FETCH_ROWS = 5_000
_NO_SUCH_ID = "22P02"  # the column's type cannot hold the id, so nobody has it
_PLACE = "the connection given"


class UnknownProject(LookupError):
    """The table has no episode of this project; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class ProjectIntegrity:
    """What the table says of one project. `gaps` lists at most 1000 numbers, `gap_ranges` all intervals."""

    project_id: str
    is_healthy: bool
    gaps: list[int]
    duplicates: list[int]
    total_episodes: int
    max_number: int
    gaps_total: int
    gap_ranges: list[tuple[int, int]]
    duplicate_owners: dict[int, list[str]]
    implausible: list[int]  # numbers too far above all others, and alone there; no gaps lead to them
    invalid_total: int  # rows without an id, without a number, or with one below 1 or above 2 147 483 647
    invalid: list[tuple[str | None, int | None]]  # id and number of the first 100 of them
    health_score: float


class EpisodeIntegrityChecker:
    """`db` is an address, for either face; a DB-API connection such as psycopg's, for the sync face; or a pool or
    connection of asyncpg, for the async one. A connection that is handed in stays open."""

    def __init__(self, db: Any, table: EpisodesTable | None = None, rules: NumberingRules | None = None) -> None:
        """Raises BadDatabaseUrl for a text that is no address. `rules`: the first number and the largest jump."""
        self._db = db
        self._table = table or EpisodesTable()
        self._rules = rules or NumberingRules()
        self._address = Address.parse(db, "DATABASE_URL") if isinstance(db, str) else None

    def check_project_integrity(self, project_id: str) -> ProjectIntegrity:
        """The sync face. Raises UnknownProject, ServiceDatabaseError; TypeError for an asyncpg connection."""
        if isinstance(self._db, asyncpg.Connection | asyncpg.Pool | psycopg.AsyncConnection):
            raise TypeError("An async connection cannot be used here: await acheck_project_integrity instead.")
        rows = ProjectRows()
        with self._sync_connection(project_id) as connection:
            style = _paramstyle(connection)
            cursor = connection.cursor()
            try:
                cursor.execute(*self._query(style, project_id))
                while batch := cursor.fetchmany(_FETCH_ROWS):
                    rows.add([row[0] for row in batch], [row[1] for row in batch])
            finally:
                cursor.close()
        return self._judged(project_id, rows)

    async def acheck_project_integrity(self, project_id: str) -> ProjectIntegrity:
        """The async face. Raises UnknownProject, ServiceDatabaseError; TypeError for a sync connection."""
        if self._address is not None:
            async with EpisodesReader.open(self._db, self._table) as reader:
                return await self._read(reader, project_id)
        if isinstance(self._db, asyncpg.Pool):
            with explained(_PLACE, self._table):
                async with self._db.acquire(timeout=CONNECT_SECONDS) as connection:
                    return await self._read(EpisodesReader(connection, self._table, _PLACE), project_id)
        if not isinstance(self._db, asyncpg.Connection):
            raise TypeError("A sync connection cannot be used here: call check_project_integrity instead.")
        return await self._read(EpisodesReader(self._db, self._table, _PLACE), project_id)

    async def _read(self, reader: EpisodesReader, project_id: str) -> ProjectIntegrity:
        await reader.check_table()
        rows = ProjectRows()
        async for batch in reader.rows_of([project_id]):
            _, numbers, owners = columns(batch)
            rows.add(numbers, owners)
        return self._judged(project_id, rows)

    def _query(self, style: str, project_id: str) -> tuple[str, Any]:
        """The statement and its arguments as a driver of this paramstyle takes them."""
        table, place = self._table, _PLACEHOLDERS[style]
        number, episode, project = (
            quoted(name) for name in (table.number_column, table.id_column, table.project_column)
        )
        # Its text as well: a type such as citext calls unlike ids equal, and they are two projects.
        parts = [
            f"select {number}, {episode} from {table.quoted_table} where {project} = ",
            f" and cast({project} as text) = ",
            f"{f' and {table.counts}' if table.counts else ''} order by {number}",
        ]
        if "%" in place:
            parts = [part.replace("%", "%%") for part in parts]
        if style == "named":
            return place.join(parts), {"p": project_id}
        return place.join(parts), (project_id,) if style == "numeric" else (project_id, project_id)

    @contextmanager
    def _sync_connection(self, project_id: str) -> Iterator[Any]:
        try:
            if self._address is None:
                yield self._db
                return
            with psycopg.connect(self._address.for_libpq, connect_timeout=int(CONNECT_SECONDS)) as connection:
                yield connection
        except Exception as error:
            if getattr(error, "sqlstate", None) == _NO_SUCH_ID:
                raise self._unknown(project_id) from error
            if not _is_of_driver(error, self._db):
                raise
            place = _PLACE if self._address is None else self._address.place
            raise explain(error, place, self._table, self._address) from error

    def _unknown(self, project_id: str) -> UnknownProject:
        return UnknownProject(f"Table {self._table.table} has no episode of the project {project_id!r}: check the id.")

    def _judged(self, project_id: str, rows: ProjectRows) -> ProjectIntegrity:
        if not rows.rows:
            raise self._unknown(project_id)
        numbers, _ = rows.in_order()
        judged = judge(numbers, self._rules)
        return ProjectIntegrity(
            project_id=project_id,
            is_healthy=judged.is_healthy and not rows.invalid_count,
            gaps=judged.gaps.first_numbers(MAX_GAPS_LISTED),
            duplicates=judged.duplicates,
            total_episodes=rows.rows,
            max_number=judged.max_number,
            gaps_total=judged.gaps.count,
            gap_ranges=list(judged.gaps),
            duplicate_owners=rows.owners_of(judged.duplicates),
            implausible=judged.aside,
            invalid_total=rows.invalid_count,
            invalid=rows.invalid,
            health_score=judged.health_score,
        )


def _paramstyle(connection: Any) -> str:
    """How the connection's driver writes a parameter. Raises TypeError for an object of no DB-API driver."""
    for kind in type(connection).__mro__:
        module = sys.modules.get(kind.__module__.partition(".")[0])
        style = getattr(module, "paramstyle", None)
        if style in _PLACEHOLDERS:
            return str(style)
    raise TypeError(f"{type(connection).__name__} is no DB-API connection: hand in one, or an address.")


def _is_of_driver(error: Exception, connection: Any) -> bool:
    """Whether the error came out of the driver, by DB-API's own class of errors."""
    if isinstance(error, OSError | psycopg.Error):
        return True
    module = sys.modules.get(type(connection).__module__.partition(".")[0])
    driver_error = getattr(module, "Error", None)
    return isinstance(driver_error, type) and isinstance(error, driver_error)


__all__ = ["EpisodeIntegrityChecker", "ProjectIntegrity", "ServiceDatabaseError", "UnknownProject"]
