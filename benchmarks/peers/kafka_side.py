"""What the benchmark asks of Kafka: committed offsets, what a changelog holds, how much it takes on disk."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from benchmarks import rig
from benchmarks.peers.contender import CannotRun

POLL_SECONDS = 0.05


@asynccontextmanager
async def _admin(servers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def create_topic(servers: str, topic: str, partitions: int, *, keeps_for_ever: bool = False) -> None:
    """A plain one, with one replica."""
    configs = {"retention.ms": "-1"} if keeps_for_ever else {}
    async with _admin(servers) as admin:
        await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs)])


async def topics_of(servers: str, name: str) -> list[str]:
    """All topics with a run's name."""
    async with _admin(servers) as admin:
        return [topic for topic in await admin.list_topics() if name in topic]


async def delete_topics(servers: str, name: str) -> None:
    """All topics with a run's name."""
    async with _admin(servers) as admin:
        if topics := [topic for topic in await admin.list_topics() if name in topic]:
            await admin.delete_topics(topics)


async def until_committed(
    servers: str, group: str, topic: str, last_offsets: Mapping[int, int], seconds: float, look: Callable[[], None]
) -> float:
    """When all was committed, in seconds since the epoch. `look` is called again and again. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    async with _admin(servers) as admin:
        while True:
            try:
                offsets = await admin.list_consumer_group_offsets(group)
            except KafkaError:  # the group's coordinator is not there yet
                offsets = {}
            at = time.time()
            committed = {tp.partition: entry.offset for tp, entry in offsets.items() if tp.topic == topic}
            if all(committed.get(number, -1) > last for number, last in last_offsets.items()):
                return at
            if time.monotonic() > deadline:
                raise TimeoutError(f"{group} committed only {committed} within {seconds:g} s")
            look()
            await asyncio.sleep(POLL_SECONDS)


async def latest_values(servers: str, topic: str) -> dict[bytes, bytes]:
    """The last value of every key of a topic, all partitions. Raises CannotRun where there is no such topic."""
    values: dict[bytes, bytes] = {}
    async for key, value in _records(servers, topic):
        if value is None:
            values.pop(key, None)
        else:
            values[key] = value
    return values


async def count_records(servers: str, topic: str) -> int:
    """How many there are that were committed."""
    return len([key async for key, _ in _records(servers, topic)])


async def longest_values(servers: str, topic: str) -> dict[bytes, int]:
    """How many bytes the longest value of every key had."""
    lengths: dict[bytes, int] = {}
    async for key, value in _records(servers, topic):
        lengths[key] = max(lengths.get(key, 0), len(value or b""))
    return lengths


async def _records(servers: str, topic: str) -> AsyncIterator[tuple[bytes, bytes | None]]:
    """All that was committed, from the beginning to the present end."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    await consumer.start()
    try:
        partitions = [rig.tp(topic, number) for number in await _partitions(servers, topic)]
        ends = await consumer.end_offsets(partitions)
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    yield record.key, record.value
    finally:
        await consumer.stop()


async def fetch_records_per_second(servers: str, topic: str) -> float:
    """How fast aiokafka reads a topic from its beginning when nothing is done with it: the limit of a recovery."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [rig.tp(topic, number) for number in await _partitions(servers, topic)]
        ends = await consumer.end_offsets(partitions)
        began, read = time.monotonic(), 0
        for tp in partitions:  # one after the other, each alone, as a recovery reads
            consumer.assign([tp])
            await consumer.seek_to_beginning(tp)
            while await consumer.position(tp) < ends[tp]:
                read += sum(map(len, (await consumer.getmany(timeout_ms=200)).values()))
        return read / (time.monotonic() - began)
    finally:
        await consumer.stop()


async def _partitions(servers: str, topic: str) -> list[int]:
    async with _admin(servers) as admin:
        (described,) = await admin.describe_topics([topic])
    if described["error_code"]:
        raise CannotRun(f"there is no topic {topic}, where its state should be")
    return sorted(partition["partition"] for partition in described["partitions"])


def bytes_on_disk(data_folder: Path, name: str) -> int:
    """Segments of the changelogs of one run, as they lie on the broker's disk: compressed, if they are."""
    return sum(
        segment.stat().st_size
        for folder in data_folder.iterdir()
        if name in folder.name and "changelog" in folder.name
        for segment in folder.glob("*.log")
    )
