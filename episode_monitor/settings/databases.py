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
        "The monitor's own tables; unset: history lives only as long as the topics. Parameters such as sslmode and "
        "sslrootcert (a file, or system) may follow, as libpq has them.",
        form=POSTGRES,
    )
    history_retention_days: int = _databases(
        365, "How long alert history is kept in PostgreSQL.", unit="days", ge=1, le=36_500
    )
    deliveries_retention_days: int = _databases(
        90, "How long the list of deliveries is kept; the topic of alerts keeps 30 days.", unit="days", ge=31, le=36_500
    )
    checks_retention_days: int = _databases(90, "How long results of checks are kept.", unit="days", ge=1, le=36_500)
    database_url: DatabaseUrl | None = _databases(
        None,
        "The project service's database; unset: no backfill, no drift check and no repair. Parameters as above.",
        form=POSTGRES,
    )
    episodes_table: Annotated[str, AfterValidator(validators.sql_table)] = _databases(
        "episodes", "Its table of episodes.", form="table, or schema.table"
    )
    episodes_id_column: Column = _databases("id", "The column of the episode's id.", form="column")
    episodes_project_column: Column = _databases("project_id", "The column of the project's id.", form="column")
    episodes_number_column: Column = _databases("number", "The column of the number.", form="column")
    episodes_version_column: Column | None = _databases(
        None, "A column that every change of a row changes; unset: PostgreSQL's own (xmin).", form="column"
    )
    episodes_created_column: Column | None = _databases(
        None, "The column that tells which of two episodes came later; unset: their ids do.", form="column"
    )
    episodes_deleted_column: Column | None = _databases(
        None,
        "The column that marks deleted rows, which then do not count: a date or time that is set, a true boolean, a "
        "number other than 0; unset: all rows count.",
        form="column",
    )
