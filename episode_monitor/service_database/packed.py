"""A project's rows as the database itself packs them: one row a project, whose numbers and ids are strings of bytes.

The database sends them by COPY in its binary format. Nothing is made into an object here but the project.
"""

import struct
from typing import NamedTuple

from episode_monitor.service_database.shape import Column, Shape

_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_FLAGS = struct.Struct(">ii")  # flags, and the length of what else the header has
_FIELDS = struct.Struct(">h")
_LENGTH = struct.Struct(">i")
_LAST = -1  # in place of the count of fields
_COLUMNS = 4


class PackedProject(NamedTuple):
    """`rows` counts all. `numbers`: 64-bit integers, high byte first, ascending. `owners`: ids, in the same order: 16
    bytes each where the column's type is uuid, else UTF-8 with a zero byte between. Rows without a number have no part
    in `numbers`, and their owners come last; those without an id have no part in either."""

    project: str | None
    rows: int
    numbers: bytes
    owners: bytes


def too_large(shape: Shape) -> str:
    """Projects of more than $1 rows, with their rows."""
    project = shape.project
    return (
        f'select {project.sql}::text as "project text", count(*) from {shape.source}{shape.where()} '
        f"group by {_group(project)} having count(*) > $1"
    )


def packed(shape: Shape, *, without_named: bool = False, without_null: bool = False) -> str:
    """A row a project. What an aggregate puts together is in the order of its own `order by`; an index on project and
    number gives both aggregates that order without sorting. Left out are the projects of the texts $1, if
    `without_named`, and the rows that have no project, if `without_null`."""
    project, number, episode = shape.project, shape.number.sql, shape.episode.sql
    numbers = f"case when {episode} is not null then int8send({number}::int8) end, ''::bytea"
    are_uuids = shape.episode.kind == "uuid"
    owners = f"uuid_send({episode}), ''::bytea" if are_uuids else f"textsend({episode}::text), '\\x00'::bytea"
    named = f"({project.sql} is null or {project.text} <> all($1::text[]))" if without_named else ""
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


class Unpacking:
    """Makes projects of the blocks of a COPY, wherever these are cut."""

    def __init__(self) -> None:
        self._left = b""
        self._began = False

    def feed(self, block: bytes) -> list[PackedProject]:
        """The projects that this block completes. Raises ValueError for what is not the binary format."""
        self._left += block
        found: list[PackedProject] = []
        if not self._began and not self._take_header():
            return found
        start = 0
        while (row := _row(self._left, start)) is not None:
            project, start = row
            found.append(project)
        self._left = self._left[start:]
        return found

    def _take_header(self) -> bool:
        size = len(_SIGNATURE) + _FLAGS.size
        if not self._left.startswith(_SIGNATURE[: len(self._left)]):
            raise ValueError("what the server sends is not COPY's binary format")
        if len(self._left) >= size:
            size += _FLAGS.unpack_from(self._left, len(_SIGNATURE))[1]
            if len(self._left) >= size:
                self._left = self._left[size:]
                self._began = True
        return self._began


def _row(block: bytes, start: int) -> tuple[PackedProject, int] | None:
    """The row that begins at `start` and where the next one does; None unless all of it is here."""
    at, size = start + _FIELDS.size, len(block)
    if at > size or _FIELDS.unpack_from(block, start)[0] == _LAST:
        return None
    fields: list[bytes | None] = []
    for _ in range(_COLUMNS):
        begin = at + _LENGTH.size
        if begin > size:
            return None
        length = _LENGTH.unpack_from(block, at)[0]
        at = begin + max(length, 0)
        if at > size:
            return None
        fields.append(None if length < 0 else block[begin:at])
    project, rows, numbers, owners = fields
    name = None if project is None else project.decode(errors="replace")
    return PackedProject(name, int.from_bytes(rows or b"", "big"), numbers or b"", owners or b""), at
