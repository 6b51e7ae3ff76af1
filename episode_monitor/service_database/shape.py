"""The table as the database itself describes it, and the conditions that every statement on it is made of.

Checks, drift, repair and backfill take them from here, so they agree on which rows count and which are one project's.
"""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from episode_monitor.service_database.episodes_table import EpisodesTable, quoted
from episode_monitor.service_database.errors import ServiceTableMismatch

WHOLE_NUMBERS: Final = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
VIEW, MATERIALIZED_VIEW, FOREIGN_TABLE = "v", "m", "f"
_EXACT: Final = frozenset({"smallint", "integer", "bigint", "uuid", "text", "character varying", "bpchar", '"char"'})
_COLUMNS: Final = """
with recursive found as (
    select attname, atttypid as kind, attcollation as rules, attnotnull as required
    from pg_attribute where attrelid = to_regclass($1) and attnum > 0 and not attisdropped
    union all
    select found.attname, pg_type.typbasetype, found.rules, found.required
    from found join pg_type on pg_type.oid = found.kind where pg_type.typtype = 'd'
)
select attname as name, format_type(kind, -1) as kind, typcategory::text as category, required,
    coalesce(collisdeterministic, true) as deterministic,
    (select relkind::text from pg_class where oid = to_regclass($1)) as relation
from found join pg_type on pg_type.oid = kind left join pg_collation on pg_collation.oid = rules
where typtype <> 'd'
"""


class Column(NamedTuple):
    """`sql` is its quoted name, `kind` the type beneath all domains. `is_exact`: what compares equal has one text."""

    sql: str
    kind: str
    category: str
    is_exact: bool
    is_required: bool

    @property
    def text(self) -> str:
        """Its value as a text that compares letter by letter, whatever its type and collation say."""
        return f"{self.sql}::text" if self.is_exact else f'{self.sql}::text collate "C"'

    def equals(self, placeholder: str) -> str:
        """It is the text in `placeholder`: an index on the column serves, and `Ep` is never `ep`."""
        condition = f"{self.sql} = {placeholder}::text::{self.kind}"
        return condition if self.is_exact else f"{condition} and {self.text} = {placeholder}::text"


@dataclass(frozen=True, slots=True)
class Shape:
    """Columns by the settings that name them. `counts` is the condition of rows that count; empty where all do."""

    table: EpisodesTable
    relation: str
    project: Column
    number: Column
    episode: Column
    counts: str = ""

    @property
    def source(self) -> str:
        """The table for SQL."""
        return self.table.quoted_table

    @property
    def highest(self) -> int:
        """The highest number that the column can hold."""
        return WHOLE_NUMBERS[self.number.kind]

    def where(self, *conditions: str) -> str:
        """A clause of these conditions and that of the rows that count, with a space before it; or nothing."""
        found = [condition for condition in (*conditions, self.counts) if condition]
        return f" where {' and '.join(found)}" if found else ""


async def read_shape(connection: Any, table: EpisodesTable, place: str) -> Shape:
    """Asks an asyncpg connection. Raises ServiceTableMismatch with the setting that helps."""
    rows = await connection.fetch(_COLUMNS, table.quoted_table)
    if not rows:
        raise ServiceTableMismatch(
            f"The project service's database at {place} has no table {table.table}: set EPISODES_TABLE to the one that "
            "it has, or grant the account of DATABASE_URL USAGE on the table's schema."
        )
    found = {row["name"]: _column(row) for row in rows}
    for setting, name in _named_columns(table):
        if name not in found:
            raise ServiceTableMismatch(
                f"Table {table.table} at {place} has no column {name}: set {setting} to an existing one."
            )
    number = found[table.number_column]
    if number.kind not in WHOLE_NUMBERS:
        raise ServiceTableMismatch(
            f"Column {table.number_column} of {table.table} at {place} is of the type {number.kind} and not integer: "
            "set EPISODES_NUMBER_COLUMN to the column of the episode numbers."
        )
    counts = "" if table.deleted_column is None else _not_deleted(found[table.deleted_column], table, place)
    return Shape(table, rows[0]["relation"], found[table.project_column], number, found[table.id_column], counts)


def _column(row: Any) -> Column:
    is_exact = (row["kind"] in _EXACT or row["category"] == "E") and row["deterministic"]
    return Column(quoted(row["name"]), row["kind"], row["category"], is_exact, row["required"])


def _not_deleted(column: Column, table: EpisodesTable, place: str) -> str:
    """In the form that a partial index over the rows that count most likely has."""
    if column.kind == "boolean":
        return f"not {column.sql}" if column.is_required else f"{column.sql} is not true"
    if column.kind in WHOLE_NUMBERS:
        return f"{column.sql} = 0" if column.is_required else f"coalesce({column.sql}, 0) = 0"
    if column.category == "D":
        return f"{column.sql} is null"
    raise ServiceTableMismatch(
        f"Column {table.deleted_column} of {table.table} at {place} is of the type {column.kind}: "
        "EPISODES_DELETED_COLUMN must name a column of dates or times, booleans or whole numbers."
    )


def _named_columns(table: EpisodesTable) -> list[tuple[str, str]]:
    named = [
        ("EPISODES_ID_COLUMN", table.id_column),
        ("EPISODES_PROJECT_COLUMN", table.project_column),
        ("EPISODES_NUMBER_COLUMN", table.number_column),
        ("EPISODES_VERSION_COLUMN", table.version_column),
        ("EPISODES_CREATED_COLUMN", table.created_column),
        ("EPISODES_DELETED_COLUMN", table.deleted_column),
    ]
    return [(setting, column) for setting, column in named if column is not None]
