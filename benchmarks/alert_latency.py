"""From the event that crosses a threshold to the local receiver, while other events go by: this monitor, and Prometheus
with Alertmanager on the same events, rule and machine, one after the other.
"""

import argparse
import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer

from agents.kafka.topics import TopicNames, ensure_topics
from benchmarks import prometheus_beside, rig
from benchmarks.alert_receiver import Receiver
from benchmarks.background import Background
from models.codec import encode_event
from models.event import Event, EventType
from testbed.apache_kafka import ApacheKafka

BURST_EVERY_SECONDS = 0.2
SHARES = (0.1, 0.5, 0.9)
SETTLE_SECONDS = 3.0  # of traffic before the first burst
PATIENCE_SECONDS = 30.0

Figures = dict[str, Any]


def run(kafka: ApacheKafka, options: argparse.Namespace) -> Figures | list[Figures]:
    """Milliseconds from sending the crossing event to its arrival; at one rate, or at shares of a capacity."""
    servers, bursts = kafka.bootstrap_servers, options.bursts
    if options.capacity is None:
        return asyncio.run(_monitor(servers, bursts, options.rate))
    missing = prometheus_beside.missing()
    results = []
    for share in SHARES:
        rate = int(options.capacity * share)
        figures: Figures = {"share_of_capacity": share, "monitor": asyncio.run(_monitor(servers, bursts, rate))}
        beside = missing or asyncio.run(_prometheus(servers, bursts, rate))
        results.append(figures | {"prometheus_and_alertmanager": beside})
    return results


@asynccontextmanager
async def _topics(servers: str) -> AsyncIterator[tuple[str, TopicNames]]:
    monitor_id = f"latency-{uuid.uuid4().hex[:8]}"
    names = TopicNames.of(monitor_id, f"events-{monitor_id}", f"alerts-{monitor_id}", f"dead-{monitor_id}",
                          f"alert-dead-{monitor_id}")  # fmt: skip
    await ensure_topics(servers, names, rig.PARTITIONS, 1)
    yield monitor_id, names


async def _monitor(servers: str, bursts: int, events_per_second: int) -> Figures:
    receiver = Receiver()
    async with _topics(servers) as (monitor_id, names), await receiver.start():
        worker = rig.worker(
            servers, monitor_id, EVENTS_TOPIC=names.events, ALERTS_TOPIC=names.alerts,
            DEAD_LETTERS_TOPIC=names.dead_letters, ALERT_DEAD_LETTERS_TOPIC=names.alert_dead_letters,
            SLACK_WEBHOOK_URL=f"http://127.0.0.1:{receiver.port}/slack",
        )  # fmt: skip
        async with worker:
            await asyncio.to_thread(rig.until, lambda: rig.is_ready(worker.url), 60, "readiness")
            return await _timed(servers, names.events, receiver, bursts, events_per_second)


async def _prometheus(servers: str, bursts: int, events_per_second: int) -> Figures:
    receiver = Receiver()
    async with (
        _topics(servers) as (_, names),
        await receiver.start(),
        prometheus_beside.running(servers, names.events, receiver.port),
    ):
        return await _timed(servers, names.events, receiver, bursts, events_per_second)


async def _timed(servers: str, topic: str, receiver: Receiver, bursts: int, events_per_second: int) -> Figures:
    with Background(servers, topic, events_per_second) as background:
        await asyncio.sleep(SETTLE_SECONDS)
        began, before = time.monotonic(), background.sent()
        sent = await _burst(servers, topic, bursts)
        rate = (background.sent() - before) / (time.monotonic() - began)
        await receiver.until_all(set(sent), PATIENCE_SECONDS)
    latencies = sorted((receiver.arrived[p] - at) * 1000 for p, at in sent.items() if p in receiver.arrived)
    return {
        "bursts": len(sent),
        "delivered": len(latencies),
        "background_events_per_second": round(rate),
        "p50_ms": _quantile(latencies, 0.5),
        "p99_ms": _quantile(latencies, 0.99),
        "max_ms": _quantile(latencies, 1.0),
    }


def _quantile(ordered: list[float], share: float) -> float | None:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 1) if ordered else None


async def _burst(servers: str, topic: str, bursts: int) -> dict[str, float]:
    """Every now and then a project whose first operation conflicts; answers when each was sent."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", linger_ms=0)
    await producer.start()
    sent: dict[str, float] = {}
    try:
        for number in range(bursts):
            project_id = f"burst_{number:04d}"
            sent[project_id] = time.monotonic()
            key = project_id.encode()
            await producer.send(topic, encode_event(_conflict(project_id)), key, partition=rig.partition_of(key))
            await asyncio.sleep(BURST_EVERY_SECONDS)
    finally:
        await producer.stop()
    return sent


def _conflict(project_id: str) -> Event:
    return Event(
        event_id=f"c-{project_id}", type=EventType.CREATION_CONFLICT, project_id=project_id,
        occurred_at_ms=time.time_ns() // 1_000_000, operation_id=f"op-{project_id}",
    )  # fmt: skip
