"""`episode-monitor` whose worker reads no partition back until the file is there that RECOVER_WHEN names."""

import asyncio
import os
import time
from pathlib import Path

from aiokafka import AIOKafkaConsumer

from agents.engine.changelog import PartitionLog, Progress
from agents.engine.stored_values import StoredValues
from episode_monitor.cli import main

VARIABLE = "RECOVER_WHEN"
_read = PartitionLog.read


def _wait() -> None:
    while not Path(os.environ[VARIABLE]).exists():
        time.sleep(0.05)


async def _held(self: PartitionLog, consumer: AIOKafkaConsumer, values: StoredValues, progress: Progress) -> None:
    await asyncio.to_thread(_wait)
    await _read(self, consumer, values, progress)


if __name__ == "__main__":
    PartitionLog.read = _held  # type: ignore[method-assign, assignment]
    main()
