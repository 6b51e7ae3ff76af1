"""What one open page costs a worker: the overview's requests, each 30 s, and its stream of changes, with very many
projects and alerts. CPU seconds of the worker are compared with those of as long a time without requests."""

import asyncio
import http.client
import json
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

from benchmarks import rig
from testbed.apache_kafka import ApacheKafka

REFRESH_SECONDS = 30.0  # of the page
IDLE_SECONDS = 20.0
STREAMS = 10
_ROOT = "/monitoring/episodes"


def requests_of_overview(now: datetime) -> dict[str, str]:
    """Name and path of each request that the overview sends when it refreshes."""
    day_before = quote((now - timedelta(hours=24)).isoformat(timespec="milliseconds"))
    return {
        "summary": f"{_ROOT}/integrity/summary",
        "active alerts": f"{_ROOT}/alerts/active?limit=1000",
        "stats": f"{_ROOT}/performance/stats?window_minutes=15",
        "readiness": "/readyz",
        "worst projects": f"{_ROOT}/integrity/projects?status=unhealthy&sort=worst&limit=100",
        "trend": f"{_ROOT}/performance/trend?hours=24",
        "history of a day": f"{_ROOT}/alerts/history?status=firing&since={day_before}&limit=1000",
        "rules": f"{_ROOT}/rules",
        "on call": f"{_ROOT}/oncall",
        "receivers": f"{_ROOT}/receivers",
        "dead letters": f"{_ROOT}/dead-letters?limit=1",
    }


FURTHER = {  # of other tabs
    "all projects": f"{_ROOT}/integrity/projects?limit=100",
    "projects by name": f"{_ROOT}/integrity/projects?sort=project_id&q=p-09&limit=100",
    "ranking of projects": f"{_ROOT}/performance/projects?window_minutes=60",
    "retries": f"{_ROOT}/performance/retries",
    "trend of a week before": f"{_ROOT}/performance/trend?hours=24&before_hours=168",
}


def run(kafka: ApacheKafka, projects: int, alerts: int, times: int = 20) -> dict[str, Any]:
    """Milliseconds of CPU of each request, and the share of a core that one page takes."""
    monitor_id = f"page-{uuid.uuid4().hex[:8]}"
    topic = f"events-{monitor_id}"
    worker = rig.worker(
        kafka.bootstrap_servers, monitor_id, EVENTS_TOPIC=topic, ALERTS_TOPIC=f"alerts-{monitor_id}",
        ALERT_ON_ISSUES="false",
    )  # fmt: skip
    with worker:
        assert worker.pid is not None
        rig.until(lambda: rig.is_ready(worker.url), 120, "readiness")
        asyncio.run(rig.feed(kafka.bootstrap_servers, topic, events(projects, alerts, datetime.now(UTC))))
        rig.until(lambda: rig.left(worker.url) == 0, 600, "the last event")
        caller = _Caller(worker.url)
        active = f"{_ROOT}/alerts/active?limit=1"
        rig.until(lambda: caller.answer(active)["total"] >= alerts, 600, f"the {alerts}th alert", every=1.0)
        return _measured(caller, worker.pid, times) | {"projects": projects, "alerts": alerts}


def events(projects: int, alerts: int, now: datetime) -> Iterator[tuple[bytes, bytes]]:
    """Three creations of each project, the last minutes; in so many projects number 3 is missing."""
    for number in range(1, 4):
        at = (now - timedelta(minutes=10 - number)).isoformat()
        for project in range(projects):
            name = f"p-{project:06}"
            event = {
                "event_id": f"{name}-{number}", "type": "episode.created", "project_id": name, "occurred_at": at,
                "episode_id": f"e-{number}", "episode_number": 4 if number == 3 and project < alerts else number,
                "duration_seconds": 0.5,
            }  # fmt: skip
            yield name.encode(), json.dumps(event).encode()


def _measured(caller: "_Caller", pid: int, times: int) -> dict[str, Any]:
    idle = _idle(pid)
    overview = requests_of_overview(datetime.now(UTC))
    cost = {name: _cost(pid, idle, times, partial(caller.answer, path)) for name, path in overview.items()}
    further = {name: _cost(pid, idle, times, partial(caller.answer, path)) for name, path in FURTHER.items()}

    def refresh() -> None:
        for path in overview.values():
            caller.answer(path)

    whole = _cost(pid, idle, times, refresh)
    streams = [_open_stream(caller) for _ in range(STREAMS)]
    listening = max(0.0, _idle(pid) - idle) / STREAMS
    for stream in streams:
        stream.close()
    return {
        "idle_share_of_a_core": round(idle, 4),
        "refresh_cpu_ms": round(whole * 1000, 1),
        "request_cpu_ms": {name: round(seconds * 1000, 2) for name, seconds in cost.items()},
        "other_tabs_cpu_ms": {name: round(seconds * 1000, 2) for name, seconds in further.items()},
        "stream_share_of_a_core": round(listening, 5),
        "page_share_of_a_core": round(whole / REFRESH_SECONDS + listening, 5),
    }


def _idle(pid: int) -> float:
    """The share of a core that the worker takes without a request."""
    began, cpu = time.monotonic(), rig.cpu_seconds(pid)
    time.sleep(IDLE_SECONDS)
    return (rig.cpu_seconds(pid) - cpu) / (time.monotonic() - began)


def _cost(pid: int, idle: float, times: int, work: Callable[[], object]) -> float:
    """CPU seconds of the worker for one, without what it takes anyway; never the first, which may fill a cache."""
    work()
    began, cpu = time.monotonic(), rig.cpu_seconds(pid)
    for _ in range(times):
        work()
    return max(0.0, rig.cpu_seconds(pid) - cpu - idle * (time.monotonic() - began)) / times


class _Caller:
    """A browser's one connection."""

    def __init__(self, url: str) -> None:
        self.host = urlsplit(url).netloc
        self._connection = http.client.HTTPConnection(self.host, timeout=60)

    def answer(self, path: str) -> Any:
        """The JSON of an answer; raises where it is none."""
        self._connection.request("GET", path, headers={"accept-encoding": "gzip"})
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != http.client.OK:
            raise RuntimeError(f"{path} answers {answer.status}: {body[:200]!r}")
        return json.loads(body)


def _open_stream(caller: _Caller) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection(caller.host, timeout=60)
    connection.request("GET", f"{_ROOT}/stream")
    answer = connection.getresponse()
    if answer.status != http.client.OK:
        raise RuntimeError(f"the stream answers {answer.status}")
    return connection
