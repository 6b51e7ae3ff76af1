"""The limit: aiokafka's fetch and this project's decoding, and nothing else. Nothing in Python that reads is faster."""

import asyncio
import os
import time

from aiokafka import AIOKafkaConsumer

from benchmarks import rig
from benchmarks.peers.programs.marks import Marks
from models.codec import decode_event
from models.event import Event


async def main() -> None:
    """Read this worker's share of the partitions to their ends."""
    worker, workers, partitions = (int(os.environ[name]) for name in ("WORKER", "WORKERS", "PARTITIONS"))
    mine = [rig.tp(os.environ["TOPIC"], number) for number in range(worker, partitions, workers)]
    consumer = AIOKafkaConsumer(bootstrap_servers=os.environ["SERVERS"], auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign(mine)
    await consumer.seek_to_beginning(*mine)
    marks, events = Marks(), 0
    try:
        while True:
            now_ms = time.time_ns() // 1_000_000
            for tp, records in (await consumer.getmany(timeout_ms=500)).items():
                marks.first()
                for record in records:
                    events += isinstance(decode_event(record.key, record.value, record.headers, now_ms), Event)
                marks.seen(tp.partition, records[-1].offset)
                print(f"decoded {events}", flush=True)
    finally:
        await consumer.stop()


if __name__ == "__main__":
    asyncio.run(main())
