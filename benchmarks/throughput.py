"""How many events a second one worker takes from a topic that is full, with everything it does: rates, numbers, rules,
changelog acknowledged, offsets committed. The clock runs from the first event applied to the last one committed.
"""

import asyncio
import time
import uuid

from aiokafka import AIOKafkaConsumer

from agents.kafka.topics import TopicNames, ensure_topics
from benchmarks import rig
from examples.load_driver.events import episode_events
from testbed.apache_kafka import ApacheKafka


def run(kafka: ApacheKafka, operations: int, projects: int) -> dict[str, float | int | str]:
    """Fill a topic, then let a worker drain it."""
    monitor_id = f"bench-{uuid.uuid4().hex[:8]}"
    names = TopicNames.of(monitor_id, f"events-{monitor_id}", f"alerts-{monitor_id}", f"dead-{monitor_id}",
                          f"alert-dead-{monitor_id}")  # fmt: skip
    events = asyncio.run(_fill(kafka.bootstrap_servers, names, operations, projects))
    worker = rig.worker(
        kafka.bootstrap_servers, monitor_id, EVENTS_TOPIC=names.events, ALERTS_TOPIC=names.alerts,
        DEAD_LETTERS_TOPIC=names.dead_letters, ALERT_DEAD_LETTERS_TOPIC=names.alert_dead_letters,
        ALERT_ON_ISSUES="false",
    )  # fmt: skip
    with worker:
        assert worker.pid is not None
        rig.until(lambda: 0 < (rig.left(worker.url) or 0) < events, 120, "the first event", every=0.02)
        started, first, cpu = time.monotonic(), events - (rig.left(worker.url) or 0), rig.cpu_seconds(worker.pid)
        rig.until(lambda: rig.left(worker.url) == 0, 1200, "the last event", every=0.2)
        applied_at = time.monotonic()
        cpu = rig.cpu_seconds(worker.pid) - cpu
        asyncio.run(_until_committed(kafka.bootstrap_servers, monitor_id, names.events, events))
        committed_at = time.monotonic()
        memory = rig.peak_memory_bytes(worker.pid)
    changelog = asyncio.run(_changelog_bytes(kafka.bootstrap_servers, names.changelog))
    taken = events - first
    return {
        "projects": projects,
        "partitions": rig.PARTITIONS,
        "events": events,
        "events_per_second_applied": round(taken / (applied_at - started)),
        "events_per_second_committed": round(taken / (committed_at - started)),
        "worker_cpu_seconds_per_million_events": round(cpu / taken * 1e6, 1),
        "worker_peak_memory_mb": round(memory / 1e6),
        "changelog_records": changelog,
    }


async def _fill(servers: str, names: TopicNames, operations: int, projects: int) -> int:
    await ensure_topics(servers, names, rig.PARTITIONS, 1)
    return await rig.feed(servers, names.events, episode_events(1, projects, operations))


async def _until_committed(servers: str, group: str, topic: str, events: int) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        for _ in range(600):
            committed = [await consumer.committed(rig.tp(topic, number)) or 0 for number in range(rig.PARTITIONS)]
            if sum(committed) >= events:
                return
            await asyncio.sleep(0.05)
        raise TimeoutError(f"only {sum(committed)} of {events} events were committed")
    finally:
        await consumer.stop()


async def _changelog_bytes(servers: str, topic: str) -> int:
    consumer = AIOKafkaConsumer(bootstrap_servers=servers)
    await consumer.start()
    try:
        ends = await consumer.end_offsets([rig.tp(topic, number) for number in range(rig.PARTITIONS)])
        return sum(ends.values())
    finally:
        await consumer.stop()
