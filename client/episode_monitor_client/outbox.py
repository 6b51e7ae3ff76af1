"""The transactional outbox: an event is a row of the caller's own transaction, sent if and only if that commits.

Events of a project keep the order of their commits: `add` locks the project's row until the transaction ends. So call
it last in the transaction, after the changes it reports.
"""

import uuid
from dataclasses import dataclass
from importlib import resources
from typing import Any
from zlib import crc32

from .encoding import text_of
from .events import EpisodeEvent

SLOTS = 16  # as in outbox.sql

_ADD = """
WITH project AS (
    INSERT INTO episode_event_outbox_projects AS known (project_id, source, sequence) VALUES ({0}, {1}, 1)
    ON CONFLICT (project_id) DO UPDATE SET sequence = known.sequence + 1
    RETURNING source, sequence
)
INSERT INTO episode_event_outbox (slot, project_id, source, sequence, body, traceparent)
SELECT {2}, {3}, source, sequence, {4}, {5} FROM project
"""
_ADD_ASYNCPG = _ADD.format(*("$1::text", "$2::text", "$3::smallint", "$4::text", "$5::text", "$6::text"))
_ADD_DBAPI = _ADD.format(*("CAST(%s AS text)",) * 2, "CAST(%s AS smallint)", *("CAST(%s AS text)",) * 3)

WAITING = """
SELECT count(*) FILTER (WHERE failure IS NULL) AS waiting,
       count(*) FILTER (WHERE failure IS NOT NULL) AS refused,
       coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE failure IS NULL)), 0)::float8 AS oldest_seconds
FROM episode_event_outbox
"""


@dataclass(frozen=True, slots=True)
class OutboxStats:
    """What is in the table: rows to be sent, rows Kafka refused for good, and the age of the oldest to be sent."""

    waiting: int
    refused: int
    oldest_seconds: float


def ddl() -> str:
    """The SQL that makes the tables; for a migration of yours, or for `Outbox.create_tables`."""
    return (resources.files(__package__ or __name__) / "outbox.sql").read_text(encoding="utf-8")


class Outbox:
    """Adds events to the table. One for a process is enough."""

    def __init__(self, source: str = "project-service", *, enabled: bool = True) -> None:
        """`source`: the service's name, up to 80 characters. Not enabled: `add` does nothing."""
        self._source = source[:80]
        self._enabled = enabled

    async def create_tables(self, connection: Any) -> None:
        """Makes what is missing, over an asyncpg connection."""
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(7201310456)")  # instances start at once
            await connection.execute(ddl())

    async def add(self, connection: Any, event: EpisodeEvent) -> None:
        """Adds an event to the transaction that this asyncpg connection has open.

        Raises what asyncpg raises; the transaction is then to be rolled back, as after any failed statement. Outside a
        transaction the event is sent at once.
        """
        if self._enabled:
            await connection.execute(_ADD_ASYNCPG, *self._values(event))

    def add_dbapi(self, connection: Any, event: EpisodeEvent) -> None:
        """The same for a blocking DB-API connection with `%s` parameters, such as psycopg's.

        Of a SQLAlchemy Connection pass `connection.connection`, of a Session `session.connection().connection`: the
        driver's connection, which is in the same transaction.
        """
        if self._enabled:
            cursor = connection.cursor()
            try:
                cursor.execute(_ADD_DBAPI, self._values(event))
            finally:
                cursor.close()

    async def stats(self, connection: Any) -> OutboxStats:
        """How much waits, over an asyncpg connection; for health checks and metrics."""
        row = await connection.fetchrow(WAITING)
        return OutboxStats(row["waiting"], row["refused"], row["oldest_seconds"])

    def _values(self, event: EpisodeEvent) -> tuple[Any, ...]:
        project_id = event.project_id
        source = f"{self._source}/outbox-{uuid.uuid4().hex[:16]}"  # counts only for the project's first event
        slot = crc32(project_id.encode()) % SLOTS
        return project_id, source, slot, project_id, text_of(event), event.traceparent
