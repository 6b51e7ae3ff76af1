"""Heads of batches as stored in a topic: where a batch ends, which offsets it contains, whether its checksum is right.

A head is trusted only if the checksum is right, and only for what the checksum covers: neither the first offset of a
batch nor its length.
"""

import re
import struct
import zlib
from itertools import islice
from typing import Any, NamedTuple, cast

from aiokafka.record.control_record import ABORT_MARKER, ControlRecord
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.util import calc_crc32c

from agents.fetching.decompression import SPARE_BYTES

HEAD = struct.Struct(">qiibIhiqqqhii")  # of a batch of format 2
CODEC, APPEND_TIME, TRANSACTIONAL, CONTROL = 0x07, 0x08, 0x10, 0x20

LENGTH, MAGIC, COUNT = 8, 16, 57  # where they lie
INT = struct.Struct(">i")
BEFORE_LENGTH_COUNTS = 12

_CHECKED_FROM, _ATTRIBUTES, _AFTER_ATTRIBUTES = 21, 21, 23
_SHORTEST = {0: 14, 1: 22, 2: HEAD.size - BEFORE_LENGTH_COUNTS}
_LOOKED_AT = 1_000  # places that look like a batch, behind one that is damaged


class BatchHead(NamedTuple):
    """A batch's place in the bytes, and the fields of its head. Formats 0 and 1 contain only the last offset."""

    at: int
    end: int
    magic: int
    base_offset: int
    last_offset: int
    attributes: int
    first_timestamp: int
    max_timestamp: int
    producer_id: int
    records: int


class Damaged(Exception):
    """The bytes are no batch; the message says why."""


def read_batch(data: bytes, at: int) -> BatchHead | None:
    """The batch that begins here, its checksum verified; None where it is cut off. Raises Damaged."""
    left = len(data) - at
    if left <= MAGIC:
        return None
    (length,) = INT.unpack_from(data, at + LENGTH)
    magic = data[at + MAGIC]
    if magic not in _SHORTEST:
        raise Damaged(f"format {magic} is not known")
    if length < _SHORTEST[magic]:
        raise Damaged(f"it claims to be {length} bytes long")
    end = at + BEFORE_LENGTH_COUNTS + length
    if end > len(data):
        return None
    if magic < 2:
        offset, crc, attributes = struct.unpack_from(">q4xIxb", data, at)
        if zlib.crc32(memoryview(data)[at + MAGIC : end]) != crc:
            raise Damaged("its checksum is wrong")
        return BatchHead(at, end, magic, offset, offset, attributes & CODEC, -1, -1, -1, 1)
    base, _, _, _, crc, attributes, delta, first_timestamp, max_timestamp, producer, _, _, count = HEAD.unpack_from(
        data, at
    )
    if calc_crc32c(cast(bytes, memoryview(data)[at + _CHECKED_FROM : end])) != crc:
        raise Damaged("its checksum is wrong")
    if base < 0 or delta < 0 or count < 0:
        raise Damaged(f"it claims {count} records from offset {base} on")
    return BatchHead(at, end, magic, base, base + delta, attributes, first_timestamp, max_timestamp, producer, count)


def plain_head(data: bytes, at: int, attributes: int) -> bytes:
    """The head of the same format 2 batch uncompressed. Its checksum is not recomputed."""
    flags = struct.pack(">h", attributes & ~CODEC)
    return b"".join((data[at : at + _ATTRIBUTES], flags, data[at + _AFTER_ATTRIBUTES : at + HEAD.size]))


def is_abort(data: bytes, batch: BatchHead) -> bool:
    """Whether this control batch ends an aborted transaction."""
    if batch.attributes & CODEC:  # brokers fold none
        return False
    try:
        for record in cast(Any, DefaultRecordBatch(data[batch.at : batch.end] + bytes(SPARE_BYTES))):
            return bool(ControlRecord.parse(record.key) == ABORT_MARKER)
    except Exception:  # a marker of a kind that is not known, or none
        return False
    return False


def base_at(data: bytes, at: int) -> int | None:
    """The first offset that a batch would claim here."""
    return struct.unpack_from(">q", data, at)[0] if at + 8 <= len(data) else None


def claimed(data: bytes, at: int) -> tuple[int, int]:
    """A damaged batch's first offset by its head, and its number of offsets if the head's fields are consistent."""
    if len(data) - at < HEAD.size:
        return (struct.unpack_from(">q", data, at)[0] if len(data) - at >= 8 else -1), 0
    head = HEAD.unpack_from(data, at)
    base, magic, delta, count = head[0], head[3], head[6], head[12]
    return base, (count if magic == 2 and 0 <= delta == count - 1 else 0)


def find_good(data: bytes, at: int, after: int) -> BatchHead | None:
    """The first complete batch after a damaged one, whose length may be wrong; its offsets are above `after`."""
    if at + BEFORE_LENGTH_COUNTS <= len(data):
        (length,) = INT.unpack_from(data, at + LENGTH)
        good = good_at(data, at + BEFORE_LENGTH_COUNTS + length, after) if length >= 0 else None
        if good is not None:
            return good
    near = (max(0, after), max(0, after) + (1 << 32))  # 4 billion offsets share their first bytes
    high = b"|".join(re.escape(struct.pack(">q", offset)[:4]) for offset in near)
    looks_like = rb"(?=(?:" + high + rb")[\s\S]{12}[\x00\x01\x02])"
    for place in islice(re.finditer(looks_like, data[at + 1 :]), _LOOKED_AT):
        good = good_at(data, at + 1 + place.start(), after)
        if good is not None:
            return good
    return None


def good_at(data: bytes, at: int, after: int) -> BatchHead | None:
    """The complete batch that begins here, with offsets above `after`."""
    try:
        batch = read_batch(data, at)
    except Damaged:
        return None
    return batch if batch is not None and batch.base_offset > after else None
