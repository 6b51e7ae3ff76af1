"""Where the partitioners of common clients put a key, to name the cause of a project in several partitions."""

from collections.abc import Iterable
from enum import Enum
from zlib import crc32

import msgspec
from aiokafka.partitioner import murmur2

_FNV_OFFSET, _FNV_PRIME = 0x811C9DC5, 0x01000193


class PlacedBy(Enum):
    """Which partitioner chose a record's partition."""

    MURMUR2 = "murmur2"  # Java's client, aiokafka, kafka-python, kafkajs, franz-go; librdkafka if configured so
    CRC32 = "crc32"  # librdkafka and the clients built on it, by default
    FNV1A = "fnv1a"  # sarama, kafka-go
    NO_KEY = "no_key"
    FEWER_PARTITIONS = "murmur2_of_fewer_partitions"
    UNKNOWN = "unknown"


class Cause(Enum):
    """Why a project is in several partitions."""

    PARTITIONERS = "different_partitioners"
    NO_KEY = "no_key"
    PARTITIONS_ADDED = "partitions_added"
    UNKNOWN = "unknown"


class Part(msgspec.Struct, frozen=True):
    """One partition of a project, and the partitioner that puts its records there."""

    partition: int
    placed_by: PlacedBy


def by_murmur2(key: bytes, partitions: int) -> int:
    """As Java's client does."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


def by_crc32(key: bytes, partitions: int) -> int:
    """As librdkafka does for a key, with `consistent` and `consistent_random`."""
    return crc32(key) % partitions


def by_fnv1a(key: bytes, partitions: int) -> int:
    """As sarama does: the absolute value of a signed remainder."""
    hashed = _FNV_OFFSET
    for byte in key:
        hashed = (hashed ^ byte) * _FNV_PRIME & 0xFFFFFFFF
    signed = hashed - (1 << 32) if hashed >> 31 else hashed
    return abs(signed) % partitions  # Go's remainder has the sign of what is divided


_HASHES = ((PlacedBy.MURMUR2, by_murmur2), (PlacedBy.CRC32, by_crc32), (PlacedBy.FNV1A, by_fnv1a))


def placed_by(key: bytes, partition: int, partitions: int) -> PlacedBy:
    """The partitioner that puts the key there; of several the most common one."""
    for name, place in _HASHES:
        if place(key, partitions) == partition:
            return name
    fewest = max(2, partition + 1)  # all keys are in the partition of one
    if any(by_murmur2(key, fewer) == partition for fewer in range(fewest, partitions)):
        return PlacedBy.FEWER_PARTITIONS
    return PlacedBy.UNKNOWN


def parts_of(project_id: str, seen: Iterable[int], keyless: Iterable[int], partitions: int) -> list[Part]:
    """Each partition of a project with the partitioner that puts its records there."""
    key, without = project_id.encode(), set(keyless)
    return [
        Part(number, PlacedBy.NO_KEY if number in without else placed_by(key, number, max(partitions, number + 1)))
        for number in seen
    ]


def cause_of(parts: Iterable[Part]) -> Cause:
    """Why there are several."""
    names = sorted(part.placed_by.value for part in parts)
    if PlacedBy.NO_KEY.value in names:
        return Cause.NO_KEY
    if names == sorted((PlacedBy.MURMUR2.value, PlacedBy.FEWER_PARTITIONS.value)):
        return Cause.PARTITIONS_ADDED
    if {PlacedBy.UNKNOWN.value, PlacedBy.FEWER_PARTITIONS.value}.isdisjoint(names):
        return Cause.PARTITIONERS
    return Cause.UNKNOWN


_PLACED = {
    PlacedBy.MURMUR2: "where murmur2 puts its key (Java's client and most others)",
    PlacedBy.CRC32: "where CRC32 puts its key (librdkafka's default)",
    PlacedBy.FNV1A: "where FNV-1a puts its key (sarama, kafka-go)",
    PlacedBy.NO_KEY: "without a key",
    PlacedBy.FEWER_PARTITIONS: "where murmur2 puts its key when a topic has fewer partitions",
    PlacedBy.UNKNOWN: "where no known partitioner puts its key",
}
_MEND = {
    Cause.PARTITIONERS: "Set the same partitioner in all producers.",
    Cause.NO_KEY: "Let every producer send the project's id as the key.",
    Cause.PARTITIONS_ADDED: "If partitions were added, send the events to a new topic and use a new MONITOR_ID.",
    Cause.UNKNOWN: "Look for records without a key, and for a producer that names partitions itself.",
}


def sentence(parts: list[Part]) -> str:
    """A project's partitions, the cause and the next step, for people."""
    where = "; ".join(f"partition {part.partition}: {_PLACED[part.placed_by]}" for part in parts)
    return f"Its records are in several partitions ({where}). {_MEND[cause_of(parts)]}"
