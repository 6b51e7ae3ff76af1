"""A project's rows as the database itself packs them: one row a project, whose numbers and ids are strings of bytes.

The database sends them by COPY in its binary format. Nothing is made into an object here but the project.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from typing import NamedTuple, TypeVar

import psycopg
from psycopg import sql

from episode_monitor.service_database.opening import CONNECT_SECONDS
from episode_monitor.service_database.shape import Column, Shape
from episode_monitor.storage.address import Address
from episode_monitor.storage.connecting import Session

ANSWER_SECONDS = 120.0  # of one batch: the first one may have to wait until everything is sorted
BATCH_PROJECTS = 64
BATCH_BYTES = 1_000_000
_COLUMNS = ("bytea", "int8", "bytea", "bytea")  # the project's text as bytes, whatever they are

T = TypeVar("T")


class PackedProject(NamedTuple):
    """`rows` counts all. `numbers`: 64-bit integers, high byte first, ascending. `owners`: ids, in the same order: 16
    bytes each where the column's type is uuid, else UTF-8 with a zero byte between. Rows without a number have no part
    in `numbers`, and their owners come last; those without an id have no part in either."""

    project: str | None
    rows: int
    numbers: bytes
    owners: bytes


def too_large(shape: Shape, max_rows: int) -> str:
    """Projects of more than `max_rows` rows, with their rows."""
    project = shape.project
    return (
        f'select {project.sql}::text as "project text", count(*) from {shape.source}{shape.where()} '
        f"group by {_group(project)} having count(*) > {max_rows}"
    )


def packed(shape: Shape, left_out: str = "", *, without_null: bool = False) -> str:
    """A row a project. What an aggregate puts together is in the order of its own `order by`; an index on project and
    number gives both aggregates that order without sorting. `left_out`: an array of ids, as SQL, of projects that are
    not wanted; `without_null`: nor are the rows without a project."""
    project, number, episode = shape.project, shape.number.sql, shape.episode.sql
    numbers = f"case when {episode} is not null then int8send({number}::int8) end, ''::bytea"
    are_uuids = shape.episode.kind == "uuid"
    owners = f"uuid_send({episode}), ''::bytea" if are_uuids else f"textsend({episode}::text), '\\x00'::bytea"
    named = f"({project.sql} is null or {project.text} <> all({left_out}::text[]))" if left_out else ""
    where = shape.where(named, f"{project.sql} is not null" if without_null else "")
    return (
        f'select {project.sql}::text as "project text", count(*), string_agg({numbers} order by {number}), '
        f"string_agg({owners} order by {number}) from {shape.source}{where} group by {_group(project)}"
    )


def _group(project: Column) -> str:
    """By the text where the type calls unlike texts equal, as citext does: to the stream they are two projects."""
    return f"{project.sql}" if project.is_exact else f"{project.sql}::text, {project.text}"


# How much the rows' places in the table follow the order of projects, as the server's statistics say: 1 or -1 in full.
ORDERLINESS = """
select known.correlation from pg_stats as known
join pg_namespace as schema on schema.nspname = known.schemaname
join pg_class as relation on relation.relnamespace = schema.oid and relation.relname = known.tablename
where relation.oid = $1::text::regclass and known.attname = $2 and not known.inherited
"""
SCATTERED_BELOW = 0.5


async def read_packed(
    address: Address, session: Session, shape: Shape, max_rows: int, *, is_scattered: bool
) -> AsyncGenerator[list[PackedProject], None]:
    """Every project of one snapshot, in batches; those of more than `max_rows` rows come first, without contents.

    Raises what psycopg raises, and TimeoutError. `is_scattered`: an index would fetch each row from another place.
    """
    async with asyncio.timeout(CONNECT_SECONDS):
        connection = await psycopg.AsyncConnection.connect(address.for_libpq, autocommit=True, client_encoding="UTF8")
    try:
        await _within(connection.execute(session.statement.encode()))
        await _within(connection.execute("begin isolation level repeatable read read only"))
        if is_scattered:
            await _within(connection.execute("set local enable_indexscan = off"))
        found = await _within(connection.execute(too_large(shape, max_rows).encode()))
        large = [PackedProject(project, rows, b"", b"") for project, rows in await found.fetchall()]
        yield large
        names = [one.project for one in large if one.project is not None]
        left_out = sql.Literal(names).as_string(connection) if names else ""
        statement = packed(shape, left_out, without_null=len(names) < len(large))
        copying = f"copy ({statement}) to stdout (format binary)".encode()
        async with connection.cursor() as cursor, cursor.copy(copying) as copy:
            copy.set_types(_COLUMNS)
            try:
                while batch := await _within(_batch(copy)):
                    yield batch
                    await asyncio.sleep(0)
            finally:
                connection.pgconn.finish()  # psycopg would cancel a COPY that is left, and wait for the server
    finally:
        connection.pgconn.finish()


async def _batch(copy: psycopg.AsyncCopy) -> list[PackedProject]:
    batch: list[PackedProject] = []
    size = 0
    while len(batch) < BATCH_PROJECTS and size < BATCH_BYTES and (row := await copy.read_row()) is not None:
        project, rows, numbers, owners = row
        name = None if project is None else project.decode(errors="replace")
        batch.append(PackedProject(name, rows, numbers or b"", owners or b""))
        size += len(batch[-1].numbers) + len(batch[-1].owners)
    return batch


async def _within(work: Awaitable[T]) -> T:
    async with asyncio.timeout(ANSWER_SECONDS):
        return await work
