"""What a replay reads: records in batches, from a topic (`topic_source`) or a file (`file_source`)."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import msgspec

from episode_monitor.replay.ranges import Bounds


class Replayed(Protocol):
    """One record as it was. `timestamp` is when it was written, in ms of the wall clock; none in old formats."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    timestamp: int | None


class Line(msgspec.Struct):
    """A record that is a line of a file: line n has offset n - 1."""

    offset: int
    value: bytes | None
    timestamp: int | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


class ReplayBatch(msgspec.Struct, frozen=True):
    """Records of one partition, in order, perhaps none. `after`: where the next batch begins; None: after the last."""

    partition: int
    records: Sequence[Replayed]
    after: int | None = None


class Source(Protocol):
    """Where records come from. `resolve` fixes the range once, so that a replay ends although events still come."""

    name: str  # the topic or the file
    is_topic: bool
    done: int  # of `total`, in whatever is counted: offsets or bytes
    total: int | None  # None: not known
    warnings: tuple[str, ...]  # sentences on what the source no longer has, after `resolve`

    async def resolve(self) -> tuple[Bounds, ...]:
        """What the range comes to now, partitions ascending. Raises BadRange, NoSuchPartition, KafkaError, Failure."""

    def batches(self, bounds: Sequence[Bounds]) -> AsyncIterator[ReplayBatch]:
        """The records within these bounds. Raises KafkaError, UnreadableFile, OSError."""


class NoSuchPartition(Exception):
    """The topic has no such partition, or none at all; the message is a sentence."""
