"""A copy of the audit checkpoints in PostgreSQL, beyond the rights of those who may delete topics. The topic has all of
them; rows that wait for the server when the process ends are in the topic alone."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from episode_monitor.storage.database import Database
from episode_monitor.storage.rows import insert_of
from episode_monitor.storage.text import storable
from episode_monitor.storage.write_behind import Connection, LaneLimits, WriteBehind
from models.audit_checkpoint import AuditCheckpoint, encode_audit_checkpoint, link_hash

_COLUMNS = (
    "link", "monitor_id", "topic", "partition", "sequence", "offset_from", "offset_to", "records", "state_digest", "at",
    "checkpoint",
)  # fmt: skip
_INSERT = insert_of("audit_checkpoints", _COLUMNS, "on conflict do nothing")


class AuditCheckpointRows:
    """Rows are only ever added; of a checkpoint that is noted again there is one."""

    def __init__(self, database: Database, limits: LaneLimits | None = None) -> None:
        self._database = database
        self._lane = database.add_lane(WriteBehind("audit_checkpoints", _write, limits))

    def note(self, checkpoint: AuditCheckpoint) -> None:
        """Add a row without waiting for it."""
        row = _row(checkpoint)
        self._database.queue(self._lane, row, 500 + len(row[-1]))


async def _write(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    await connection.executemany(_INSERT, rows)


def _row(checkpoint: AuditCheckpoint) -> tuple[Any, ...]:
    return (
        link_hash(checkpoint), storable(checkpoint.monitor_id), storable(checkpoint.topic), checkpoint.partition,
        checkpoint.sequence, checkpoint.offset_from, checkpoint.offset_to, checkpoint.records, checkpoint.state_digest,
        datetime.fromisoformat(checkpoint.at), encode_audit_checkpoint(checkpoint),
    )  # fmt: skip
