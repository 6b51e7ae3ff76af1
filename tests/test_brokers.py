"""The brokers that the tests run on do what the tests rely on."""

import asyncio
from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.conftest import Broker


async def make_topic(bootstrap_servers: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 2, 1)])
    await admin.close()


async def send(bootstrap_servers: str, topic: str, *values: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all")
    await producer.start()
    for value in values:
        await producer.send_and_wait(topic, value, partition=0, headers=[("name", b"a"), ("name", b"b")])
    await producer.stop()


async def read(bootstrap_servers: str, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition(topic, 0)])
    async with asyncio.timeout(20):
        records = [await consumer.getone() for _ in range(count)]
    await consumer.stop()
    assert all(tuple(record.headers) == (("name", b"a"), ("name", b"b")) for record in records)
    return [record.value for record in records]


async def test_a_broker_gives_back_what_it_took_in_order_with_headers(broker: str, topic_prefix: str) -> None:
    topic, largest = topic_prefix + "events", b"x" * 64 * 1024
    await make_topic(broker, topic)
    await send(broker, topic, b"first", b"", largest)
    assert await read(broker, topic, 3) == [b"first", b"", largest]


@pytest.mark.apache
async def test_apache_kafka_keeps_acknowledged_records_over_a_kill(
    private_broker: Callable[[], Broker], topic_prefix: str
) -> None:
    kafka, topic = await asyncio.to_thread(private_broker), topic_prefix + "events"
    address = kafka.bootstrap_servers
    await make_topic(address, topic)
    await send(address, topic, b"kept")
    await asyncio.to_thread(kafka.kill9)
    assert not kafka.is_running
    await asyncio.to_thread(kafka.start)
    assert kafka.bootstrap_servers == address
    assert await read(address, topic, 1) == [b"kept"]
