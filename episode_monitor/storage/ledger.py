"""The delivery ledger in PostgreSQL: which transition each sink has already had. A delivery is never undone."""

from collections.abc import Sequence
from typing import Any

from alert_sinks.ledger import Ending
from episode_monitor.storage.database import Database
from episode_monitor.storage.rows import moment
from episode_monitor.storage.text import storable
from episode_monitor.storage.write_behind import Connection, LaneLimits, WriteBehind

_UPSERT = f"""
insert into episode_monitor.deliveries as kept (transition_id, sink, outcome, attempts, at) values ($1, $2, $3, $4, $5)
on conflict (transition_id, sink) do update
set outcome = excluded.outcome, attempts = excluded.attempts, at = excluded.at
where kept.outcome <> '{Ending.DELIVERED.value}'
"""
_IS_DELIVERED = f"""
select 1 from episode_monitor.deliveries where transition_id = $1 and sink = $2 and outcome = '{Ending.DELIVERED.value}'
"""
_ROW_BYTES = 400  # about what such a row takes in memory


class PostgresLedger:
    """`alert_sinks.ledger.Ledger` on a `Database`."""

    def __init__(self, database: Database, limits: LaneLimits | None = None) -> None:
        self._database = database
        self._lane = database.add_lane(WriteBehind("deliveries", _write, limits))

    async def already_delivered(self, transition_id: str, sink: str) -> bool:
        """Whether this sink took this transition. Raises `DatabaseAway`."""
        return bool(await self._database.fetch(_IS_DELIVERED, storable(transition_id), storable(sink)))

    async def record(self, transition_id: str, sink: str, outcome: str, attempts: int, at_ms: int) -> None:
        """Notes how it ended. While PostgreSQL is away the row waits in memory and this returns at once."""
        row = (storable(transition_id), storable(sink), storable(outcome), attempts, moment(at_ms))
        await self._database.store(self._lane, row, _ROW_BYTES)


async def _write(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    await connection.executemany(_UPSERT, rows)
