"""Where the project service keeps its episodes: names of a table and its columns, as settings give them."""

from dataclasses import dataclass

from episode_monitor_client import statements
from episode_monitor_client.statements import quoted

__all__ = ["EpisodesTable", "quoted"]


@dataclass(frozen=True, slots=True)
class EpisodesTable(statements.EpisodesTable):
    """The client's, and the columns that repair reads besides."""

    version_column: str | None = None  # changes with every change of a row; None: PostgreSQL's own xmin does
    created_column: str | None = None  # tells which of two episodes came later; None: their ids do
