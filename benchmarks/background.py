"""Healthy traffic at a steady rate, in a process of its own so that it does not disturb what is timed.

    python -m benchmarks.background SERVERS TOPIC PARTITIONS EVENTS_PER_SECOND PROJECTS

Each line on its output is the number of events sent so far. It ends on SIGTERM.
"""

import asyncio
import signal
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaProducer

from benchmarks import rig
from episode_monitor.demo.guarded import GuardedProcess
from examples.load_driver.events import episode_events

SLICE_SECONDS = 0.01


class Background:
    """Runs it beside what is measured; a context manager."""

    def __init__(
        self, servers: str, topic: str, rate: int, projects: int = 1000, partitions: int = rig.PARTITIONS
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="episode-monitor-background-")
        self._words = [servers, topic, str(partitions), str(rate), str(projects)]
        self._process: GuardedProcess | None = None

    def __enter__(self) -> Self:
        folder = Path(self._folder.name)
        command = [sys.executable, "-P", "-m", "benchmarks.background", *self._words]
        self._process = GuardedProcess("The background traffic", command, cwd=folder, log=folder / "log")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.stop()
        self._folder.cleanup()

    def sent(self) -> int:
        """Events so far. Raises RuntimeError where it ended."""
        assert self._process is not None
        if self._process.returncode is not None:
            raise RuntimeError(f"the background traffic ended: {self._process.last_words()}")
        words = self._process.log.read_bytes()[-64:].split()
        return int(words[-2]) if len(words) > 1 else 0


async def run(servers: str, topic: str, partitions: int, rate: int, projects: int) -> None:
    """Send until stopped. What cannot be sent in time is sent late, never left out."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", linger_ms=0, max_batch_size=512 * 1024)
    await producer.start()
    start_ms = time.time_ns() // 1_000_000
    records = episode_events(
        1, projects, 10**9, 0.0, start_ms=start_ms, interval_ms=1000 / rate, source=f"background-{start_ms}"
    )
    places = {key: rig.partition_of(key, partitions) for key in (b"proj_%05d" % n for n in range(projects))}
    started, sent = time.monotonic(), 0
    try:
        while not stopping.is_set():
            waiting: dict[int, list[tuple[bytes, bytes]]] = defaultdict(list)
            for _ in range(int((time.monotonic() - started) * rate) - sent):
                key, value = next(records)
                waiting[places[key]].append((key, value))
            for partition, some in waiting.items():
                await rig.send(producer, topic, partition, some)
                sent += len(some)
            print(sent, flush=True)
            await asyncio.sleep(SLICE_SECONDS)
    finally:
        await producer.stop()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])))
