"""What a team without this monitor would write: counts the same events by project, for Prometheus to scrape.

python -m benchmarks.metrics_exporter SERVERS TOPIC PORT
"""

import asyncio
import sys
from collections.abc import Iterator

import msgspec
from aiokafka import AIOKafkaConsumer
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

CONFLICT = "episode.creation_conflict"


class EpisodeEvent(msgspec.Struct):
    """The fields that are counted."""

    type: str
    project_id: str


class Counters(Collector):
    """Operations and conflicts of every project."""

    def __init__(self) -> None:
        self.operations: dict[str, int] = {}
        self.conflicts: dict[str, int] = {}

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Called at each scrape, in another thread."""
        for name, counts in (("operations", self.operations), ("conflicts", self.conflicts)):
            family = CounterMetricFamily(f"exported_{name}", f"Number of {name}", labels=["project_id"])
            for project_id, count in list(counts.items()):
                family.add_metric([project_id], count)
            yield family


async def run(servers: str, topic: str, port: int) -> None:
    """Count until killed."""
    counters, registry = Counters(), CollectorRegistry()
    registry.register(counters)
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=servers, auto_offset_reset="earliest")
    await consumer.start()
    start_http_server(port, "127.0.0.1", registry)
    decode = msgspec.json.Decoder(EpisodeEvent).decode
    operations, conflicts = counters.operations, counters.conflicts
    while True:
        for records in (await consumer.getmany(timeout_ms=100)).values():
            for record in records:
                event = decode(record.value)
                operations[event.project_id] = operations.get(event.project_id, 0) + 1
                if event.type == CONFLICT:
                    conflicts[event.project_id] = conflicts.get(event.project_id, 0) + 1
                else:
                    conflicts.setdefault(event.project_id, 0)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3])))
