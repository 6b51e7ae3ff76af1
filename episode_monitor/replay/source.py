"""Where a replay's records come from: a range of the events topic, or a file with one event a line.

The end of a topic is looked up once, at the beginning, so that a replay ends although events still come.
"""

import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import msgspec
from aiokafka import TopicPartition

from agents.fetching.decompression import missing_codecs
from agents.fetching.reading import reader, some_records
from agents.kafka.access import Kafka, access_of
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.replay.lines import lines_of_file

QUIET_POLLS = 20  # of half a second each; an end that the broker named and never reaches
LINES = 1_000  # of a file in one batch


class Replayed(Protocol):
    """One record as it was. `timestamp` is when it was written, in ms of the wall clock; none in old formats."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    timestamp: int | None


class Line(msgspec.Struct):
    """A record that is a line of a file."""

    offset: int
    value: bytes | None
    timestamp: int | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


class ReplayBatch(msgspec.Struct, frozen=True):
    """Records of one partition, in order."""

    partition: int
    records: Sequence[Replayed]


class Range(msgspec.Struct, frozen=True):
    """Offsets of each partition read: from `first` (None: the beginning) to before `end` (None: the end of now)."""

    partition: int | None = None  # None: all
    first: int | None = None
    end: int | None = None


class NoSuchPartition(Exception):
    """The topic has no such partition, or none at all; the message is a sentence."""


async def from_topic(kafka: Kafka, topic: str, wanted: Range) -> AsyncIterator[ReplayBatch]:
    """Partition after partition, each in order. Raises KafkaError, NoSuchPartition, Failure."""
    missing = missing_codecs()
    if missing is not None:
        raise Failure(missing, ExitCode.USAGE)
    async with reader(kafka, committed_only=True) as consumer:
        for number in await choose_partitions(consumer, kafka, topic, wanted.partition):
            async with aclosing(read_partition(consumer, TopicPartition(topic, number), wanted)) as batches:
                async for batch in batches:
                    yield batch


async def choose_partitions(consumer: Any, kafka: Kafka, topic: str, only: int | None) -> list[int]:
    """All partitions of the topic, or `only` that one. Raises NoSuchPartition."""
    there: set[int] = set()
    if topic in await consumer.topics():  # some brokers create a topic that is only asked about
        await consumer.beginning_offsets([TopicPartition(topic, 0)])  # waits until its partitions are known here
        there = consumer.partitions_for_topic(topic) or set()
    chosen = sorted(there) if only is None else sorted(there & {only})
    if not chosen:
        which = " no" if only is None else f" no partition {only} of"
        hidden = ", and that this user may DESCRIBE it" if access_of(kafka).has_user else ""
        raise NoSuchPartition(f"There is{which} topic {topic} at {kafka}; check EVENTS_TOPIC{hidden}.")
    return chosen


async def read_partition(consumer: Any, tp: TopicPartition, wanted: Range) -> AsyncGenerator[ReplayBatch, None]:
    """From the first wanted offset to before the end, which is looked up once."""
    beginning = (await consumer.beginning_offsets([tp]))[tp]
    end = (await consumer.end_offsets([tp]))[tp]
    consumer.assign([tp])
    position = max(beginning, wanted.first or 0)
    consumer.seek(tp, position)
    stop, quiet = end if wanted.end is None else min(end, wanted.end), 0
    while position < stop and quiet < QUIET_POLLS:
        records: Sequence[Replayed] = await some_records(consumer, tp)
        quiet = 0 if records else quiet + 1
        if records and records[-1].offset >= stop:
            records = [record for record in records if record.offset < stop]
        if records:
            yield ReplayBatch(tp.partition, records)
        position = await consumer.position(tp)  # also past markers and aborted records


async def from_lines(lines: Iterable[bytes], now_ms: int) -> AsyncIterator[ReplayBatch]:
    """Line n is the record at offset n - 1 of a single partition; blank lines are passed over."""
    records = _records(lines, now_ms)
    while batch := list(islice(records, LINES)):
        yield ReplayBatch(0, batch)


def _records(lines: Iterable[bytes], now_ms: int) -> Iterator[Line]:
    for offset, line in enumerate(lines):
        if line.strip():
            yield Line(offset, line.strip(), now_ms)


async def from_file(path: Path, now_ms: int) -> AsyncIterator[ReplayBatch]:
    """A file of lines; `-` is standard input. Raises UnreadableFile, OSError."""
    async for batch in from_lines(lines_of_file(path, sys.stdin.buffer), now_ms):
        yield batch
