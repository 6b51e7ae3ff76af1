"""What audit checkpoints cost a worker: the same topic drained with and without them, in turns, and hashing by itself,
which other work on the machine disturbs less."""

import asyncio
import time
import uuid
from itertools import islice
from statistics import median

from agents.fetching.record_parsing import PlainRecord
from agents.kafka.topics import TopicNames, ensure_topics
from benchmarks import rig
from benchmarks.state_size import project_at
from examples.load_driver.events import episode_events
from streams.partition.audit_chain import AuditChain
from streams.project.state_digest import digest_of_project
from testbed.apache_kafka import ApacheKafka

SLICE_RECORDS = 200
SECONDS = (WITH, WITHOUT) = ("60", "0")  # between two checkpoints of a partition: the default; off


def run(kafka: ApacheKafka, operations: int, projects: int, rounds: int = 3) -> dict[str, float | int]:
    """CPU seconds are of the worker, from its first event to its last. `cost_share`: of them, by medians. A run should
    take some of the 60 s that lie between checkpoints: the first one is made at its beginning."""
    topic = f"events-{uuid.uuid4().hex[:8]}"
    events = asyncio.run(_fill(kafka.bootstrap_servers, topic, operations, projects))
    cpu: dict[str, list[float]] = {every: [] for every in SECONDS}
    rate: dict[str, list[float]] = {every: [] for every in SECONDS}
    lasted: list[float] = []
    for turn in range(rounds):
        for every in SECONDS if turn % 2 else reversed(SECONDS):
            used, seconds, taken = _drain(kafka.bootstrap_servers, topic, events, every)
            cpu[every].append(used / taken * 1e6)
            rate[every].append(taken / seconds)
            lasted.append(seconds)
    with_audit, without = (median(cpu[every]) for every in SECONDS)
    return {
        "events": events,
        "rounds": rounds,
        "seconds_of_a_run": round(median(lasted), 1),
        "cpu_seconds_per_million_with": round(with_audit, 2),
        "cpu_seconds_per_million_without": round(without, 2),
        "cost_share": round(with_audit / without - 1, 4),
        "hash_cpu_seconds_per_million": round(hash_seconds(projects) * 1e6, 2),
        "digest_cpu_milliseconds_a_project": round(digest_seconds() * 1e3, 3),
        "events_per_second_with": round(median(rate[WITH])),
        "events_per_second_without": round(median(rate[WITHOUT])),
    }


def hash_seconds(projects: int, times: int = 9) -> float:
    """CPU seconds for one record, in slices of a worker's size: the median of several passes."""
    lines = islice(episode_events(1, projects, 50_000), 50_000)
    records = [PlainRecord(offset, 0, key, value, []) for offset, (key, value) in enumerate(lines)]
    passes = []
    for _ in range(times):
        chain, began = AuditChain("bench", "events", 0), time.process_time()
        for begin in range(0, len(records), SLICE_RECORDS):
            chain.take(records[begin : begin + SLICE_RECORDS])
        chain.cut(len(records))
        passes.append((time.process_time() - began) / len(records))
    return median(passes)


def digest_seconds(times: int = 9) -> float:
    """CPU seconds for the digest of a project that had an event each second lately; within `DIGESTS_SHARE` a checkpoint
    has one for each project that changed."""
    state, passes = project_at(1.0, 1000, is_uuid=False), []
    for _ in range(times):
        began = time.process_time()
        for _ in range(20):
            digest_of_project(state)
        passes.append((time.process_time() - began) / 20)
    return median(passes)


async def _fill(servers: str, topic: str, operations: int, projects: int) -> int:
    await ensure_topics(servers, _names(topic, topic), rig.PARTITIONS, 1)
    return await rig.feed(servers, topic, episode_events(1, projects, operations))


def _names(topic: str, monitor_id: str) -> TopicNames:
    return TopicNames.of(monitor_id, topic, f"alerts-{monitor_id}", f"dead-{monitor_id}", f"alert-dead-{monitor_id}")


def _drain(servers: str, topic: str, events: int, every: str) -> tuple[float, float, int]:
    """CPU seconds, seconds and events of a new monitor that takes the whole topic."""
    monitor_id = f"bench-{uuid.uuid4().hex[:8]}"
    names = _names(topic, monitor_id)
    worker = rig.worker(
        servers, monitor_id, EVENTS_TOPIC=topic, ALERTS_TOPIC=names.alerts, DEAD_LETTERS_TOPIC=names.dead_letters,
        ALERT_DEAD_LETTERS_TOPIC=names.alert_dead_letters, ALERT_ON_ISSUES="false", AUDIT_CHECKPOINT_SECONDS=every,
        AUDIT_TOPIC=f"audit-{monitor_id}",
    )  # fmt: skip
    with worker:
        assert worker.pid is not None
        rig.until(lambda: 0 < (rig.left(worker.url) or 0) < events, 120, "the first event", every=0.02)
        began, left, cpu = time.monotonic(), rig.left(worker.url) or 0, rig.cpu_seconds(worker.pid)
        rig.until(lambda: rig.left(worker.url) == 0, 1200, "the last event", every=0.05)
        return rig.cpu_seconds(worker.pid) - cpu, time.monotonic() - began, left
