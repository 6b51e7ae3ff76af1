"""Alert history in PostgreSQL. What is in the table up to a partition's progress is all there is: no hole before it.

When memory is full during an outage the newest transitions are left out, not the oldest: the topic has them, and the
progress in the table then still says truly where to read on.
"""

from collections.abc import Sequence
from typing import Any

import structlog

from episode_monitor.storage import cursors
from episode_monitor.storage.database import Database
from episode_monitor.storage.records import HistoryQuery, Page, Stored, Transition
from episode_monitor.storage.rows import Conditions, moment, packed, page, unpacked
from episode_monitor.storage.shapes import transition_of
from episode_monitor.storage.write_behind import Connection, LaneLimits, WriteBehind
from models.alert import Alert
from models.times import epoch_ms

_log = structlog.get_logger(__name__)

_INSERT = """
insert into episode_monitor.alert_transitions (
    transition_id, alert_id, alert_key, project_id, rule_id, severity, status, escalation_level, reason, at,
    kafka_partition, kafka_offset, acted_by, comment, payload
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
on conflict do nothing
"""
# The last offset written, not the highest: reading a partition again moves it back, which is safe, and a topic that
# was made anew begins anew.
_PROGRESS = """
insert into episode_monitor.history_progress (kafka_partition, kafka_offset) values ($1, $2)
on conflict (kafka_partition) do update set kafka_offset = excluded.kafka_offset
"""
_COLUMNS = """
id, transition_id, alert_id, alert_key, project_id, rule_id, severity, status, escalation_level, reason, at,
kafka_partition, kafka_offset, acted_by, comment, payload
"""
_PARTITION, _OFFSET, _PAYLOAD = 10, 11, 14  # places in a row
_OTHER_BYTES = 1000  # about what the rest of a row takes in memory

_Row = tuple[Any, ...]


class PostgresAlertHistory:
    """`AlertHistory` on a `Database`."""

    def __init__(self, database: Database, limits: LaneLimits | None = None) -> None:
        self.newest_only: int | None = None
        self._database = database
        self._lane = database.add_lane(WriteBehind("alert_transitions", _write, limits))
        self._left_out: dict[int, int] = {}

    async def append(
        self, alert: Alert, partition: int, offset: int, *, by: str | None = None, comment: str | None = None
    ) -> Stored:
        """See `AlertHistory.append`."""
        row = _row(transition_of(alert, partition, offset, by, comment))
        size_bytes = _OTHER_BYTES + len(row[_PAYLOAD])
        left_out, has_room = self._left_out.get(partition), self._lane.has_room(size_bytes)
        if left_out is None and not has_room:
            self._left_out[partition] = left_out = offset
            _log.error("history left to catch-up: memory is full", partition=partition, first_offset=offset)
        elif left_out is not None and offset <= left_out and has_room:
            del self._left_out[partition]  # the partition is read again from a place that is in
            left_out = None
        if left_out is not None:
            return Stored.LEFT_TO_CATCH_UP
        return await self._database.store(self._lane, row, size_bytes)

    async def list(self, query: HistoryQuery) -> Page[Transition]:
        """See `AlertHistory.list`."""
        limit = cursors.checked_limit(query.limit)
        conditions = Conditions()
        for column in ("project_id", "alert_key", "rule_id", "severity", "status"):
            conditions.equal(column, getattr(query, column))
        conditions.between("at", query.since_ms, query.until_ms)
        conditions.before("(at, id)", cursors.decode(query.cursor, int))
        rows = await self._database.fetch(
            f"select {_COLUMNS} from episode_monitor.alert_transitions {conditions.where()} "
            f"order by at desc, id desc limit {conditions.argument(limit + 1)}",
            *conditions.arguments,
        )
        return page(rows, limit, _transition, at="at")

    async def last_offsets(self) -> dict[int, int]:
        """See `AlertHistory.last_offsets`."""
        rows = await self._database.fetch("select kafka_partition, kafka_offset from episode_monitor.history_progress")
        offsets: dict[int, int] = {row["kafka_partition"]: row["kafka_offset"] for row in rows}
        for partition in [p for p, first in self._left_out.items() if offsets.get(p, -1) >= first]:
            del self._left_out[partition]  # another worker had the partition meanwhile and caught up
        return offsets

    def behind(self) -> dict[int, int]:
        """See `AlertHistory.behind`."""
        return dict(self._left_out)


async def _write(connection: Connection, rows: Sequence[_Row]) -> None:
    await connection.executemany(_INSERT, rows)
    progress = {row[_PARTITION]: row[_OFFSET] for row in rows}
    # In one order for all writers, so that two never wait for each other.
    await connection.executemany(_PROGRESS, sorted(progress.items()))


def _row(transition: Transition) -> _Row:
    return (
        transition.transition_id,
        transition.alert_id,
        transition.alert_key,
        transition.project_id,
        transition.rule_id,
        transition.severity,
        transition.status,
        transition.escalation_level,
        transition.reason,
        moment(transition.at_ms),
        transition.kafka_partition,
        transition.kafka_offset,
        transition.acted_by,
        transition.comment,
        packed(transition.alert),
    )


def _transition(row: Any) -> Transition:
    return Transition(
        transition_id=row["transition_id"],
        alert_id=row["alert_id"],
        alert_key=row["alert_key"],
        project_id=row["project_id"],
        rule_id=row["rule_id"],
        severity=row["severity"],
        status=row["status"],
        escalation_level=row["escalation_level"],
        reason=row["reason"],
        at_ms=epoch_ms(row["at"]),
        kafka_partition=row["kafka_partition"],
        kafka_offset=row["kafka_offset"],
        acted_by=row["acted_by"],
        comment=row["comment"],
        alert=unpacked(row["payload"]),
    )
