"""The project service's database however a program holds it: an address, a connection, a pool, an engine, a session.

Drivers are imported only where an object of theirs is handed in; none is needed to import this.
"""

import re
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from dataclasses import dataclass
from typing import Any, Protocol

CONNECT_SECONDS = 5
Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class EpisodesTable:
    """Names as the database knows them. `table` may bear a schema: `schema.table`."""

    table: str = "episodes"
    id_column: str = "id"
    project_column: str = "project_id"
    number_column: str = "number"
    deleted_column: str | None = None  # rows count where it is null or false; None: all rows count

    @property
    def quoted_table(self) -> str:
        """The table for SQL."""
        return ".".join(quoted(part) for part in self.table.split("."))

    @property
    def counts(self) -> str:
        """The condition of rows that count."""
        if self.deleted_column is None:
            return "true"
        return f"coalesce(cast({quoted(self.deleted_column)} as text) in ('false', '0'), true)"


def quoted(name: str) -> str:
    """A name for SQL, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'


class Statement:
    """SQL with named parameters in braces: `where p = {project}`. `texts` and `names` alternate, texts at both ends."""

    def __init__(self, sql: str, **names: str) -> None:
        """`names` are put into the SQL as they are; every other word in braces is a parameter."""
        pieces = re.split(r"\{(\w+)\}", sql)
        self.texts, self.names = [pieces[0]], []
        for word, text in zip(pieces[1::2], pieces[2::2], strict=True):
            if word in names:
                self.texts[-1] += names[word] + text
            else:
                self.names.append(word)
                self.texts.append(text)

    def positional(self, place: str, values: Mapping[str, Any]) -> tuple[str, tuple[Any, ...]]:
        """For drivers that count (`$1`, `:1`) or know one sign (`%s`, `?`)."""
        texts = [text.replace("%", "%%") for text in self.texts] if "%" in place else self.texts
        sql = texts[0] + "".join(
            (f"{place}{at}" if place in ("$", ":") else place) + text for at, text in enumerate(texts[1:], 1)
        )
        return sql, tuple(values[name] for name in self.names)

    def named(self) -> str:
        """As `sqlalchemy.text` takes it."""
        texts = [text.replace("\\", "\\\\").replace(":", "\\:") for text in self.texts]
        return texts[0] + "".join(f":{name}{text}" for name, text in zip(self.names, texts[1:], strict=True))


class Link(Protocol):
    """One connection of a sync driver."""

    def rows(self, statement: Statement, **values: Any) -> list[Row]:
        """What a query gives, as tuples."""

    def change(self, statement: Statement, **values: Any) -> int:
        """How many rows a statement changed."""

    def transaction(self) -> AbstractContextManager[None]:
        """One that is committed at the end, whatever the connection does by itself."""


class AsyncLink(Protocol):
    """One connection of an async driver."""

    async def rows(self, statement: Statement, **values: Any) -> list[Row]: ...

    async def change(self, statement: Statement, **values: Any) -> int: ...

    def transaction(self) -> AbstractAsyncContextManager[Any]: ...


def plain_address(db: Any) -> str | None:
    """The address in PostgreSQL's own form, of a text or an URL object of SQLAlchemy's; None for anything else."""
    if not isinstance(db, str):
        if _is_of(db, "sqlalchemy") and hasattr(db, "render_as_string"):
            db = db.render_as_string(hide_password=False)
        else:
            return None
    return re.sub(r"^(postgres(?:ql)?)\+\w+://", r"\1://", db.strip())


def is_async(db: Any) -> bool:
    """Whether only `await` gets anything out of it."""
    names = {kind.__name__ for kind in type(db).__mro__}
    return _is_of(db, "asyncpg") or any(name.startswith("Async") for name in names) or "async_scoped_session" in names


# --- sync


@contextmanager
def linked(db: Any) -> Iterator[Link]:
    """A connection of `db`; what is handed in stays open. Raises TypeError for what is none."""
    if (address := plain_address(db)) is not None:
        with _connected(address) as connection:
            yield _DbApi(connection)
    elif is_async(db):
        raise TypeError(f"{type(db).__name__} is async: await the async call instead.")
    elif _is_of(db, "sqlalchemy"):
        with _sqlalchemy(db) as connection:
            yield _SqlAlchemy(connection, db)
    elif _is_of(db, "psycopg_pool"):
        with db.connection() as connection:
            yield _DbApi(connection)
    else:
        yield _DbApi(db)


@contextmanager
def reading(db: Any) -> Iterator[Link]:
    """As `linked`; a transaction that reading began is over at the end, so that it neither holds a connection that was
    handed in, nor is aborted for all that follows. A session keeps its own unless it is aborted."""
    was_idle = _is_idle(db)
    is_session = hasattr(db, "expire_all")
    try:
        with linked(db) as link:
            yield link
    except BaseException:
        if was_idle:
            with suppress(Exception):  # the connection may be broken, and why is what counts
                db.rollback()
        raise
    if was_idle and not is_session:
        db.rollback()


def _is_idle(db: Any) -> bool:
    """Whether it is a connection or session that has no transaction; False where nobody says."""
    if plain_address(db) is not None:
        return False
    if _is_of(db, "sqlalchemy"):
        session = db.registry() if hasattr(db, "registry") else db
        return hasattr(session, "rollback") and not session.in_transaction()
    status = getattr(getattr(db, "info", None), "transaction_status", None)
    return status is not None and int(status) == _IDLE and hasattr(db, "rollback")


_IDLE = 0  # of libpq


@contextmanager
def transaction(db: Any) -> Iterator[Link]:
    """A connection of `db` in a transaction that is committed at the end, or rolled back for whatever is raised."""
    with linked(db) as link, link.transaction():
        yield link


def _is_of(db: Any, package: str) -> bool:
    return any(kind.__module__.partition(".")[0] == package for kind in type(db).__mro__)


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    try:
        import psycopg
    except ImportError:
        raise ImportError("An address needs the package psycopg: pip install 'psycopg[binary]'.") from None
    with psycopg.connect(address, connect_timeout=CONNECT_SECONDS) as connection:
        yield connection


@contextmanager
def _sqlalchemy(db: Any) -> Iterator[Any]:
    names = {kind.__name__ for kind in type(db).__mro__}
    if "Engine" in names:
        with db.begin() as connection:
            yield connection
    elif names & {"Session", "scoped_session"}:
        yield db.connection()
    else:
        yield db


class _SqlAlchemy:
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


_PLACES = {"format": "%s", "pyformat": "%s", "qmark": "?", "numeric": ":"}


class _DbApi:
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
    if _is_of(connection, "psycopg"):
        from psycopg.rows import tuple_row

        return connection.cursor(row_factory=tuple_row)
    if _is_of(connection, "psycopg2"):
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
        f"{type(connection).__name__} is no DB-API connection: hand in one, an engine, session or pool, or an address."
    )


# --- async


@asynccontextmanager
async def async_linked(db: Any) -> AsyncIterator[AsyncLink]:
    """A connection of `db`; what is handed in stays open. Raises TypeError for what is sync."""
    if _is_of(db, "asyncpg"):
        if hasattr(db, "acquire"):
            async with db.acquire(timeout=CONNECT_SECONDS) as connection:
                yield _Asyncpg(connection)
        else:
            yield _Asyncpg(db)
    elif _is_of(db, "sqlalchemy") and is_async(db):
        async with _async_sqlalchemy(db) as connection:
            yield _AsyncSqlAlchemy(connection, db)
    elif _is_of(db, "psycopg_pool") and is_async(db):
        async with db.connection() as connection:
            yield _AsyncPsycopg(connection)
    elif _is_of(db, "psycopg") and is_async(db):
        yield _AsyncPsycopg(db)
    else:
        raise TypeError(f"{type(db).__name__} is sync: use the sync call instead.")


@asynccontextmanager
async def async_transaction(db: Any) -> AsyncIterator[AsyncLink]:
    """As `transaction`, for what is async."""
    async with async_linked(db) as link, link.transaction():
        yield link


@asynccontextmanager
async def async_reading(db: Any) -> AsyncIterator[AsyncLink]:
    """As `reading`, for what is async."""
    was_idle = _is_idle(db)
    is_session = hasattr(db, "expire_all")
    try:
        async with async_linked(db) as link:
            yield link
    except BaseException:
        if was_idle:
            with suppress(Exception):
                await db.rollback()
        raise
    if was_idle and not is_session:
        await db.rollback()


class _Asyncpg:
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


class _AsyncPsycopg:
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


@asynccontextmanager
async def _async_sqlalchemy(db: Any) -> AsyncIterator[Any]:
    names = {kind.__name__ for kind in type(db).__mro__}
    if "AsyncEngine" in names:
        async with db.begin() as connection:
            yield connection
    elif names & {"AsyncSession", "async_scoped_session"}:
        yield await db.connection()
    else:
        yield db


class _AsyncSqlAlchemy:
    def __init__(self, connection: Any, owner: Any) -> None:
        self.connection = connection
        self._owner = owner

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """As `_SqlAlchemy.transaction`."""
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
        await self._execute(Statement(sql), {})

    async def rows(self, statement: Statement, **values: Any) -> list[Row]:
        return [tuple(row) for row in await self._execute(statement, values)]

    async def change(self, statement: Statement, **values: Any) -> int:
        return int((await self._execute(statement, values)).rowcount)

    async def _execute(self, statement: Statement, values: Mapping[str, Any]) -> Any:
        from sqlalchemy import text

        return await self.connection.execute(text(statement.named()), {name: values[name] for name in statement.names})


def sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's code of what a driver raised, inside SQLAlchemy's wrapping too."""
    for each in (error, getattr(error, "orig", None), error.__cause__):
        code = getattr(each, "sqlstate", None) or getattr(each, "pgcode", None)
        if isinstance(code, str):
            return code
    return None
