"""Parses batches that aiokafka's C code cannot or must not read: slower, within bounds, for any bytes.

Each parser returns the valid records and, in place of invalid ones, an `UnreadableBatch` with their offsets. It never
raises.
"""

import struct
from collections.abc import Iterator
from typing import cast

from aiokafka.record.util import decode_varint

from agents.fetching.decompression import DecompressesTooLarge, NotDecompressible, decompress
from models.dead_letter import DeadLetterReason

MAX_HEADERS = 10_000  # of a record: in memory each costs 36 times its bytes
KEPT_BYTES = 1024
_LEGACY_CODECS = 0x07
_APPEND_TIME = 0x08


class PlainRecord:
    """A record with the attributes that aiokafka's C code gives it."""

    __slots__ = ("headers", "key", "offset", "timestamp", "value")

    def __init__(
        self,
        offset: int,
        timestamp: int,
        key: bytes | None,
        value: bytes | None,
        headers: list[tuple[str, bytes | None]],
    ) -> None:
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self.headers = headers


class UnreadableBatch:
    """Takes the place of the records from `first_offset` to `offset`. Decoders see an empty value.

    `kept` is the beginning of its bytes as they are in the log, `detail` one sentence.
    """

    __slots__ = ("detail", "first_offset", "kept", "offset", "reason")
    timestamp = -1
    key: bytes | None = None
    value: bytes | None = b""  # never an event, nor an alert, nor anything stored
    headers: tuple[tuple[str, bytes | None], ...] = ()

    def __init__(self, first_offset: int, offset: int, reason: DeadLetterReason, why: str, kept: bytes) -> None:
        self.first_offset = first_offset
        self.offset = offset
        self.reason = reason
        where = f"Offset {offset}" if first_offset == offset else f"Offsets {first_offset} to {offset}"
        self.detail = f"{where} cannot be read: {why.rstrip('.')}."[:200]
        self.kept = kept[:KEPT_BYTES]


Parsed = PlainRecord | UnreadableBatch


class _Lies(Exception):
    """A length is invalid; the message says which."""


def parse_records(
    view: memoryview, at: int, count: int, base_offset: int, last_offset: int, timestamp: int, append_time: int | None
) -> Iterator[Parsed]:
    """Records of a decompressed batch of format 2, from byte `at` on. `append_time`: the broker's, where it set one."""
    expected = base_offset  # the lowest that the next one may have
    for _ in range(count):
        try:
            length, begin = _varint(view, at)
            end = begin + length
            if length < 0 or end > len(view):
                raise _Lies(f"a record claims {length} bytes")
            delta, offset_delta, body = _prelude(view, begin, end)
            offset = base_offset + offset_delta
            if not expected <= offset <= last_offset:
                raise _Lies(f"a record claims offset {offset}")
        except _Lies as error:
            if expected <= last_offset:
                why, reason = f"the batch has a good checksum, but {error}", DeadLetterReason.MALFORMED_JSON
                yield UnreadableBatch(expected, last_offset, reason, why, bytes(view[at : at + KEPT_BYTES]))
            return
        record_at, at, expected = at, end, offset + 1
        try:
            key, value, headers = _body(view[:end], body)
        except _Lies as error:
            kept = bytes(view[record_at : min(end, record_at + KEPT_BYTES)])
            yield UnreadableBatch(offset, offset, DeadLetterReason.MALFORMED_JSON, str(error), kept)
        except _TooMany as error:
            kept = bytes(view[record_at : min(end, record_at + KEPT_BYTES)])
            yield UnreadableBatch(offset, offset, DeadLetterReason.TOO_LARGE, str(error), kept)
        else:
            yield PlainRecord(offset, timestamp + delta if append_time is None else append_time, key, value, headers)


class _TooMany(Exception):
    """More headers than a record may have."""


def _prelude(view: memoryview, at: int, end: int) -> tuple[int, int, int]:
    """Timestamp delta, offset delta, and where the rest begins."""
    delta, at = _varint(view, at + 1)
    offset_delta, at = _varint(view, at)
    if at > end:
        raise _Lies("a record ends within its numbers")
    return delta, offset_delta, at


def _body(view: memoryview, at: int) -> tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]:
    key, at = _bytes(view, at)
    value, at = _bytes(view, at)
    count, at = _varint(view, at)
    if count < 0:
        raise _Lies(f"it claims {count} headers")
    if count > MAX_HEADERS:
        raise _TooMany(f"it has {count} headers; at most {MAX_HEADERS} are read")
    headers = []
    for _ in range(count):
        name, at = _bytes(view, at)
        if name is None:
            raise _Lies("a header has no name")
        header, at = _bytes(view, at)
        headers.append((name.decode(errors="backslashreplace"), header))
    if at != len(view):
        raise _Lies("it is longer than what is in it")
    return key, value, headers


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(view) or shift > 63:
            raise _Lies("a number does not end")
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return (value >> 1) ^ -(value & 1), at
        shift += 7


def _bytes(view: memoryview, at: int) -> tuple[bytes | None, int]:
    length, at = _varint(view, at)
    if length < 0:
        return None, at
    if at + length > len(view):
        raise _Lies(f"it claims {length} bytes where there are fewer")
    return bytes(view[at : at + length]), at + length


def longest_record(view: memoryview, at: int, count: int) -> int | None:
    """The length of the longest record; None where the lengths do not add up."""
    longest, end = 0, len(view)
    buffer = cast(bytearray, view)
    try:
        for _ in range(count):
            if at >= end:
                return None
            length, at = decode_varint(buffer, at)  # in C
            at += length
            if length > longest:
                longest = length
            elif length < 0:
                return None
    except ValueError:
        return None
    return longest if at <= end else None


# --- formats 0 and 1, which brokers before 0.11 stored: a batch is a message, and a compressed one holds others


def parse_message(view: memoryview, expected: int) -> Iterator[Parsed]:
    """One message of format 0 or 1 with a valid checksum. `expected`: the lowest wanted offset."""
    offset, magic, attributes = _message(view, 0)
    try:
        key, value, timestamp = _message_body(view)
        codec = attributes & _LEGACY_CODECS
        if not codec:
            if offset >= expected:
                yield PlainRecord(offset, timestamp, key, value, [])
            return
        if value is None:
            raise _Lies("the message is compressed and empty")
        inner = decompress(codec, memoryview(value))
        append_time = timestamp if magic == 1 and attributes & _APPEND_TIME else None
        starts = _starts(inner)
        shift = offset - _message(inner, starts[-1][0])[0] if magic == 1 and starts else 0
    except (_Lies, NotDecompressible) as error:
        yield UnreadableBatch(
            min(expected, offset), offset, DeadLetterReason.MALFORMED_JSON, str(error), bytes(view[:KEPT_BYTES])
        )
        return
    except DecompressesTooLarge:
        why = "the message decompresses to more than is read"
        yield UnreadableBatch(min(expected, offset), offset, DeadLetterReason.TOO_LARGE, why, bytes(view[:KEPT_BYTES]))
        return
    yield from _inner_messages(inner, starts, shift, expected, offset, append_time)


def _inner_messages(
    inner: memoryview, starts: list[tuple[int, int]], shift: int, expected: int, last: int, append_time: int | None
) -> Iterator[Parsed]:
    for begin, end in starts:
        message = inner[begin:end]
        offset, _, attributes = _message(message, 0)
        offset += shift
        if offset < expected:
            continue
        try:
            if offset > last:
                raise _Lies(f"a message claims offset {offset}")
            if attributes & _LEGACY_CODECS:
                raise _Lies("a compressed message lies in a compressed one")
            key, value, timestamp = _message_body(message)
        except _Lies as error:
            offset = min(offset, last)
            if offset >= expected:
                reason = DeadLetterReason.MALFORMED_JSON
                yield UnreadableBatch(expected, offset, reason, str(error), bytes(message[:KEPT_BYTES]))
        else:
            yield PlainRecord(offset, timestamp if append_time is None else append_time, key, value, [])
        expected = offset + 1


def _starts(view: memoryview) -> list[tuple[int, int]]:
    """Start and end of each message."""
    starts, at = [], 0
    while at < len(view):
        if at + 26 > len(view):
            raise _Lies("a message ends within its head")
        (length,) = struct.unpack_from(">i", view, at + 8)
        end = at + 12 + length
        if length < 14 or end > len(view):
            raise _Lies(f"a message claims {length} bytes")
        starts.append((at, end))
        at = end
    return starts


def _message(view: memoryview, at: int) -> tuple[int, int, int]:
    """Offset, format and attributes."""
    offset: int
    magic: int
    attributes: int
    offset, magic, attributes = struct.unpack_from(">q8xbb", view, at)
    return offset, magic, attributes


def _message_body(view: memoryview) -> tuple[bytes | None, bytes | None, int]:
    magic, at, timestamp = view[16], 18, -1
    if magic == 1:
        if len(view) < 26:
            raise _Lies("a message ends within its head")
        (timestamp,) = struct.unpack_from(">q", view, 18)
        at = 26
    key, at = _sized(view, at)
    value, at = _sized(view, at)
    if at != len(view):
        raise _Lies("a message is longer than what is in it")
    return key, value, timestamp


def _sized(view: memoryview, at: int) -> tuple[bytes | None, int]:
    if at + 4 > len(view):
        raise _Lies("a message ends within a length")
    (length,) = struct.unpack_from(">i", view, at)
    at += 4
    if length == -1:
        return None, at
    if length < 0 or at + length > len(view):
        raise _Lies(f"a message claims {length} bytes where there are fewer")
    return bytes(view[at : at + length]), at + length
