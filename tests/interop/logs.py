"""Reads a topic from the broker's own files: what a producer really sent, before any consumer looked at it."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
from aiokafka.record.memory_records import MemoryRecords

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
_MAGIC_AT = 16  # behind offset, length and leader epoch
_ATTRIBUTES_AT = 21
_PRODUCER_AT = 43
_LOG_APPEND_TIME, _TRANSACTIONAL, _CONTROL = 8, 16, 32


class LoggedBatch(msgspec.Struct, frozen=True):
    """One batch. `events`: (key, project id) of its records, where they are events."""

    partition: int
    magic: int
    codec: str
    is_log_append_time: bool
    is_transactional: bool
    is_control: bool
    has_producer_id: bool  # sent by an idempotent producer
    events: tuple[tuple[bytes | None, str], ...]


def batches_of(data_folder: Path, topic: str) -> Iterator[LoggedBatch]:
    """All batches of a topic, with those that were taken back."""
    for folder in sorted(data_folder.glob(f"{topic}-[0-9]*")):
        partition = int(folder.name.removeprefix(f"{topic}-"))
        for segment in sorted(folder.glob("*.log")):
            yield from _in_segment(partition, segment.read_bytes())


def _in_segment(partition: int, data: bytes) -> Iterator[LoggedBatch]:
    at = 0
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at + 8 : at + 12], "big")
        raw = data[at:end]
        attributes = int.from_bytes(raw[_ATTRIBUTES_AT : _ATTRIBUTES_AT + 2], "big")
        is_control = bool(attributes & _CONTROL)
        yield LoggedBatch(
            partition,
            raw[_MAGIC_AT],
            CODECS[attributes & 7],
            bool(attributes & _LOG_APPEND_TIME),
            bool(attributes & _TRANSACTIONAL),
            is_control,
            int.from_bytes(raw[_PRODUCER_AT : _PRODUCER_AT + 8], "big", signed=True) >= 0,
            () if is_control else tuple(_events(raw)),
        )
        at = end


def _events(raw: bytes) -> Iterator[tuple[bytes | None, str]]:
    batch = MemoryRecords(raw).next_batch()
    for record in batch:
        try:
            yield record.key, json.loads(record.value or b"")["project_id"]
        except ValueError:
            continue
