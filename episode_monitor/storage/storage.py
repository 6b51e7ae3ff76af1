"""All of the storage in one hand, made from one address: PostgreSQL where it is set, memory where it is not."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from alert_sinks.ledger import Ledger, MemoryLedger
from episode_monitor.storage.alert_deliveries import (
    AlertDeliveries,
    MemoryAlertDeliveries,
    NotingLedger,
    PostgresAlertDeliveries,
)
from episode_monitor.storage.audit import AuditLog, MemoryAuditLog, PostgresAuditLog
from episode_monitor.storage.audit_checkpoints import AuditCheckpointRows
from episode_monitor.storage.checks import CheckResults, MemoryCheckResults, PostgresCheckResults
from episode_monitor.storage.connecting import DatabaseOptions
from episode_monitor.storage.database import Database
from episode_monitor.storage.database_service import DatabaseService, NullDatabase
from episode_monitor.storage.history import AlertHistory, MemoryAlertHistory, PostgresAlertHistory
from episode_monitor.storage.idempotency import IdempotencyKeys, MemoryKeys, PostgresKeys
from episode_monitor.storage.ledger import PostgresLedger
from episode_monitor.storage.retention import Prune, Retention, pruner
from episode_monitor.storage.schedule import CheckSchedule, MemoryCheckSchedule, PostgresCheckSchedule
from models.audit_checkpoint import AuditCheckpoint

_LEDGER_ENTRIES = 100_000  # some hundred bytes each


@dataclass(frozen=True)
class Storage:
    """`database` is started and stopped by its owner; the others work from the start."""

    database: DatabaseService
    history: AlertHistory
    ledger: Ledger
    deliveries: AlertDeliveries
    checks: CheckResults
    schedule: CheckSchedule
    audit: AuditLog
    idempotency: IdempotencyKeys
    note_checkpoint: Callable[[AuditCheckpoint], None] = lambda checkpoint: None  # of the audit; never waits
    prune: Prune | None = None  # None: memory is bounded by itself


def open_storage(
    url: str | None, options: DatabaseOptions | None = None, retention: Retention | None = None,
    monitor_id: str = "", now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> Storage:  # fmt: skip
    """The storage at this address, not connected yet. Raises `BadDatabaseUrl` for an address that cannot be one.

    `monitor_id`: several monitors may have one database, and keys of their own.
    """
    if not url:
        in_memory = MemoryAlertDeliveries()
        return Storage(
            database=NullDatabase(),
            history=MemoryAlertHistory(),
            ledger=NotingLedger(MemoryLedger(_LEDGER_ENTRIES), in_memory),
            deliveries=in_memory,
            checks=MemoryCheckResults(),
            schedule=MemoryCheckSchedule(),
            audit=MemoryAuditLog(),
            idempotency=MemoryKeys(now_ms),
        )
    database = Database(url, options)
    deliveries = PostgresAlertDeliveries(database)
    return Storage(
        database=database,
        history=PostgresAlertHistory(database),
        ledger=NotingLedger(PostgresLedger(database), deliveries),
        deliveries=deliveries,
        checks=PostgresCheckResults(database),
        schedule=PostgresCheckSchedule(database),
        audit=PostgresAuditLog(database),
        idempotency=PostgresKeys(database, monitor_id, MemoryKeys(now_ms)),
        note_checkpoint=AuditCheckpointRows(database).note,
        prune=None if retention is None else pruner(database, retention),
    )
