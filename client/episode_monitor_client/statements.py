"""The table of episodes and the statements on it, with parameters that every driver can be given.

How a value is compared with a column depends on the column's type, which only the database knows.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Sequence[Any]

NO_SUCH_VALUE = "22P02"  # PostgreSQL's code: the type of the column cannot hold it
_WHOLE = re.compile(r"-?[0-9]{1,20}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_FITS = {"integer": _WHOLE, "bigint": _WHOLE, "smallint": _WHOLE, "uuid": _UUID}  # what a column of the type can hold
_HIGHEST = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
_CASTS = {"character": "bpchar"}  # cast to `character` keeps one letter

# By the column's own type, so that its index serves, and by the text: some types call unlike ids equal.
IS_PROJECT = "{column} = cast(cast({project} as text) as {kind}) and cast({column} as text) = cast({project} as text)"
IS_EPISODE = "{episode} = cast(cast({id} as text) as {episode_kind}) and cast({episode} as text) = cast({id} as text)"


@dataclass(frozen=True, slots=True)
class EpisodesTable:
    """Names as the database knows them. `table` may have a schema: `schema.table`."""

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
