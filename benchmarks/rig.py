"""What every benchmark stands on: Apache Kafka, a worker process of its own, records to feed it, and its figures."""

import json
import os
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2
from aiokafka.structs import TopicPartition

from episode_monitor.demo.programs import Program
from testbed.apache_kafka import ApacheKafka

PARTITIONS = 4


def kafka() -> ApacheKafka:
    """A broker with the compiler a server has, and nothing held back for quick starts."""
    return ApacheKafka(jvm_options=("-Xmx1g", "-Xms1g"), settings={"log.segment.bytes": str(256 * 1024 * 1024)})


def worker(bootstrap_servers: str, monitor_id: str, **settings: str) -> Program:
    """A worker as `episode-monitor worker` runs it."""

    def environment(port: int) -> Mapping[str, str]:
        return {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
            "MONITOR_ID": monitor_id,
            "MONITORING_PORT": str(port),
            "EVENTS_PARTITIONS": str(PARTITIONS),
            "TOPIC_REPLICATION_FACTOR": "1",
            "LOG_LEVEL": "warning",
            **{name: os.environ[name] for name in ("COMPILED_CORE",) if name in os.environ},
            **settings,
        }

    return Program("worker", ["episode_monitor", "worker"], 18002, environment, "/livez")


async def feed(
    bootstrap_servers: str, topic: str, records: Iterable[tuple[bytes, bytes]], partitions: int = PARTITIONS
) -> int:
    """Write records in their order to the partitions that Kafka's own clients would choose; answers how many."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all", max_batch_size=512 * 1024)
    await producer.start()
    count = 0
    waiting: dict[int, list[tuple[bytes, bytes]]] = defaultdict(list)
    try:
        for key, value in records:
            count += 1
            partition = partition_of(key, partitions)
            waiting[partition].append((key, value))
            if len(waiting[partition]) == 1000:
                await send(producer, topic, partition, waiting.pop(partition))
        for partition, rest in waiting.items():
            await send(producer, topic, partition, rest)
        await producer.flush()
    finally:
        await producer.stop()
    return count


def partition_of(key: bytes, partitions: int = PARTITIONS) -> int:
    """Where Kafka's own clients would write it."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


async def send(producer: AIOKafkaProducer, topic: str, partition: int, records: list[tuple[bytes, bytes]]) -> None:
    """Hand records of one partition to the producer in as few batches as they fit in."""
    batch = producer.create_batch()
    for key, value in records:
        if batch.append(key=key, value=value, timestamp=None) is None:
            await producer.send_batch(batch, topic, partition=partition)
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None)
    await producer.send_batch(batch, topic, partition=partition)


def left(url: str) -> int | None:
    """Events not yet applied; None while the worker does not know."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
            body = json.load(answer)
    except (OSError, urllib.error.URLError):
        return None
    return int(body["lag"]) if body["recovery"]["complete"] else None


def is_ready(url: str) -> bool:
    """Whether the worker can serve all views."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def until(condition: Callable[[], bool], seconds: float, what: str, every: float = 0.05) -> None:
    """Wait; raises TimeoutError that says what did not happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {seconds:g} s")
        time.sleep(every)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_memory_bytes(pid: int) -> int:
    """The most resident memory a process has had."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def tp(topic: str, partition: int) -> TopicPartition:
    """Shorthand."""
    return TopicPartition(topic, partition)
