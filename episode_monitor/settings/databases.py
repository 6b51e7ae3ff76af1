"""The monitor's own database, and the project service's."""

from functools import partial
from typing import Annotated

from pydantic import AfterValidator, BaseModel

from episode_monitor.settings import validators
from episode_monitor.settings.fields import POSTGRES, Column, DatabaseUrl, setting

_databases = partial(setting, "Databases")


class DatabaseSettings(BaseModel):
    """The group "Databases"."""

    monitor_database_url: DatabaseUrl | None = _databases(
        None,
        "The monitor's own database; unset: the history is kept only as long as the topics. libpq parameters such as "
        "sslmode and sslrootcert (a file, or system) may follow.",
        form=POSTGRES,
    )
    history_retention_days: int = _databases(
        365, "How long alert history is kept in PostgreSQL.", unit="days", ge=1, le=36_500
    )
    deliveries_retention_days: int = _databases(
        90, "How long delivery records are kept; the alerts topic keeps 30 days.", unit="days", ge=31, le=36_500
    )
    checks_retention_days: int = _databases(90, "How long check results are kept.", unit="days", ge=1, le=36_500)
    database_url: DatabaseUrl | None = _databases(
        None,
        "The project service's database; unset: no backfill, no drift check and no repair. Parameters as above.",
        form=POSTGRES,
    )
    episodes_table: Annotated[str, AfterValidator(validators.sql_table)] = _databases(
        "episodes", "The table of episodes.", form="table, or schema.table"
    )
    episodes_id_column: Column = _databases("id", "The column of the episode's id.", form="column")
    episodes_project_column: Column = _databases("project_id", "The column of the project's id.", form="column")
    episodes_number_column: Column = _databases("number", "The column of the number.", form="column")
    episodes_version_column: Column | None = _databases(
        None, "A column that changes with every update of a row; unset: PostgreSQL's xmin.", form="column"
    )
    episodes_created_column: Column | None = _databases(
        None, "The column by which episodes are ordered by creation; unset: the id.", form="column"
    )
    episodes_deleted_column: Column | None = _databases(
        None,
        "The column that marks deleted rows, which then do not count: a date or time that is set, a true boolean, a "
        "number other than 0; unset: all rows count.",
        form="column",
    )
