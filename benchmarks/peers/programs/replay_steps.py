"""Replay: fetch, decode and the core's `step`, in memory: what a worker does but for storing and telling."""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

from episode_monitor import compiled

compiled.activate()  # before anything of the core is imported

import yaml  # noqa: E402
from aiokafka import AIOKafkaConsumer  # noqa: E402

from benchmarks import rig  # noqa: E402
from benchmarks.peers.programs.marks import Marks  # noqa: E402
from models.codec import decode_event  # noqa: E402
from models.event import Event  # noqa: E402
from streams.core import Core  # noqa: E402
from streams.partition import Partition  # noqa: E402
from streams.rules import RuleSet, parse_rules  # noqa: E402

COLLECT_EVERY = 5_000  # events of a partition: decoded states are packed and let go, as a worker's are
RULES = Path(__file__).parents[3] / "rules.yaml"


class Values(dict[bytes, bytes]):
    """Stored values in memory."""

    def items(self) -> Iterator[tuple[bytes, bytes]]:  # type: ignore[override]
        """All of them."""
        return iter(list(super().items()))


class Replayed:
    """One partition."""

    def __init__(self, core: Core, number: int) -> None:
        self._store = Values()
        self._partition = Partition(core, number, self._store)
        self.events = 0

    @property
    def projects(self) -> int:
        """How many it has seen."""
        return self._partition.projects

    def take(self, event: Event, offset: int) -> None:
        """One event; now and then what has changed is packed."""
        self._partition.take(event, offset)
        self.events += 1
        if self.events % COLLECT_EVERY == 0:
            self.collect()

    def collect(self) -> None:
        """Pack what has changed."""
        changes = self._partition.collect()
        self._store.update((key, value) for key, value in changes.writes if value is not None)
        for key in changes.garbage:
            self._store.pop(key, None)
        self._partition.emits.clear()


async def main() -> None:
    """Replay this worker's share of the partitions to their ends, then wait to be stopped."""
    worker, workers, partitions = (int(os.environ[name]) for name in ("WORKER", "WORKERS", "PARTITIONS"))
    core = Core(RuleSet(parse_rules(yaml.safe_load(RULES.read_text()))))
    replayed = {number: Replayed(core, number) for number in range(worker, partitions, workers)}
    mine = [rig.tp(os.environ["TOPIC"], number) for number in replayed]
    consumer = AIOKafkaConsumer(bootstrap_servers=os.environ["SERVERS"], auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign(mine)
    await consumer.seek_to_beginning(*mine)
    marks = Marks()
    try:
        while True:
            now_ms = time.time_ns() // 1_000_000
            for tp, records in (await consumer.getmany(timeout_ms=500)).items():
                marks.first()
                partition = replayed[tp.partition]
                for record in records:
                    event = decode_event(record.key, record.value, record.headers, now_ms)
                    if isinstance(event, Event):
                        partition.take(event, record.offset)
                marks.seen(tp.partition, records[-1].offset)
                each = replayed.values()
                print(f"replayed {sum(one.events for one in each)} {sum(one.projects for one in each)}", flush=True)
    finally:
        await consumer.stop()


if __name__ == "__main__":
    asyncio.run(main())
