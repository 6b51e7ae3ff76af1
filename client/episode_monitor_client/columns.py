"""How a value from outside is compared with a column whose type only the database knows."""

import re
from collections.abc import Sequence

from .databases import EpisodesTable, Row, Statement, quoted

NO_SUCH_VALUE = "22P02"  # PostgreSQL's code: the type of the column cannot hold it
_WHOLE = re.compile(r"-?[0-9]{1,20}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_FITS = {"integer": _WHOLE, "bigint": _WHOLE, "smallint": _WHOLE, "uuid": _UUID}  # what a column of the type can hold
_HIGHEST = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
_CASTS = {"character": "bpchar"}  # cast to `character` keeps one letter

# By the column's own type, so that its index serves, and by the text: some types call unlike ids equal.
IS_PROJECT = "{column} = cast(cast({project} as text) as {kind}) and cast({column} as text) = cast({project} as text)"
IS_EPISODE = "{episode} = cast(cast({id} as text) as {episode_kind}) and cast({episode} as text) = cast({id} as text)"


def kinds_query(table: EpisodesTable) -> Statement:
    """The types of the project's and the episode's column; no row for an empty table."""
    sql = "select cast(pg_typeof({column}) as text), cast(pg_typeof({episode}) as text) from {table} limit 1"
    return Statement(
        sql, column=quoted(table.project_column), episode=quoted(table.id_column), table=table.quoted_table
    )


def may_hold(kinds: Sequence[Row], project_id: str) -> bool:
    """Whether the project's column can hold such an id, given the answer to `kinds_query`."""
    if not kinds:
        return False
    kind = kinds[0][0]
    pattern, highest = _FITS.get(kind), _HIGHEST.get(kind)
    if pattern is not None and not pattern.fullmatch(project_id):
        return False
    return highest is None or -highest <= int(project_id) <= highest


def names_of(table: EpisodesTable, kinds: Sequence[Row]) -> dict[str, str]:
    """What statements on the table name: its columns and their types."""
    project_kind, episode_kind = kinds[0]
    return {
        "table": table.quoted_table, "counts": table.counts, "number": quoted(table.number_column),
        "column": quoted(table.project_column), "kind": _CASTS.get(project_kind) or project_kind,
        "episode": quoted(table.id_column), "episode_kind": _CASTS.get(episode_kind) or episode_kind,
    }  # fmt: skip
