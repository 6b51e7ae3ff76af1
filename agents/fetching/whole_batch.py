"""The fast path for nearly all batches: format 2, no transaction, complete, small, valid."""

from itertools import islice
from operator import attrgetter, lt
from typing import Any, NamedTuple, cast

from aiokafka.record.default_records import DefaultRecordBatch

from agents.fetching.batch_heads import (
    APPEND_TIME,
    BEFORE_LENGTH_COUNTS,
    CODEC,
    COUNT,
    HEAD,
    INT,
    LENGTH,
    MAGIC,
    plain_head,
)
from agents.fetching.decompression import SPARE_BYTES, decompress

LARGE_BYTES = 2 * 1024 * 1024  # of a batch, decompressed: its records are measured before they are made

offset_of, headers_of = attrgetter("offset"), attrgetter("headers")


class WholeBatch(NamedTuple):
    """All records of a batch; `size` is its decompressed size, `end` where the next one begins in the bytes."""

    records: list[Any]
    last_offset: int
    size: int
    end: int


def are_in_order(offsets: list[int], first: int, last: int) -> bool:
    """Whether offsets rise and are within their batch's range."""
    return first <= offsets[0] and offsets[-1] <= last and all(map(lt, offsets, islice(offsets, 1, None)))


def whole_batch(data: bytes, view: memoryview, at: int, expected: int, most_records: int) -> WholeBatch | None:
    """The batch that begins here, if it starts at the expected offset and is valid; else None."""
    if at + HEAD.size > len(data) or data[at + MAGIC] != 2:
        return None
    (length,), (count,) = INT.unpack_from(data, at + LENGTH), INT.unpack_from(data, at + COUNT)
    end = at + BEFORE_LENGTH_COUNTS + length
    if not HEAD.size - BEFORE_LENGTH_COUNTS <= length <= LARGE_BYTES or end + SPARE_BYTES > len(data):
        return None
    if not 0 < count <= most_records:
        return None
    batch: Any = DefaultRecordBatch(cast(bytes, view[at:end]))
    attributes, base = batch.attributes, batch.base_offset
    if base != expected or attributes & ~(CODEC | APPEND_TIME) or not batch.validate_crc():
        return None
    last, size, codec = base + batch.last_offset_delta, length, attributes & CODEC
    try:
        if codec:
            head = plain_head(data, at, attributes)
            decompressed = decompress(codec, view[at + HEAD.size : end], head, LARGE_BYTES)
            size, batch = len(decompressed), DefaultRecordBatch(cast(bytes, decompressed))
        records = list(batch)
    except Exception:  # the slow way finds out what it is
        return None
    if not are_in_order([*map(offset_of, records)], base, last):
        return None
    return WholeBatch(records, last, size, end)
