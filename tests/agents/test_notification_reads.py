"""The consumer of its own that reads the notifications, on a broker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from faust.types import TP

from agents.dispatch.notification_consumer import NotificationConsumer
from agents.dispatch.notification_reads import NotificationReads
from agents.fetching.consumer_thread import Fetched
from tests.agents.support import config_for, make_topics, producing, send, until


class Taken:
    """What was read, in the place of a `NotificationConsumer`."""

    def __init__(self) -> None:
        self.found: list[tuple[int, int, list[int]]] = []  # partition, reading, offsets
        self.lost: list[Fetched] = []
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def accept(self, fetched: Fetched) -> None:
        offsets = [record.offset for record in fetched.records]
        assert fetched.next_offset == offsets[-1] + 1
        self.found.append((fetched.tp.partition, fetched.reading, offsets))
        await self.goes_on.wait()

    def offsets(self, partition: int, reading: int) -> list[int]:
        return [each for at, number, offsets in self.found if (at, number) == (partition, reading) for each in offsets]


class Read:
    """A topic with a reader."""

    def __init__(self, broker: str, prefix: str, folder: Path) -> None:
        self.config = config_for(broker, prefix, folder)
        self.topic = self.config.topics.alerts  # any topic of two partitions
        self.taken = Taken()
        self.reads = NotificationReads(self.topic, broker, cast(NotificationConsumer, self.taken))
        self.reads.out_of_range = self.taken.lost.append

    def tp(self, partition: int) -> TP:
        return TP(self.topic, partition)


@asynccontextmanager
async def reading(broker: str, prefix: str, folder: Path, records: int) -> AsyncIterator[tuple[Read, Any]]:
    """With so many records in each of both partitions."""
    read = Read(broker, prefix, folder)
    await make_topics(broker, read.config)
    async with producing(broker) as producer:
        for number in range(records):
            for partition in (0, 1):
                await send(producer, read.topic, partition, b"team", b"%d" % number)
        running = asyncio.create_task(read.reads.run())
        try:
            yield read, producer
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_each_partition_is_read_from_where_it_was_begun_and_every_record_once(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    async with reading(broker, topic_prefix, tmp_path, 3) as (read, producer):
        first = await read.reads.begin(read.tp(0), 1)
        await until(lambda: read.taken.offsets(0, first) == [1, 2])
        second = await read.reads.begin(read.tp(1), 2)  # the other goes on from where it was
        await send(producer, read.topic, 0, b"team", b"3")
        await until(lambda: read.taken.offsets(0, first) == [1, 2, 3])
        await until(lambda: read.taken.offsets(1, second) == [2])
        await until(lambda: (read.reads.end(read.tp(0)), read.reads.end(read.tp(1))) == (4, 3))
        again = await read.reads.begin(read.tp(0), 2)
        await until(lambda: read.taken.offsets(0, again) == [2, 3])
        assert read.taken.offsets(0, first) == [1, 2, 3]
        assert (first, second, again) == (1, 2, 3)


async def test_what_is_not_wanted_waits_and_what_was_forgotten_is_not_read(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    async with reading(broker, topic_prefix, tmp_path, 1) as (read, producer):
        first = await read.reads.begin(read.tp(0), 0)
        second = await read.reads.begin(read.tp(1), 0)
        await until(lambda: read.taken.offsets(0, first) == read.taken.offsets(1, second) == [0])
        read.reads.do_not_want(read.tp(0))
        await send(producer, read.topic, 0, b"team", b"1")
        await send(producer, read.topic, 1, b"team", b"1")
        await until(lambda: read.taken.offsets(1, second) == [0, 1])
        assert read.taken.offsets(0, first) == [0]
        third = await read.reads.begin(read.tp(1), 0)  # what waits goes on waiting
        await until(lambda: read.taken.offsets(1, third) == [0, 1])
        assert read.taken.offsets(0, first) == [0]
        read.reads.want(read.tp(0))
        await until(lambda: read.taken.offsets(0, first) == [0, 1])
        read.reads.forget()
        await send(producer, read.topic, 0, b"team", b"2")
        fourth = await read.reads.begin(read.tp(1), 0)
        await until(lambda: read.taken.offsets(1, fourth) == [0, 1])
        assert read.taken.offsets(0, first) == [0, 1]


@pytest.mark.apache
async def test_a_position_that_the_topic_does_not_have_is_told_and_others_are_read(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    async with reading(broker, topic_prefix, tmp_path, 2) as (read, _):
        lost = await read.reads.begin(read.tp(0), 77)
        await until(lambda: bool(read.taken.lost))
        found = read.taken.lost[0]
        assert (found.tp, found.reading, found.start, found.is_out_of_range) == (read.tp(0), lost, 77, True)
        other = await read.reads.begin(read.tp(1), 0)
        await until(lambda: read.taken.offsets(1, other) == [0, 1])
        again = await read.reads.begin(read.tp(0), 1)
        await until(lambda: read.taken.offsets(0, again) == [1])
        assert len(read.taken.lost) == 1
