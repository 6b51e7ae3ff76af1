"""Probes silent partitions over a new connection, to distinguish a fault of the client from one of the broker."""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from agents.fetching.reading import reader
from agents.kafka.access import Kafka
from agents.kafka.refusals import why

PATIENCE_SECONDS = 5.0


async def unreachable(kafka: Kafka, topic: str, numbers: Sequence[int], *, to_write: bool = False) -> str:
    """Why these partitions do not answer, in one sentence; "" where their brokers answer a new connection.

    `to_write`: name missing replicas too, because a broker may reject records without them.
    """
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), reader(kafka) as consumer:
            lacking = await _without_leader(consumer, topic, numbers)
            if lacking:
                return (
                    f"Kafka answers at {kafka}, but the broker that leads {named(topic, lacking)} does not; start the "
                    f"brokers that are missing."
                )
            fewer = _without_all_copies(consumer, topic, numbers) if to_write else []
            if fewer:
                return (
                    f"Kafka at {kafka} lacks copies of {named(topic, fewer)} and rejects records there; start the "
                    f"missing brokers."
                )
            await consumer.end_offsets([TopicPartition(topic, number) for number in numbers])
            return ""
    except TimeoutError:
        return f"Kafka at {kafka} does not answer in time for {named(topic, numbers)}."
    except (KafkaError, OSError) as error:
        return await why(error, kafka)


async def _without_leader(consumer: AIOKafkaConsumer, topic: str, numbers: Sequence[int]) -> list[int]:
    client = consumer._client
    await client.set_topics([topic])
    leaders = {number: client.cluster.leader_for_partition(TopicPartition(topic, number)) for number in numbers}
    there = {leader: await client.ready(leader) for leader in set(leaders.values()) if leader not in (None, -1)}
    return [number for number, leader in leaders.items() if not there.get(leader, False)]


def _without_all_copies(consumer: AIOKafkaConsumer, topic: str, numbers: Sequence[int]) -> list[int]:
    known = consumer._client.cluster._partitions[topic]
    return [number for number in numbers if len(known[number].isr) < len(known[number].replicas)]


def named(topic: str, numbers: Sequence[int]) -> str:
    """Partitions as people read them.

    >>> named("events", [3]), named("events", [2, 0])
    ('partition 3 of events', 'partitions 0, 2 of events')
    """
    listed = ", ".join(str(number) for number in sorted(numbers))
    return f"partition{'s' if len(numbers) > 1 else ''} {listed} of {topic}"
