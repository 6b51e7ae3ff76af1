"""The copy of audit checkpoints in PostgreSQL: byte for byte, once each, and for good."""

from dataclasses import replace

import psycopg
import pytest

from episode_monitor.storage.database import Database
from episode_monitor.storage.storage import open_storage
from models.audit_checkpoint import NO_LINK, AuditCheckpoint, AuditRange, digest_of_ranges, encode_audit_checkpoint
from tests.storage.conftest import SOON, all_written, run

RANGES = [AuditRange(5, 4, "ab" * 32)]


def checkpoint(**changes: object) -> AuditCheckpoint:
    fields = {
        "monitor_id": "m", "topic": "events", "partition": 3, "sequence": 0, "offset_from": 0, "offset_to": 5,
        "records": 4, "ranges": RANGES, "digest": digest_of_ranges(RANGES), "state_digest": None, "rules_digest": "r",
        "projects": 2, "at": "2026-01-02T03:04:05.000Z", "software": "1", "previous": NO_LINK,
    }  # fmt: skip
    return AuditCheckpoint(**fields | changes)  # type: ignore[arg-type]


async def test_each_checkpoint_is_kept_once_with_its_bytes_and_cannot_be_changed(database_url: str) -> None:
    storage = open_storage(database_url, replace(SOON, application_name="checkpoints"))
    await storage.database.connect()
    assert isinstance(storage.database, Database)
    first, anew = checkpoint(), checkpoint(at="2026-01-02T03:05:00.000Z", state_digest="0" * 32)
    for each in (first, anew, first):
        storage.note_checkpoint(each)
    await all_written(storage.database)
    rows = run(database_url, "select sequence, offset_to, records, state_digest, checkpoint "
                             "from episode_monitor.audit_checkpoints order by at")  # fmt: skip
    assert [(*row[:4], bytes(row[4])) for row in rows] == [
        (0, 5, 4, None, encode_audit_checkpoint(first)),
        (0, 5, 4, "0" * 32, encode_audit_checkpoint(anew)),
    ]
    assert storage.database.counters()["audit_checkpoints_lost"] == 0
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        run(database_url, "delete from episode_monitor.audit_checkpoints")
    await storage.database.close()


async def test_without_a_database_nothing_is_kept() -> None:
    open_storage(None).note_checkpoint(checkpoint())
