"""How records become rows and queries: ids, moments, JSON and conditions."""

import itertools
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from episode_monitor.storage.paging import FIRST_MS, LAST_MS
from episode_monitor.storage.text import storable
from models.times import EPOCH

_drawn = itertools.count()


def moment(at_ms: int) -> datetime:
    """The timestamptz of epoch milliseconds. Raises OverflowError beyond the years 1 … 9999."""
    return EPOCH + timedelta(milliseconds=at_ms)


def insert_of(table: str, columns: Sequence[str], conflict: str) -> str:
    """The statement that inserts one row; `conflict` is its last clause."""
    places = ", ".join(f"${place}" for place in range(1, len(columns) + 1))
    return f"insert into episode_monitor.{table} ({', '.join(columns)}) values ({places}) {conflict}"


def packed(value: Any) -> str:
    """The text of a jsonb column. `value` has been made storable before."""
    return msgspec.json.encode(value).decode()


def unpacked(column: str | None) -> Any:
    """The value of a jsonb column, which asyncpg hands over as text."""
    return None if column is None else msgspec.json.decode(column)


def new_id(at_ms: int) -> str:
    """A unique id; ids sort by time, those of one process also by the order they were drawn in."""
    return f"{max(at_ms, 0):012x}{next(_drawn) & 0xFFFFFF:06x}{secrets.token_hex(7)}"


class Conditions:
    """Gathers the conditions of a query and their arguments; a null value is no condition."""

    def __init__(self) -> None:
        self.arguments: list[Any] = []
        self._clauses: list[str] = []

    def equal(self, column: str, value: str | None) -> None:
        """`column` is `value`."""
        if value is not None:
            self._add(f"{column} = {{}}", storable(value))

    def between(self, column: str, since_ms: int | None, until_ms: int | None) -> None:
        """`column` is in the half-open range."""
        if since_ms is not None:
            self._add(f"{column} >= {{}}", moment(min(max(since_ms, FIRST_MS), LAST_MS)))
        if until_ms is not None:
            self._add(f"{column} < {{}}", moment(min(max(until_ms, FIRST_MS), LAST_MS)))

    def before(self, columns: str, place: tuple[int, int | str] | None) -> None:
        """The pair of columns, a moment and a key, comes before `place`."""
        if place is not None:
            key = storable(place[1]) if isinstance(place[1], str) else place[1]
            self._add(f"{columns} < ({{}}, {{}})", moment(place[0]), key)

    def after(self, columns: str, place: tuple[int, int] | None) -> None:
        """The pair of columns comes after `place`."""
        if place is not None:
            self._add(f"{columns} > ({{}}, {{}})", moment(place[0]), place[1])

    def any_of(self, column: str, values: Sequence[str]) -> None:
        """`column` is one of `values`."""
        self._add(f"{column} = any({{}}::text[])", [storable(value) for value in values])

    def where(self) -> str:
        """The clause, or nothing."""
        return f"where {' and '.join(self._clauses)}" if self._clauses else ""

    def argument(self, value: Any) -> str:
        """Adds an argument that is no condition and returns its place, `$n`."""
        self.arguments.append(value)
        return f"${len(self.arguments)}"

    def _add(self, clause: str, *values: Any) -> None:
        self._clauses.append(clause.format(*(self.argument(value) for value in values)))
