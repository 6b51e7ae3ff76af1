"""Where a replay's records come from: a range of the events topic, or a file with one event a line.

The end of a topic is looked up once, at the beginning, so that a replay ends although events still come.
"""

import sys
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import msgspec
from aiokafka import TopicPartition

from agents.access import Kafka
from agents.engine.reading import reader, some_records

QUIET_POLLS = 20  # of half a second each; an end that the broker named and never reaches


class Replayed(msgspec.Struct, frozen=True):
    """One record as it was. `at_ms` is when it was written, by the wall clock."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    at_ms: int


class Range(msgspec.Struct, frozen=True):
    """Offsets of each partition read: from `first` (None: the beginning) to before `end` (None: the end of now)."""

    partition: int | None = None  # None: all
    first: int | None = None
    end: int | None = None


class NoSuchPartition(Exception):
    """The topic has no such partition, or none at all; the message is a sentence."""


async def from_topic(kafka: Kafka, topic: str, wanted: Range) -> AsyncIterator[Replayed]:
    """Partition after partition, each in order. Raises KafkaError, NoSuchPartition."""
    async with reader(kafka) as consumer:
        there: set[int] = set()
        if topic in await consumer.topics():  # some brokers create a topic that is only asked about
            await consumer.beginning_offsets([TopicPartition(topic, 0)])  # waits until its partitions are known here
            there = consumer.partitions_for_topic(topic) or set()
        chosen = sorted(there) if wanted.partition is None else sorted(there & {wanted.partition})
        if not chosen:
            which = "" if wanted.partition is None else f" no partition {wanted.partition} of"
            raise NoSuchPartition(f"There is{which or ' no'} topic {topic} at {kafka}; check EVENTS_TOPIC.")
        for number in chosen:
            tp = TopicPartition(topic, number)
            beginning = (await consumer.beginning_offsets([tp]))[tp]
            end = (await consumer.end_offsets([tp]))[tp]
            consumer.assign([tp])
            position = max(beginning, wanted.first or 0)
            consumer.seek(tp, position)
            stop, quiet = end if wanted.end is None else min(end, wanted.end), 0
            while position < stop and quiet < QUIET_POLLS:
                records = await some_records(consumer, tp)
                quiet = 0 if records else quiet + 1
                for record in records:
                    if record.offset >= stop:
                        break
                    headers = tuple(record.headers)
                    yield Replayed(number, record.offset, record.key, record.value, headers, record.timestamp)
                position = await consumer.position(tp)  # also past what nobody is shown


async def from_lines(lines: Iterable[bytes], now_ms: int) -> AsyncIterator[Replayed]:
    """Line n is the record at offset n - 1 of a single partition; blank lines are passed over."""
    for offset, line in enumerate(lines):
        if line.strip():
            yield Replayed(0, offset, None, line.strip(), (), now_ms)


async def from_file(path: Path, now_ms: int) -> AsyncIterator[Replayed]:
    """A file of lines; `-` is standard input. Raises OSError."""
    if str(path) == "-":
        async for record in from_lines(sys.stdin.buffer, now_ms):
            yield record
        return
    with path.open("rb") as lines:
        async for record in from_lines(lines, now_ms):
            yield record
