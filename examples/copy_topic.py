"""Copies a topic record by record, as a mirror or a backup does; `--alter P:OFFSET` changes one byte of that record.

For the guide of the audit: a copy is held against the topic and its audit checkpoints by `audit verify --topic`.
"""

import argparse
import asyncio
import os

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

WAIT_MS = 1_000


def main() -> None:
    """Read the arguments and copy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("copy", help="the topic to make")
    parser.add_argument("--topic", default=os.environ.get("EVENTS_TOPIC", "episode-events"), help="the one to copy")
    parser.add_argument("--bootstrap", default=os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092"))
    parser.add_argument("--alter", default="", metavar="P:OFFSET", help="change one byte of this record of the copy")
    given = parser.parse_args()
    asyncio.run(copy_topic(given.bootstrap, given.topic, given.copy, given.alter))


async def copy_topic(bootstrap: str, topic: str, copy: str, alter: str) -> None:
    """Partition after partition, up to the end of now."""
    async with (
        AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False) as reader,
        AIOKafkaProducer(bootstrap_servers=bootstrap) as writer,
    ):
        await reader.end_offsets([TopicPartition(topic, 0)])  # waits until the partitions are known
        numbers = sorted(reader.partitions_for_topic(topic) or ())
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(copy, len(numbers), 1)])
        await admin.close()
        ends = [await _copy_partition(reader, writer, TopicPartition(topic, each), copy, alter) for each in numbers]
    print(f"{copy} has what {topic} had before {','.join(ends)}.")


async def _copy_partition(
    reader: AIOKafkaConsumer, writer: AIOKafkaProducer, tp: TopicPartition, copy: str, alter: str
) -> str:
    """`partition:offset` of the end."""
    end, next_offset = (await reader.end_offsets([tp]))[tp], 0
    reader.assign([tp])
    await reader.seek_to_beginning(tp)
    while next_offset < end:
        for record in (await reader.getmany(tp, timeout_ms=WAIT_MS)).get(tp, []):
            value = record.value
            if f"{tp.partition}:{record.offset}" == alter:
                value = value[:-2] + bytes([value[-2] ^ 1]) + value[-1:]
            await writer.send(copy, value, key=record.key, partition=tp.partition, headers=list(record.headers))
            next_offset = record.offset + 1
    await writer.flush()
    return f"{tp.partition}:{next_offset}"


if __name__ == "__main__":
    main()
