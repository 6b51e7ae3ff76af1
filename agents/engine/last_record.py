"""The last applied record, stored beside the cursor to detect a recreated topic.

The offset alone does not show it: a new topic soon has a record there, too. Stored as well: the offset from which the
topic of dead letters may hold letters that the state does not mention because of a crash.
"""

import time
import zlib

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.fetching.reading import Record, some_records
from models.dead_letter import LETTER_MONITOR_ID

KEY = b"w"  # in the changelog
PATIENCE_SECONDS = 5.0
LETTERS_LIMIT = 200_000  # dead letters looked through at a recovery: seconds


class LastRecord(msgspec.Struct, frozen=True, array_like=True):
    """`letters_from`: no dead letter of a record after this one lies before this offset of the dead letters' topic."""

    offset: int
    timestamp_ms: int
    crc: int
    letters_from: int


def last_record_of(record: Record, letters_from: int) -> LastRecord:
    """What is remembered of a record."""
    return LastRecord(record.offset, _timestamp(record), _crc(record), letters_from)


def encode_last_record(last_record: LastRecord) -> tuple[bytes, bytes]:
    """The changelog record."""
    return KEY, msgspec.msgpack.encode(last_record)


def decode_last_record(value: bytes | None) -> LastRecord | None:
    """Inverse of `encode_last_record`; None for none."""
    return None if value is None else msgspec.msgpack.decode(value, type=LastRecord)


async def is_still_there(consumer: AIOKafkaConsumer, tp: TopicPartition, last_record: LastRecord) -> bool:
    """Whether the log still has the same record at its offset. Raises KafkaError."""
    consumer.assign([tp])
    consumer.seek(tp, last_record.offset)
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up_at:
        for record in await some_records(consumer, tp):
            return (record.offset, _timestamp(record), _crc(record)) == (
                last_record.offset, last_record.timestamp_ms, last_record.crc,
            )  # fmt: skip
    return False


async def dead_letter_offsets(
    consumer: AIOKafkaConsumer, letters: TopicPartition, start: int, end: int, source: TopicPartition, position: int,
    monitor_id: str,
) -> set[int]:  # fmt: skip
    """Offsets of `source`, at or after `position`, that have a dead letter of this monitor between `start` and `end`.
    Raises KafkaError."""
    start = max(start, end - LETTERS_LIMIT)
    offsets: set[int] = set()
    if start >= end:
        return offsets
    consumer.assign([letters])
    consumer.seek(letters, start)
    while await consumer.position(letters) < end:
        records = await some_records(consumer, letters)
        for record in records:
            offset = origin_of(record, source, monitor_id)
            if offset is not None and offset >= position:
                offsets.add(offset)
        if not records:
            break
    return offsets


def origin_of(record: Record, source: TopicPartition, monitor_id: str) -> int | None:
    """The offset in `source` that a dead letter of this monitor names, the last one if it names several.

    A letter sent in again has older headers first. One that names no monitor was written by a version without.
    """
    found: dict[str, bytes | None] = {}
    for name, value in record.headers:
        if name == "dl_topic":
            found = {}
        if name.startswith("dl_"):
            found[name] = value
    if found.get("dl_topic") != source.topic.encode() or found.get("dl_partition") != b"%d" % source.partition:
        return None
    if found.get(LETTER_MONITOR_ID, monitor_id.encode()) != monitor_id.encode():
        return None
    offset = found.get("dl_last_offset") or found.get("dl_offset") or b""
    return int(offset) if offset.isdigit() and len(offset) < 20 else None  # of thousands of digits Python makes none


def _timestamp(record: Record) -> int:
    """Old formats have none, which is None in one of aiokafka's classes and -1 in the other."""
    return -1 if record.timestamp is None else int(record.timestamp)


def _crc(record: Record) -> int:
    return zlib.crc32(record.value or b"", zlib.crc32(record.key or b""))
