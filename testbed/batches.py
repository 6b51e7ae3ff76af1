"""Batches as brokers store them, of every format and codec, made byte by byte: right ones, and wrong ones."""

import gzip
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import cramjam
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.codec import snappy_encode
from aiokafka.errors import for_code
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.util import calc_crc32c

from agents.fetching.batches import PartitionBatches
from agents.fetching.taken_records import FetchedBytes

TRANSACTIONAL, CONTROL, APPEND_TIME = 0x10, 0x20, 0x08
COMMITTED, UNCOMMITTED = 1, 0

CODECS = ["gzip", "snappy", "lz4", "zstd"]

Headers = Sequence[tuple[bytes, bytes | None]]


class Sent(NamedTuple):
    """A record; `delta` is its offset within its batch."""

    delta: int
    value: bytes | None = b"{}"
    key: bytes | None = b"p"
    headers: Headers = ()
    timestamp_delta: int = 0


FOLDS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "none": (0, bytes),
    "gzip": (1, gzip.compress),
    "snappy": (2, lambda data: bytes(cramjam.snappy.compress_raw(data))),
    "snappy of Java": (2, snappy_encode),
    "snappy of Java, small blocks": (2, lambda data: snappy_encode(data, xerial_blocksize=7)),
    "snappy in frames": (2, lambda data: bytes(cramjam.snappy.compress(data))),
    "lz4": (3, lambda data: bytes(cramjam.lz4.compress(data))),
    "lz4 of Java": (3, lambda data: bytes(_lz4_of_java(data))),
    "zstd": (4, lambda data: bytes(cramjam.zstd.compress(data))),
    "zstd without a size": (4, lambda data: _zstd_streamed(data)),
}


def _lz4_of_java(data: bytes) -> bytes:
    compressor = cramjam.lz4.Compressor(level=1, content_checksum=False, block_linked=False)
    compressor.compress(data)
    return bytes(compressor.finish())


def _zstd_streamed(data: bytes) -> bytes:
    compressor = cramjam.zstd.Compressor()
    compressor.compress(data)
    return bytes(compressor.finish())


def varint(value: int) -> bytes:
    """As format 2 has numbers."""
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _sized(data: bytes | None) -> bytes:
    return varint(-1) if data is None else varint(len(data)) + data


def record(sent: Sent) -> bytes:
    """One record of format 2."""
    body = b"\x00" + varint(sent.timestamp_delta) + varint(sent.delta) + _sized(sent.key) + _sized(sent.value)
    body += varint(len(sent.headers)) + b"".join(_sized(name) + _sized(value) for name, value in sent.headers)
    return varint(len(body)) + body


def batch(
    base: int,
    records: Sequence[Sent],
    fold: str = "none",
    *,
    attributes: int = 0,
    producer: int = -1,
    timestamp: int = 1_700_000_000_000,
    max_timestamp: int | None = None,
    count: int | None = None,
    last_delta: int | None = None,
    compressed: bytes | None = None,
    codec: int | None = None,
) -> bytes:
    """A batch of format 2. The named parts may lie; its checksum is good."""
    known_codec, compress = FOLDS[fold]
    payload = compress(b"".join(map(record, records))) if compressed is None else compressed
    deltas = [sent.delta for sent in records] or [0]
    checked = struct.pack(
        ">hiqqqhii", attributes | (known_codec if codec is None else codec),
        max(deltas) if last_delta is None else last_delta, timestamp,
        timestamp if max_timestamp is None else max_timestamp, producer, 0, 0,
        len(records) if count is None else count,
    ) + payload  # fmt: skip
    return struct.pack(">qiibI", base, len(checked) + 9, 0, 2, calc_crc32c(checked)) + checked


def message(
    offset: int, value: bytes | None, key: bytes | None = b"p", *, magic: int = 1, attributes: int = 0,
    timestamp: int = 1_700_000_000_000,
) -> bytes:  # fmt: skip
    """A message of format 0 or 1."""
    checked = struct.pack(">bb", magic, attributes) + (struct.pack(">q", timestamp) if magic else b"")
    for data in (key, value):
        checked += struct.pack(">i", -1) if data is None else struct.pack(">i", len(data)) + data
    return struct.pack(">qiI", offset, len(checked) + 4, zlib.crc32(checked)) + checked


def wrapper(first: int, values: Sequence[bytes], fold: str, *, magic: int = 1, attributes: int = 0) -> bytes:
    """A compressed message that holds others: offsets within it count from 0 in format 1, and are the log's in 0."""
    codec, compress = FOLDS[fold]
    begin = 0 if magic else first
    inner = b"".join(message(begin + at, value, magic=magic) for at, value in enumerate(values))
    last = first + len(values) - 1
    return message(last, compress(inner), None, magic=magic, attributes=attributes | codec, timestamp=1_800_000_000_000)


def marker(base: int, producer: int, *, commits: bool) -> bytes:
    """The end of a transaction."""
    key = struct.pack(">hh", 0, int(commits))
    sent = Sent(0, struct.pack(">hi", 0, 1), key)
    return batch(base, [sent], attributes=TRANSACTIONAL | CONTROL, producer=producer)


def reading(
    data: bytes, *, start: int = 0, isolation: int = COMMITTED, aborted: Sequence[tuple[int, int]] = ()
) -> PartitionBatches:
    """What a fetch from `start` on has brought."""
    return PartitionBatches(None, FetchedBytes(data), aborted, start, None, None, True, isolation)


async def produce(bootstrap_servers: str, topic: str, partition: int, data: bytes) -> None:
    """Send a batch as it is. Raises KafkaError where the broker refuses it."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap_servers)
    await client.bootstrap()
    try:
        await client.set_topics([topic])
        leader = client.cluster.leader_for_partition(TopicPartition(topic, partition))
        answer = await client.send(leader, ProduceRequest(None, -1, 10_000, [(topic, [(partition, data)])]))
        ((_, ((_, code, *_),)),) = answer.topics
        if code:
            raise for_code(code)
    finally:
        await client.close()
