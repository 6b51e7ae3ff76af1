"""One record of the fleet topic: a partition's summary, its owner's address, and the token for requests to it.

The counts come first; the lists are compressed, and decompressed only when a question needs them.
"""

import zlib
from enum import Enum

import msgspec

from streams.partition.summary import PartitionCounts, PartitionLists

FORMAT = 1
MAX_FLEET_RECORD_BYTES = 900_000  # brokers take a megabyte by default
MAX_UNPACKED_BYTES = 64 * 1024 * 1024
_LEVEL = 1  # the quickest


class PartitionStatus(Enum):
    """Whether the owner recovers the partition or serves it."""

    RECOVERING = "recovering"
    LIVE = "live"


class FleetRecord(msgspec.Struct, frozen=True, array_like=True):
    """`published_at_ms` is the owner's wall clock. `counts` is None and `body` empty while it recovers."""

    format: int
    partition: int
    generation: int
    published_at_ms: int
    worker_id: str
    url: str
    token: str  # the owner answers questions that have it; it is in this topic and nowhere else
    status: PartitionStatus
    counts: PartitionCounts | None
    body: bytes
    is_behind: bool = False  # its alerts are of the past
    settings: bytes = b""  # a digest of those that all workers must share


class Body(msgspec.Struct, frozen=True, array_like=True):
    """The compressed part: lists, and the partition's encoded totals."""

    lists: PartitionLists
    totals: bytes


class Unreadable(ValueError):
    """Bytes that are no record of this topic; the message says why."""


_encode = msgspec.msgpack.Encoder().encode
_record = msgspec.msgpack.Decoder(FleetRecord)
_body = msgspec.msgpack.Decoder(Body)
_format = msgspec.msgpack.Decoder(list[msgspec.Raw])


def pack_body(body: Body) -> bytes:
    """The compressed body. Takes about 20 ms a megabyte and releases the GIL."""
    return zlib.compress(_encode(body), _LEVEL)


def unpack_body(packed: bytes) -> Body:
    """Inverse of `pack_body`. Raises Unreadable."""
    unpacking = zlib.decompressobj()
    try:
        plain = unpacking.decompress(packed, MAX_UNPACKED_BYTES)
        if not unpacking.eof:
            raise Unreadable("the bulk is cut off or too large")
        return _body.decode(plain)
    except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"the bulk cannot be read: {error}") from error


def encode_record(record: FleetRecord) -> bytes:
    """The record's value."""
    return _encode(record)


def decode_record(value: bytes) -> FleetRecord:
    """Inverse of `encode_record`. Raises Unreadable, also for a record with unusable values."""
    try:
        if (version := msgspec.msgpack.decode(_format.decode(value)[0], type=int)) != FORMAT:
            raise Unreadable(f"format {version} is not {FORMAT}")
        record = _record.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, IndexError, RecursionError) as error:
        raise Unreadable(str(error)) from error
    if not record.url.startswith(("http://", "https://")):
        raise Unreadable("the owner's address is not an http address")
    if record.partition < 0 or (record.status is PartitionStatus.LIVE) != (record.counts is not None):
        raise Unreadable("the partition or the counts are invalid")
    return record


def record_key(partition: int) -> bytes:
    """The record's key: one record a partition is kept."""
    return str(partition).encode()
