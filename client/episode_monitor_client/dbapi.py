"""Statements on a connection of any DB-API driver, such as psycopg and psycopg2."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .kinds import is_of
from .statements import Row, Statement

_PLACES = {"format": "%s", "pyformat": "%s", "qmark": "?", "numeric": ":"}


class DbApi:
    """A connection of DB-API; how it makes rows is set aside, so any row factory will do."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._place = _PLACES[_paramstyle(connection)]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One that commits each statement by itself does so again afterwards."""
        commits_itself = getattr(self._connection, "autocommit", False) is True
        if commits_itself:
            self._connection.autocommit = False
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        else:
            self._connection.commit()
        finally:
            if commits_itself and not getattr(self._connection, "closed", False):
                self._connection.autocommit = True

    def rows(self, statement: Statement, **values: Any) -> list[Row]:
        cursor = self._executed(statement, values)
        try:
            return [_as_tuple(row) for row in cursor.fetchall()]
        finally:
            cursor.close()

    def change(self, statement: Statement, **values: Any) -> int:
        cursor = self._executed(statement, values)
        changed = int(cursor.rowcount)
        cursor.close()
        return changed

    def _executed(self, statement: Statement, values: Mapping[str, Any]) -> Any:
        cursor = _plain_cursor(self._connection)
        try:
            cursor.execute(*statement.positional(self._place, values))
        except BaseException:
            cursor.close()
            raise
        return cursor


def _plain_cursor(connection: Any) -> Any:
    if is_of(connection, "psycopg"):
        from psycopg.rows import tuple_row

        return connection.cursor(row_factory=tuple_row)
    if is_of(connection, "psycopg2"):
        extensions = sys.modules["psycopg2.extensions"]
        return connection.cursor(cursor_factory=extensions.cursor)
    cursor = connection.cursor()
    if hasattr(cursor, "row_factory"):
        cursor.row_factory = None
    return cursor


def _as_tuple(row: Any) -> Row:
    return tuple(row.values()) if isinstance(row, Mapping) else tuple(row)


def _paramstyle(connection: Any) -> str:
    """How the connection's driver writes a parameter. Raises TypeError for an object of no DB-API driver."""
    for kind in type(connection).__mro__:
        module = sys.modules.get(kind.__module__.partition(".")[0])
        style = getattr(module, "paramstyle", None)
        if style in _PLACES and hasattr(connection, "cursor"):
            return str(style)
    raise TypeError(
        f"{type(connection).__name__} is not a DB-API connection: pass one, an engine, session or pool, or an address."
    )
