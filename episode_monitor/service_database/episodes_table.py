"""Where the project service keeps its episodes: names of a table and its columns, as settings give them.

Everything that reaches SQL is quoted here and nowhere else.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EpisodesTable:
    """Names as the database knows them. `table` may bear a schema: `schema.table`."""

    table: str = "episodes"
    id_column: str = "id"
    project_column: str = "project_id"
    number_column: str = "number"
    version_column: str | None = None  # changes with every change of a row; None: PostgreSQL's own xmin does
    created_column: str | None = None  # tells which of two episodes came later; None: their ids do
    deleted_column: str | None = None  # tells which rows do not count; None: all rows count

    @property
    def counts(self) -> str:
        """The condition of rows that count, for a connection whose column types are not known; empty where all do."""
        if self.deleted_column is None:
            return ""
        return f"coalesce(cast({quoted(self.deleted_column)} as text) in ('false', '0'), true)"

    @property
    def quoted_table(self) -> str:
        """The table for SQL."""
        return ".".join(quoted(part) for part in self.table.split("."))


def quoted(name: str) -> str:
    """A name for SQL, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'
