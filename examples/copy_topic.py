"""Copies a topic record by record, as a mirror or a backup does; `--alter P:OFFSET` changes one byte of that record.

For the guide of the audit: a copy is held against the topic and its audit checkpoints by `audit verify --topic`.
Exit codes: 0 copied, 2 usage, 3 Kafka does not answer, 4 refused because the copy is there already, 130 Ctrl-C.
"""

import argparse
import asyncio
import logging
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, KafkaError, for_code
from aiokafka.structs import ConsumerRecord

WAIT_MS = 1_000
QUIET_POLLS = 20  # without a record, before the named end
USAGE, UNREACHABLE, REFUSED, INTERRUPTED = 2, 3, 4, 130


class Stopped(Exception):
    """Ends the program with a sentence and this code."""

    def __init__(self, sentence: str, code: int) -> None:
        super().__init__(sentence)
        self.code = code


class Copying(NamedTuple):
    """What is copied, and the place of the record to alter."""

    bootstrap: str
    topic: str
    copy: str
    altered: tuple[int, int] | None


class Clients(NamedTuple):
    """Connected."""

    reader: AIOKafkaConsumer
    writer: AIOKafkaProducer
    admin: AIOKafkaAdminClient


def main() -> None:
    """Read the arguments and copy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("copy", help="the topic to make")
    parser.add_argument("--topic", default=os.environ.get("EVENTS_TOPIC", "episode-events"), help="the one to copy")
    parser.add_argument("--bootstrap", default=os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092"))
    parser.add_argument("--alter", metavar="P:OFFSET", help="change one byte of this record of the copy")
    given = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it has to say is said once, in words
    try:
        wanted = Copying(given.bootstrap, given.topic, given.copy, _place(given.alter))
        ends = asyncio.run(copy_topic(wanted))
    except Stopped as stopped:
        _end(str(stopped), stopped.code)
    except KafkaConnectionError:
        _end(f"Kafka does not answer at {given.bootstrap}; start it, or check --bootstrap.", UNREACHABLE)
    except KafkaError as error:
        _end(f"Kafka at {given.bootstrap} refused: {error}.", UNREACHABLE)
    except KeyboardInterrupt:
        _end(f"Interrupted; {given.copy} may hold a part of {given.topic}. Delete it or name another.", INTERRUPTED)
    print(f"{given.copy} has what {given.topic} had before {ends}.")


def _end(sentence: str, code: int) -> None:
    print(f"copy_topic: {sentence}", file=sys.stderr)
    raise SystemExit(code)


def _place(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}:[0-9]{1,18}", text):
        raise Stopped(f"--alter {text} is not a partition and an offset, such as 1:500.", USAGE)
    partition, offset = text.split(":")
    return int(partition), int(offset)


async def copy_topic(wanted: Copying) -> str:
    """Partition after partition, up to the end of now; the ends, as `--to` takes them. Raises Stopped, KafkaError."""
    if wanted.topic == wanted.copy:
        raise Stopped(f"{wanted.copy} is the topic to copy; give the copy another name.", USAGE)
    async with _connected(wanted.bootstrap) as clients:
        topics = await clients.reader.topics()
        if wanted.topic not in topics:
            raise Stopped(f"There is no topic {wanted.topic} at {wanted.bootstrap}; check --topic.", USAGE)
        numbers = await _partitions(clients.reader, wanted.topic)
        if wanted.altered is not None:
            await _check_altered(clients.reader, wanted.topic, numbers, *wanted.altered)
        if wanted.copy in topics:
            await _check_empty(clients.reader, wanted.copy, numbers)
        else:
            await _make(clients.admin, wanted.copy, len(numbers))
        ends = [f"{number}:{await _copy_partition(clients, wanted, number)}" for number in numbers]
    return ",".join(ends)


@asynccontextmanager
async def _connected(bootstrap: str) -> AsyncIterator[Clients]:
    async with AsyncExitStack() as stack:
        reader = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False,
            isolation_level="read_committed",
        )  # fmt: skip
        stack.push_async_callback(reader.stop)
        await reader.start()
        writer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
        stack.push_async_callback(writer.stop)
        await writer.start()
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        stack.push_async_callback(admin.close)
        await admin.start()
        yield Clients(reader, writer, admin)


async def _partitions(reader: AIOKafkaConsumer, topic: str) -> list[int]:
    await reader.end_offsets([TopicPartition(topic, 0)])  # waits until the partitions are known
    return sorted(reader.partitions_for_topic(topic) or ())


async def _check_altered(reader: AIOKafkaConsumer, topic: str, numbers: list[int], partition: int, offset: int) -> None:
    where = f"--alter {partition}:{offset}"
    if partition not in numbers:
        raise Stopped(f"{where}: {topic} has no partition {partition}; it has 0 to {numbers[-1]}.", USAGE)
    tp = TopicPartition(topic, partition)
    begins, ends = (await reader.beginning_offsets([tp]))[tp], (await reader.end_offsets([tp]))[tp]
    record = await _first_from(reader, tp, offset) if begins <= offset < ends else None
    if record is None or record.offset != offset:
        there = f"it has {begins} to {ends - 1}" if ends > begins else "it is empty"
        raise Stopped(f"{where}: partition {partition} of {topic} has no record at offset {offset}; {there}.", USAGE)
    if not record.value:
        raise Stopped(f"{where}: this record has no value, and so no byte to change; name another.", USAGE)


async def _first_from(
    reader: AIOKafkaConsumer, tp: TopicPartition, offset: int
) -> "ConsumerRecord[bytes, bytes] | None":
    reader.assign([tp])
    reader.seek(tp, offset)
    for _ in range(QUIET_POLLS):
        records = (await reader.getmany(tp, timeout_ms=WAIT_MS, max_records=1)).get(tp)
        if records:
            return records[0]
        if await reader.position(tp) > offset:
            break
    return None


async def _check_empty(reader: AIOKafkaConsumer, copy: str, numbers: list[int]) -> None:
    there = await _partitions(reader, copy)
    if there != numbers:
        raise Stopped(
            f"{copy} is there already, with {len(there)} partitions instead of {len(numbers)}; name another.", REFUSED
        )
    if any((await reader.end_offsets([TopicPartition(copy, each) for each in there])).values()):
        raise Stopped(f"{copy} is there already and has records; delete it, or name another.", REFUSED)


async def _make(admin: AIOKafkaAdminClient, copy: str, partitions: int) -> None:
    answer = await admin.create_topics([NewTopic(copy, partitions, 1)])
    for _, code, *_ in answer.topic_errors:
        if code:
            raise Stopped(f"{copy} cannot be made: {for_code(code).description or for_code(code).__name__}", REFUSED)


async def _copy_partition(clients: Clients, wanted: Copying, number: int) -> int:
    """Its end."""
    tp, reader, quiet = TopicPartition(wanted.topic, number), clients.reader, 0
    next_offset: int
    end = (await reader.end_offsets([tp]))[tp]
    reader.assign([tp])
    await reader.seek_to_beginning(tp)
    while (next_offset := await reader.position(tp)) < end:
        records = (await reader.getmany(tp, timeout_ms=WAIT_MS)).get(tp, [])
        quiet = 0 if records else quiet + 1
        if quiet > QUIET_POLLS:
            raise Stopped(
                f"Partition {number} of {wanted.topic} gives nothing after offset {next_offset}.", UNREACHABLE
            )
        sent = [
            await clients.writer.send(
                wanted.copy, _altered(record.value) if wanted.altered == (number, record.offset) else record.value,
                key=record.key, partition=number, headers=list(record.headers),
            )
            for record in records
        ]  # fmt: skip
        await asyncio.gather(*sent)
    return next_offset


def _altered(value: bytes | None) -> bytes:
    """The last byte but one is another, or the only one."""
    assert value
    changed = bytearray(value)
    changed[max(0, len(value) - 2)] ^= 1
    return bytes(changed)


if __name__ == "__main__":
    main()
