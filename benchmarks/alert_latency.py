"""From the event that crosses a threshold to the local Slack receiver, while a thousand other events a second go by."""

import asyncio
import json
import time
import uuid

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2

from agents.topics import TopicNames, ensure_topics
from benchmarks import rig
from models.codec import encode_event
from models.event import Event, EventType
from tests.support.apache_kafka import ApacheKafka

BURST_EVERY_SECONDS = 0.2


def run(kafka: ApacheKafka, bursts: int, events_per_second: int) -> dict[str, float | int]:
    """Milliseconds from sending the crossing event to its arrival at the receiver."""
    return asyncio.run(_run(kafka.bootstrap_servers, bursts, events_per_second))


class _Receiver:
    """Takes what "Slack" is sent and notes when, by project."""

    def __init__(self) -> None:
        self.arrived: dict[str, float] = {}
        self.port = 0

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                )
                body = json.loads(await reader.readexactly(length))
                now = time.monotonic()
                for field in body["attachments"][0]["fields"]:
                    if field["title"] == "Project":
                        self.arrived.setdefault(field["value"], now)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def _run(servers: str, bursts: int, events_per_second: int) -> dict[str, float | int]:
    monitor_id = f"latency-{uuid.uuid4().hex[:8]}"
    names = TopicNames.of(monitor_id, f"events-{monitor_id}", f"alerts-{monitor_id}", f"dead-{monitor_id}",
                          f"alert-dead-{monitor_id}")  # fmt: skip
    await ensure_topics(servers, names, rig.PARTITIONS, 1)
    receiver = _Receiver()
    server = await receiver.start()
    worker = rig.worker(
        servers, monitor_id, EVENTS_TOPIC=names.events, ALERTS_TOPIC=names.alerts,
        DEAD_LETTERS_TOPIC=names.dead_letters, ALERT_DEAD_LETTERS_TOPIC=names.alert_dead_letters,
        SLACK_WEBHOOK_URL=f"http://127.0.0.1:{receiver.port}/slack",
    )  # fmt: skip
    async with worker:
        await asyncio.to_thread(rig.until, lambda: rig.is_ready(worker.url), 60, "readiness")
        sent = await _drive(servers, names.events, bursts, events_per_second)
        await asyncio.sleep(2.0)
    server.close()
    latencies = sorted((receiver.arrived[p] - at) * 1000 for p, at in sent.items() if p in receiver.arrived)
    return {
        "bursts": len(sent),
        "delivered": len(latencies),
        "background_events_per_second": events_per_second,
        "p50_ms": round(latencies[len(latencies) // 2], 1),
        "p99_ms": round(latencies[min(len(latencies) - 1, int(len(latencies) * 0.99))], 1),
        "max_ms": round(latencies[-1], 1),
    }


async def _drive(servers: str, topic: str, bursts: int, events_per_second: int) -> dict[str, float]:
    """Healthy events all the time, and every now and then a project whose first operation conflicts."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", linger_ms=0)
    await producer.start()
    sent: dict[str, float] = {}
    numbers: dict[str, int] = {}
    started, count, next_burst = time.monotonic(), 0, 1.0
    try:
        while len(sent) < bursts:
            elapsed = time.monotonic() - started
            while count < elapsed * events_per_second:
                project_id = f"proj_{count % 1000:04d}"
                numbers[project_id] = numbers.get(project_id, 0) + 1
                await _send(producer, topic, _created(project_id, numbers[project_id], count))
                count += 1
            if elapsed >= next_burst:
                next_burst += BURST_EVERY_SECONDS
                project_id = f"burst_{len(sent):04d}"
                sent[project_id] = time.monotonic()
                await _send(producer, topic, _conflict(project_id))
            await asyncio.sleep(0.002)
    finally:
        await producer.stop()
    return sent


async def _send(producer: AIOKafkaProducer, topic: str, event: Event) -> None:
    key = event.project_id.encode()
    await producer.send(topic, encode_event(event), key, partition=(murmur2(key) & 0x7FFFFFFF) % rig.PARTITIONS)


def _created(project_id: str, number: int, count: int) -> Event:
    return Event(
        event_id=f"e{count}", type=EventType.CREATED, project_id=project_id, occurred_at_ms=time.time_ns() // 1_000_000,
        operation_id=f"op{count}", episode_id=f"ep_{count:07d}", episode_number=number, duration_seconds=0.4,
    )  # fmt: skip


def _conflict(project_id: str) -> Event:
    return Event(
        event_id=f"c-{project_id}", type=EventType.CREATION_CONFLICT, project_id=project_id,
        occurred_at_ms=time.time_ns() // 1_000_000, operation_id=f"op-{project_id}",
    )  # fmt: skip
