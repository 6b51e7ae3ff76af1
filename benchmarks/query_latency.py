"""Answers while events flow: so many requests a second for the summary and for one project, at 80 % of the capacity.

Requests are sent by the clock, not after one another: an answer that is late makes no request later, and a request is
timed from when it was due.
"""

import argparse
import asyncio
import time
import urllib.request
import uuid
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from benchmarks import rig
from benchmarks.background import Background
from testbed.apache_kafka import ApacheKafka

SHARE = 0.8
PROJECTS = 1000
WARM_SECONDS = 5.0
LOOP_LAG = "episode_monitor_loop_lag_seconds_bucket"
SUMMARY = "/monitoring/episodes/integrity/summary"
PROJECT = "/monitoring/episodes/integrity/project/proj_%05d"


def run(kafka: ApacheKafka, options: argparse.Namespace) -> dict[str, Any]:
    """p50 and p99 of both views in milliseconds, and how late the worker's event loop was."""
    monitor_id = f"queries-{uuid.uuid4().hex[:8]}"
    topic, rate = f"events-{monitor_id}", int(options.capacity * SHARE)
    worker = rig.worker(kafka.bootstrap_servers, monitor_id, EVENTS_TOPIC=topic, ALERTS_TOPIC=f"alerts-{monitor_id}")
    with worker:
        rig.until(lambda: rig.is_ready(worker.url), 60, "readiness")
        with Background(kafka.bootstrap_servers, topic, rate, PROJECTS) as background:
            rig.until(lambda: background.sent() > rate * WARM_SECONDS, 60, "the first seconds of traffic")
            lag_before, sent_before, began = _loop_lag(worker.url), background.sent(), time.monotonic()
            answers = asyncio.run(_ask(worker.url, options.requests, options.seconds))
            sent = (background.sent() - sent_before) / (time.monotonic() - began)
            lag = _since(lag_before, _loop_lag(worker.url))
            left = rig.left(worker.url)
    return {
        "requests_a_second": options.requests,
        "events_a_second": round(sent),
        "events_not_yet_applied_at_the_end": left,
        "summary": _quantiles(answers["summary"]),
        "project": _quantiles(answers["project"]),
        "failed": len(answers["failed"]),
        "loop_lag_p50_ms": _bucket_quantile(lag, 0.5),
        "loop_lag_p99_ms": _bucket_quantile(lag, 0.99),
    }


async def _ask(url: str, requests: int, seconds: int) -> dict[str, list[float]]:
    """Milliseconds of each answer, by view. Views take turns."""
    answers: dict[str, list[float]] = {"summary": [], "project": [], "failed": []}
    running: set[asyncio.Task[None]] = set()

    async def one(session: aiohttp.ClientSession, number: int, due_at: float) -> None:
        view, path = ("summary", SUMMARY) if number % 2 else ("project", PROJECT % (number * 7 % PROJECTS))
        try:
            async with session.get(url + path) as answer:
                await answer.read()
                is_good = answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            is_good = False
        answers[view if is_good else "failed"].append((time.monotonic() - due_at) * 1000)

    limits = aiohttp.TCPConnector(limit=64)
    async with aiohttp.ClientSession(connector=limits, timeout=aiohttp.ClientTimeout(total=10)) as session:
        started = time.monotonic()
        for number in range(requests * seconds):
            due_at = started + number / requests
            await asyncio.sleep(max(0.0, due_at - time.monotonic()))
            task = asyncio.create_task(one(session, number, due_at))
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.gather(*running)
    return answers


def _quantiles(milliseconds: list[float]) -> dict[str, float | int]:
    ordered = sorted(milliseconds)
    if not ordered:
        return {"answers": 0}
    at = {name: ordered[min(len(ordered) - 1, int(len(ordered) * share))] for name, share in
          (("p50_ms", 0.5), ("p99_ms", 0.99), ("max_ms", 1.0))}  # fmt: skip
    return {"answers": len(ordered), **{name: round(value, 2) for name, value in at.items()}}


def _loop_lag(url: str) -> dict[float, float]:
    """Cumulated counts by upper bound in seconds."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    samples = [sample for family in families for sample in family.samples if sample.name == LOOP_LAG]
    return {float(sample.labels["le"]): sample.value for sample in samples}


def _since(before: dict[float, float], after: dict[float, float]) -> dict[float, float]:
    return {bound: count - before.get(bound, 0.0) for bound, count in after.items()}


def _bucket_quantile(buckets: dict[float, float], share: float) -> float | None:
    """Between the bounds of a bucket as if its values were spread evenly; milliseconds. None: beyond the last bound."""
    bounds = sorted(buckets)
    wanted, low, below = buckets[bounds[-1]] * share, 0.0, 0.0
    for bound in bounds[:-1]:
        if buckets[bound] >= wanted:
            inside = buckets[bound] - below
            return round((low + (bound - low) * ((wanted - below) / inside if inside else 1.0)) * 1000, 2)
        low, below = bound, buckets[bound]
    return None
