"""Builds partitions of the new monitor with the worker's own classes: the same decoding, step, order of a flush and
stored form. Nothing is emitted: alerts and dead letters of the past are the old monitor's.

Each flush is whole or not there, so that after `kill -9` a partition continues at its stored cursor.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.engine.changelog import Changelog, PartitionLog
from agents.engine.checkpoint import cursor_record
from agents.engine.clock import run_clock
from agents.engine.last_record import dead_letter_offsets
from agents.engine.ownership import Owned
from agents.engine.producer import Producer
from agents.engine.recovery import run_overdue
from agents.engine.standby import Standby, encode_standby
from agents.engine.stored_values import StoredValues
from agents.fetching.reading import reader
from episode_monitor.rebuild.monitors import RECENT_MS, Pair, now_ms
from episode_monitor.rebuild.stored import batches_of, bounds_of
from episode_monitor.replay.ranges import Bounds
from streams.base import changelog_keys
from streams.base.checkpoint_types import Cursor

SLICE_RECORDS = 200
STORE_SECONDS = 5.0  # so much is done again after a crash at the worst
MOST_UNSTORED = 5_000  # changed projects, each of them decoded in memory
LIFE_SECONDS = RECENT_MS / 3_000

Progress = Callable[[int], None]  # called with a number of offsets that were processed


async def recovered(pair: Pair, number: int, values: dict[bytes, bytes], share: int = 1) -> Owned:
    """A partition of these stored values, in memory alone. `share`: so many partitions share the cache."""
    return await _recovered(pair, number, StoredValues(values), share)


def new_store(pair: Pair, share: int) -> StoredValues:
    """For a partition of the new monitor; so many share the memory, as with a worker."""
    return StoredValues(folder=pair.state_dir, memory_bytes=pair.state_memory_bytes // max(1, share))


async def _recovered(pair: Pair, number: int, values: StoredValues, share: int) -> Owned:
    owned = Owned(pair.new.events, number, 0, pair.core, pair.cached_projects // max(1, share))
    await owned.recover(values)
    await run_overdue(owned.partition)
    owned.partition.emits.clear()
    return owned


async def take(pair: Pair, owned: Owned, until: int, progress: Progress = lambda offsets: None) -> None:
    """Process the records before `until`; store now and then where the partition was claimed. Raises KafkaError."""
    if owned.position >= until:
        return
    stored_at = time.monotonic()
    async with aclosing(batches_of(pair.kafka, owned.topic, Bounds(owned.number, owned.position, until))) as batches:
        async for batch in batches:
            before, records = owned.position, list[Any](batch.records)
            for begin in range(0, len(records), SLICE_RECORDS):
                owned.take(records[begin : begin + SLICE_RECORDS], now_ms)
                owned.partition.emits.clear()
                await asyncio.sleep(0)
            owned.pass_to(batch.after or 0)
            progress(owned.position - before)
            if owned.partition.checkpointer.unstored > MOST_UNSTORED or time.monotonic() - stored_at > STORE_SECONDS:
                await store(owned)
                stored_at = time.monotonic()
    await store(owned)


async def store(owned: Owned) -> None:
    """As a worker's flush: the state and then the cursor, each when the broker has what is before it."""
    owned.partition.emits.clear()
    if not owned.partition.is_dirty:
        return
    owned.cut(-1)
    collected = await owned.collect()
    if owned.log is not None:
        await owned.log.write(collected.state)
        await owned.log.write(collected.closing)
    owned.stored(collected)


async def run_clock_to(owned: Owned, clock_ms: int) -> None:
    """Let a partition's time reach the clock of a worker on an idle partition; the clock is stored first, as there."""
    if clock_ms <= owned.partition.clock_ms:
        return
    await store(owned)
    if owned.log is not None:
        await owned.log.write([cursor_record(Cursor(owned.partition.next_offset, clock_ms))])
    await run_clock(owned.partition, clock_ms)
    await store(owned)


class NewMonitor:
    """The partitions of the new monitor that this process has claimed."""

    def __init__(self, pair: Pair, consumer: AIOKafkaConsumer, producer: Producer, count: int) -> None:
        self.pair = pair
        self.producer = producer
        self.owned: dict[int, Owned] = {}
        self._consumer = consumer
        self._changelog = Changelog(pair.new.changelog, producer)
        self._count = count
        self._life: asyncio.Task[None] | None = None

    async def claim(self, number: int) -> Owned:
        """Own a partition of the changelog and recover what is there. Raises KafkaError."""
        log = await self._changelog.claim(number)
        values = new_store(self.pair, self._count)
        await log.read(self._consumer, values)
        if self._life is None:
            self._life = asyncio.create_task(self._show_life(log))
        is_new = next(values.items(), None) is None
        if is_new:
            await log.write([self._note(0)])
        owned = await _recovered(self.pair, number, values, self._count)
        owned.log = log
        self.owned[number] = owned
        bounds = (await bounds_of(self.pair.kafka, owned.topic))[number]
        owned.begin_at(bounds.first, await self._known_letters(owned))
        return owned

    async def _known_letters(self, owned: Owned) -> set[int]:
        """Records that the old monitor put aside stay so: what lay in the future then no longer does."""
        bounds = await bounds_of(self.pair.kafka, self.pair.old.dead_letters) if self.pair.has_same_events else {}
        if len(bounds) != 1:
            return set()
        letters, (there,) = TopicPartition(self.pair.old.dead_letters, 0), bounds.values()
        return await dead_letter_offsets(
            self._consumer, letters, there.first, there.end or 0, owned.source, owned.position, self.pair.old_id
        )

    async def note_splits(self) -> None:
        """Projects of which several partitions have a part."""
        parts: dict[str, list[int]] = {}
        for number, owned in self.owned.items():
            for key in owned.partition.index.head_keys:
                parts.setdefault(changelog_keys.project_of(key), []).append(number)
        keyless = {number: owned.keyless for number, owned in self.owned.items()}
        for project, numbers in parts.items():
            for number in numbers if len(numbers) > 1 else ():
                self.owned[number].partition.note_split(
                    project, numbers, [each for each in numbers if project in keyless[each]]
                )
        for owned in self.owned.values():
            await store(owned)

    # --- one process at a time

    def _note(self, at_ms: int) -> tuple[bytes, bytes]:
        return encode_standby(Standby(False, self.pair.old_id, at_ms))

    async def _show_life(self, log: PartitionLog) -> None:
        while True:
            await log.write([self._note(now_ms())])
            await asyncio.sleep(LIFE_SECONDS)

    async def end_life(self) -> None:
        """Give no more signs of life; a note that this process wrote last, where it is still on standby, is void."""
        life, self._life = self._life, None
        if life is not None:
            life.cancel()
            with suppress(asyncio.CancelledError):
                await life
            first = next(iter(self.owned.values()), None)
            if first is not None and first.log is not None:
                await first.log.write([self._note(0)])


@asynccontextmanager
async def new_monitor(pair: Pair, numbers: list[int]) -> AsyncIterator[NewMonitor]:
    """With these partitions to be claimed. Raises KafkaError, among it ProducerFenced where another process has claimed
    one meanwhile."""
    producer = Producer(pair.kafka)
    await producer.start()
    try:
        async with reader(pair.kafka) as consumer:
            monitor = NewMonitor(pair, consumer, producer, len(numbers))
            try:
                yield monitor
            finally:
                with suppress(Exception):  # what went wrong before says more
                    await monitor.end_life()
                for owned in monitor.owned.values():
                    if owned.log is not None:
                        await owned.log.close()
    finally:
        await producer.stop()
