"""The events topic as the source of a replay: read without a group, committed records only."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from agents.fetching.decompression import missing_codecs
from agents.fetching.reading import READ_TIMEOUT_MS, reader, some_records
from agents.kafka.access import Kafka, access_of
from agents.kafka.topic_facts import topic_facts
from agents.kafka.topics import connected_admin
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.replay.ranges import (
    BadRange,
    Bounds,
    Moment,
    Position,
    Range,
    at_partition,
    check_order,
    named_partitions,
)
from episode_monitor.replay.source import NoSuchPartition, ReplayBatch, Replayed

QUIET_POLLS = 40  # of half a second each; an end that the broker named and never reaches


class TopicSource:
    """Partition after partition, each in order."""

    is_topic = True

    def __init__(self, kafka: Kafka, topic: str, wanted: Range = Range(), named_by: str = "EVENTS_TOPIC") -> None:  # noqa: B008
        self._kafka = kafka
        self._named_by = named_by
        self._wanted = wanted
        self.name = topic
        self.done = 0
        self.total: int | None = None
        self.warnings: tuple[str, ...] = ()

    async def resolve(self) -> tuple[Bounds, ...]:
        """Asks the broker for partitions, beginnings, ends, and the offsets of moments."""
        missing = missing_codecs()
        if missing is not None:
            raise Failure(missing, ExitCode.USAGE)
        check_order(self._wanted)
        async with reader(self._kafka, committed_only=True) as consumer:
            numbers = await choose_partitions(consumer, self._kafka, self.name, self._wanted.partition, self._named_by)
            self._check_named(numbers)
            partitions = [TopicPartition(self.name, number) for number in numbers]
            beginnings = await consumer.beginning_offsets(partitions)
            ends = await _seen_ends(consumer, beginnings, await consumer.end_offsets(partitions))
            firsts = await _offsets(consumer, partitions, ends, self._wanted.first)
            lasts = await _offsets(consumer, partitions, ends, self._wanted.end)
        self.warnings = await _compaction(self._kafka, self.name)
        return tuple(self._bounds(tp, beginnings[tp], ends[tp], firsts.get(tp), lasts.get(tp)) for tp in partitions)

    def _check_named(self, numbers: Sequence[int]) -> None:
        strange = sorted(named_partitions(self._wanted) - set(numbers))
        if strange:
            why = "is not read" if self._wanted.partition is not None else "does not exist"
            raise BadRange(f"The range names partition {strange[0]} of {self.name}, which {why}; leave it out.")

    def _bounds(self, tp: TopicPartition, beginning: int, end: int, first: int | None, last: int | None) -> Bounds:
        if first is not None and first < beginning and not isinstance(self._wanted.first, Moment):
            raise BadRange(
                f"Offsets {first} to {beginning - 1} of partition {tp.partition} of {self.name} have been deleted; "
                f"it begins at {beginning}."
            )
        if first is not None and last is not None and first > last:
            where = f"partition {tp.partition} of {self.name}"
            raise BadRange(f"The range of {where} ends at offset {last}, before it begins at offset {first}.")
        begins = beginning if first is None else max(beginning, min(first, end))
        return Bounds(tp.partition, begins, max(begins, end if last is None else min(last, end)))

    async def batches(self, bounds: Sequence[Bounds]) -> AsyncIterator[ReplayBatch]:
        """Partition after partition."""
        self.total = sum((each.end or each.first) - each.first for each in bounds)
        async with reader(self._kafka, committed_only=True, is_strict=True) as consumer:
            for each in bounds:
                async with aclosing(self._read(consumer, each)) as batches:
                    async for batch in batches:
                        yield batch

    async def _read(self, consumer: Any, bounds: Bounds) -> AsyncGenerator[ReplayBatch, None]:
        tp = TopicPartition(self.name, bounds.partition)
        consumer.assign([tp])
        consumer.seek(tp, bounds.first)
        position, stop, quiet = bounds.first, bounds.end or bounds.first, 0
        while position < stop and quiet < QUIET_POLLS:
            try:
                records: Sequence[Replayed] = await some_records(consumer, tp)
            except OffsetOutOfRangeError:
                raise await self._deleted(consumer, tp, position) from None
            quiet = 0 if records else quiet + 1
            if records and records[-1].offset >= stop:
                records = [record for record in records if record.offset < stop]
            before, position = position, await consumer.position(tp)  # also past markers and aborted records
            self.done += min(position, stop) - before
            yield ReplayBatch(tp.partition, records, min(position, stop))
        if position < stop:
            where = f"Partition {tp.partition} of {self.name}"
            raise Failure(
                f"{where} gives nothing more after offset {position}, and it ends at {stop}; try again.",
                ExitCode.UNREACHABLE,
            )

    async def _deleted(self, consumer: Any, tp: TopicPartition, position: int) -> BadRange:
        beginning = (await consumer.beginning_offsets([tp]))[tp]
        return BadRange(
            f"Partition {tp.partition} of {self.name} had to be read from offset {position}, and begins at {beginning} "
            "by now, because Kafka deleted what lay before; replay again, or from a later offset."
        )


async def _compaction(kafka: Kafka, topic: str) -> tuple[str, ...]:
    """A sentence where Kafka compacts the topic, which removes records without moving its beginning."""
    async with connected_admin(kafka) as admin:
        facts = (await topic_facts(admin, [topic])).get(topic)
    if facts is None or facts.cleanup is None or "compact" not in facts.cleanup:
        return ()
    return (
        f"{topic} is compacted, which keeps only the last record of each key, so its gaps, duplicates and rates cannot "
        "be trusted; set its cleanup.policy to delete.",
    )


async def choose_partitions(
    consumer: Any, kafka: Kafka, topic: str, only: int | None, named_by: str = "EVENTS_TOPIC"
) -> list[int]:
    """All partitions of the topic, or `only` that one. Raises NoSuchPartition; `named_by`: the setting or option."""
    there: set[int] = set()
    if topic in await consumer.topics():  # some brokers create a topic that is only asked about
        await consumer.beginning_offsets([TopicPartition(topic, 0)])  # waits until its partitions are known here
        there = consumer.partitions_for_topic(topic) or set()
    chosen = sorted(there) if only is None else sorted(there & {only})
    if there and not chosen:
        raise NoSuchPartition(
            f"There is no partition {only} of topic {topic} at {kafka}, which has 0 to {max(there)}; check --partition."
        )
    if not chosen:
        hidden = ", and that this user may DESCRIBE it" if access_of(kafka).has_user else ""
        raise NoSuchPartition(f"There is no topic {topic} at {kafka}; check {named_by}{hidden}.")
    return chosen


async def _seen_ends(
    consumer: Any, beginnings: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """The ends, or after what a fetch at an end gives: the embedded broker names one within its last batch."""
    found, waiting = dict(ends), {tp for tp, end in ends.items() if end > beginnings[tp]}
    consumer.assign(list(waiting))
    for tp in waiting:
        consumer.seek(tp, ends[tp] - 1)
    for _ in range(len(waiting)):
        polled = await consumer.getmany(*waiting, timeout_ms=READ_TIMEOUT_MS)
        for tp, records in polled.items():
            found[tp] = max(found[tp], records[-1].offset + 1)
        waiting -= polled.keys()
        if not polled or not waiting:
            break
    return found


async def _offsets(
    consumer: Any, partitions: Sequence[TopicPartition], ends: Mapping[TopicPartition, int], position: Position | None
) -> dict[TopicPartition, int]:
    """The offset of a position in each partition: of a moment, that of the first record written then or later."""
    if not isinstance(position, Moment):
        named = {tp: at_partition(position, tp.partition) for tp in partitions}
        return {tp: offset for tp, offset in named.items() if offset is not None}
    found = await consumer.offsets_for_times(dict.fromkeys(partitions, position.at_ms))
    offsets = {tp: ends[tp] if found[tp] is None else found[tp].offset for tp in partitions}
    return {tp: await _written_since(consumer, tp, offsets[tp], ends[tp], position.at_ms) for tp in partitions}


async def _written_since(consumer: Any, tp: TopicPartition, offset: int, end: int, at_ms: int) -> int:
    """From this offset on, the first that was written at this time or later. Kafka's own answer is right; those of
    other brokers may be too early."""
    consumer.assign([tp])
    consumer.seek(tp, offset)
    quiet = 0
    while offset < end and quiet < QUIET_POLLS:
        records: Sequence[Replayed] = await some_records(consumer, tp)
        for record in records:
            if record.timestamp is None or record.timestamp >= at_ms:
                return min(record.offset, end)
        quiet = 0 if records else quiet + 1
        offset = await consumer.position(tp)
    return min(offset, end)
