"""Peak memory of one worker under input made to cost much: very many projects once each, and one greedy project.

The bounds are those of docs/reliability.md; the figures say how far from them the worker stays.
"""

import asyncio
import json
import time
import urllib.request
import uuid
from collections.abc import Iterable
from typing import Any

from agents.kafka.topics import TopicNames, ensure_topics
from benchmarks import rig
from episode_monitor.demo.programs import Program
from faults import hostile
from faults.feed import Record
from testbed.apache_kafka import ApacheKafka

VIEWS = "/monitoring/episodes/integrity"
SPAN_MS = 200_000  # of event time


def run(kafka: ApacheKafka, projects: int, numbers: int) -> dict[str, dict[str, float | int]]:
    """Each by a worker of its own."""
    at_ms = time.time_ns() // 1_000_000 - SPAN_MS
    return {
        "projects_once_each": _projects(kafka, projects, at_ms),
        "greedy_project": _greedy(kafka, numbers, at_ms),
    }


def _projects(kafka: ApacheKafka, projects: int, at_ms: int) -> dict[str, float | int]:
    figures, worker = _drained(kafka, hostile.once_each(projects, at_ms, SPAN_MS))
    with worker:
        rig.until(lambda: _ask(worker, "/summary")["total_projects"] == projects, 60, "all projects in the summary")
        summary = _ask(worker, "/summary")
    assert (summary["healthy_projects"], summary["total_gaps"], summary["total_duplicates"]) == (projects, 0, 0)
    grown = figures["peak_memory_bytes"] - figures["memory_before_bytes"]
    return {"projects": projects, **figures, "peak_bytes_a_project": round(grown / projects)}


def _greedy(kafka: ApacheKafka, numbers: int, at_ms: int) -> dict[str, float | int]:
    figures, worker = _drained(kafka, hostile.greedy("greedy", numbers, at_ms, SPAN_MS))
    with worker:
        view = _ask(worker, "/project/greedy")
    assert view["capped"], "a project beyond its bounds is marked"
    return {"numbers": numbers, **figures, "episodes_followed": view["total_episodes"]}


def _drained(kafka: ApacheKafka, records: Iterable[Record]) -> tuple[dict[str, float | int], Program]:
    """Figures of a worker that took these records, and the worker, still running."""
    monitor_id = f"hostile-{uuid.uuid4().hex[:8]}"
    names = TopicNames.of(monitor_id, f"events-{monitor_id}", f"alerts-{monitor_id}", f"dead-{monitor_id}",
                          f"alert-dead-{monitor_id}")  # fmt: skip
    servers = kafka.bootstrap_servers
    asyncio.run(ensure_topics(servers, names, rig.PARTITIONS, 1))
    worker = rig.worker(
        servers, monitor_id, EVENTS_TOPIC=names.events, ALERTS_TOPIC=names.alerts,
        DEAD_LETTERS_TOPIC=names.dead_letters, ALERT_DEAD_LETTERS_TOPIC=names.alert_dead_letters,
        ALERT_ON_ISSUES="false", STALLED_SECONDS="600",  # the machine may be busy with other things
    )  # fmt: skip
    worker.start()
    try:
        assert worker.pid is not None
        rig.until(lambda: rig.is_ready(worker.url), 60, "a ready worker")
        before, began = rig.peak_memory_bytes(worker.pid), time.monotonic()
        count = asyncio.run(rig.feed(servers, names.events, ((one.key or b"", one.value or b"") for one in records)))
        rig.until(lambda: _applied(worker) == count, 1200, "the last event", every=0.2)
        peak = rig.peak_memory_bytes(worker.pid)
    except BaseException:
        worker.stop()
        raise
    figures = {"memory_before_bytes": before, "peak_memory_bytes": peak, "seconds": round(time.monotonic() - began, 1)}
    return figures, worker


def _applied(worker: Program) -> int:
    if not worker.is_running:
        raise RuntimeError(f"the worker ended: {worker.log.read_text(errors='replace')[-2000:]}")
    try:
        with urllib.request.urlopen(f"{worker.url}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return 0
    return sum(int(float(line.split()[-1])) for line in lines
               if line.startswith('episode_monitor_events_total{') and 'outcome="applied"' in line)  # fmt: skip


def _ask(worker: Program, path: str) -> Any:
    with urllib.request.urlopen(f"{worker.url}{VIEWS}{path}", timeout=30) as answer:
        return json.load(answer)
