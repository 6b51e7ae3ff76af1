"""The copy of a topic for the guide of the audit: exact or with one byte altered, and what it refuses to write."""

import os
import signal
import socket
import subprocess
import sys

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from agents.fetching.reading import reader
from tests.agents.support import producing, send
from tests.system.test_commands import NOWHERE, ROOT, Ran

WORDS = (sys.executable, "-m", "examples.copy_topic")


def copy(broker: str, *words: str) -> Ran:
    done = subprocess.run(
        [*WORDS, "--bootstrap", broker, *words], capture_output=True, text=True, check=False, timeout=60, cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


async def filled(broker: str, prefix: str) -> str:
    """A topic of two partitions with the values p0-0, p0-1, p0-2 and p1-0, p1-1, p1-2, and a tombstone in 1."""
    topic = f"{prefix}events"
    await made(broker, topic, 2)
    async with producing(broker) as producer:
        for partition in (0, 1):
            for number in range(3):
                await send(producer, topic, partition, b"k", b"p%d-%d" % (partition, number), [("h", b"1")])
        await send(producer, topic, 1, b"k", None)
    return topic


async def made(broker: str, topic: str, partitions: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, partitions, 1)])
    finally:
        await admin.close()


async def held(consumer: AIOKafkaConsumer, topic: str) -> list[list[bytes | None]] | None:
    """The values in each partition; None where there is no such topic."""
    if topic not in await consumer.topics():
        return None
    found: list[list[bytes | None]] = []
    for number in (0, 1):
        tp = TopicPartition(topic, number)
        end = (await consumer.end_offsets([tp]))[tp]
        consumer.assign([tp])
        consumer.seek(tp, 0)
        values: list[bytes | None] = []
        while len(values) < end:
            for record in (await consumer.getmany(tp, timeout_ms=500)).get(tp, []):
                assert (record.key, list(record.headers)) == (b"k", [("h", b"1")] if record.value else [])
                values.append(record.value)
        found.append(values)
    return found


@pytest.mark.broker
async def test_a_copy_is_exact_or_differs_in_one_byte_and_is_never_added_to(broker: str, topic_prefix: str) -> None:
    topic = await filled(broker, topic_prefix)
    exact, altered = f"{topic_prefix}exact", f"{topic_prefix}altered"
    assert copy(broker, exact, "--topic", topic) == (0, f"{exact} has what {topic} had before 0:3,1:4.\n", "")
    assert copy(broker, altered, "--topic", topic, "--alter", "1:2").code == 0
    assert copy(broker, altered, "--topic", topic) == (
        4, "", f"copy_topic: {altered} is there already and has records; delete it, or name another.\n"
    )  # fmt: skip
    async with reader(broker) as consumer:
        assert await held(consumer, exact) == [[b"p0-0", b"p0-1", b"p0-2"], [b"p1-0", b"p1-1", b"p1-2", None]]
        assert await held(consumer, altered) == [[b"p0-0", b"p0-1", b"p0-2"], [b"p1-0", b"p1-1", b"p1,2", None]]


@pytest.mark.broker
async def test_what_cannot_be_done_is_said_and_nothing_is_written(broker: str, topic_prefix: str) -> None:
    topic, target = await filled(broker, topic_prefix), f"{topic_prefix}copy"
    for alter, sentence in (
        ("1:4", f"--alter 1:4: partition 1 of {topic} has no record at offset 4; it has 0 to 3."),
        ("2:0", f"--alter 2:0: {topic} has no partition 2; it has 0 to 1."),
        ("1:3", "--alter 1:3: this record has no value, and so no byte to change; name another."),
        ("nonsense", "--alter nonsense is not a partition and an offset, such as 1:500."),
        ("", "--alter  is not a partition and an offset, such as 1:500."),
    ):
        assert copy(broker, target, "--topic", topic, "--alter", alter) == (2, "", f"copy_topic: {sentence}\n")
    assert copy(broker, topic, "--topic", topic) == (
        2, "", f"copy_topic: {topic} is the topic to copy; give the copy another name.\n"
    )  # fmt: skip
    nothing = copy(broker, target, "--topic", f"{topic}x")
    assert nothing == (2, "", f"copy_topic: There is no topic {topic}x at {broker}; check --topic.\n")
    async with reader(broker) as consumer:
        assert await held(consumer, target) is None
        assert [len(each) for each in await held(consumer, topic) or ()] == [3, 4]


@pytest.mark.broker
async def test_an_empty_topic_is_filled_where_it_has_as_many_partitions(broker: str, topic_prefix: str) -> None:
    topic, target, other = await filled(broker, topic_prefix), f"{topic_prefix}copy", f"{topic_prefix}other"
    await made(broker, target, 2)
    await made(broker, other, 3)
    assert copy(broker, target, "--topic", topic).code == 0
    assert copy(broker, other, "--topic", topic).err == (
        f"copy_topic: {other} is there already, with 3 partitions instead of 2; name another.\n"
    )


def test_without_kafka_it_is_one_sentence() -> None:
    sentence = f"copy_topic: Kafka does not answer at {NOWHERE}; start it, or check --bootstrap.\n"
    assert copy(NOWHERE, "copy") == (3, "", sentence)


def test_ctrl_c_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        process = subprocess.Popen(
            [*WORDS, "copy", "--bootstrap", address], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd=ROOT, env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
        silent.settimeout(60)
        connection, _ = silent.accept()
        with connection:
            connection.settimeout(60)
            connection.recv(1)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
    sentence = "copy_topic: Interrupted; copy may hold a part of episode-events. Delete it or name another.\n"
    assert (process.returncode, out, err) == (130, "", sentence)
