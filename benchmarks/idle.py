"""What a worker costs that has nothing to do: processor time a second, of one alone and of several in one group."""

import time
import uuid
from contextlib import ExitStack

from benchmarks import rig
from testbed.apache_kafka import ApacheKafka

WORKERS = (1, 4)
SETTLE_SECONDS, WATCH_SECONDS = 20.0, 20.0
READY_SECONDS = 90.0


def run(kafka: ApacheKafka) -> dict[str, list[float]]:
    """Milliseconds of processor time a second of each worker, by how many they are, with a topic of no events."""
    return {f"{count}_workers": _group(kafka.bootstrap_servers, count) for count in WORKERS}


def _group(servers: str, count: int) -> list[float]:
    monitor_id = f"idle-{uuid.uuid4().hex[:8]}"
    topics = {
        f"{name}_TOPIC": f"{name.lower()}-{monitor_id}"
        for name in ("EVENTS", "ALERTS", "DEAD_LETTERS", "ALERT_DEAD_LETTERS")
    }
    with ExitStack() as running:
        workers = [running.enter_context(rig.worker(servers, monitor_id, **topics)) for _ in range(count)]
        rig.until(lambda: all(rig.is_ready(worker.url) for worker in workers), READY_SECONDS, "readiness")
        time.sleep(SETTLE_SECONDS)
        pids = [worker.pid for worker in workers if worker.pid is not None]
        before = [rig.cpu_seconds(pid) for pid in pids]
        time.sleep(WATCH_SECONDS)
        used = [rig.cpu_seconds(pid) - was for pid, was in zip(pids, before, strict=True)]
    return [round(seconds / WATCH_SECONDS * 1000, 1) for seconds in used]
