"""What an event costs in the request path of a project service, in microseconds: the call itself, whatever waits on it.

The sending thread works beside it, as in a service: it makes the records, and a stand-in for Kafka takes them at once.
"""

import json
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from episode_monitor_client import ClientSettings, EpisodeMonitorClient, EpisodePerformanceTracker
from episode_monitor_client.encoding import Record
from episode_monitor_client.sender import Sender

BURST_EVENTS = 50_000
SPREAD_EVENTS = 2_000
PROJECTS = 100


class _Taker:
    """Takes records at once."""

    async def send(self, records: Sequence[Record]) -> None:
        """Nothing is left to do."""

    async def stop(self) -> None:
        """Nothing to end."""


async def _connect(_: ClientSettings) -> _Taker:
    return _Taker()


def run() -> dict[str, dict[str, float]]:
    """Figures by situation: by the clock, and the CPU of the calling thread, which other work does not touch."""
    return {
        "created, one after the other": _with_client(_created, BURST_EVENTS),
        "created, after a request's worth of other work": _with_client(_created, SPREAD_EVENTS, _other_work),
        "conflict, one after the other": _with_client(_conflict, BURST_EVENTS),
        "created, nothing configured": _timed(_created(EpisodeMonitorClient("measured without")), BURST_EVENTS),
    }


def _with_client(
    teller: Callable[[EpisodeMonitorClient], Callable[[int], None]],
    events: int,
    between: Callable[[], None] | None = None,
) -> dict[str, float]:
    """A client of its own, so that nobody pays for what others have left in the queue."""
    settings = ClientSettings(bootstrap_servers="nobody:9092", queue_max=100_000)
    client = EpisodeMonitorClient(settings, Sender(settings, _connect))
    figures = _timed(teller(client), events, between)
    left = client.close(30.0)
    if left or client.stats().dropped:
        raise RuntimeError(f"{left} events were left and {client.stats().dropped} dropped: the figures mean nothing")
    return figures


def _created(client: EpisodeMonitorClient) -> Callable[[int], None]:
    tracker = EpisodePerformanceTracker(client)

    def tell(number: int) -> None:
        operation_id = tracker.start_operation("create")
        tracker.end_operation(operation_id, f"proj_{number % PROJECTS}", f"ep_{number}", episode_number=number + 1)

    return tell


def _conflict(client: EpisodeMonitorClient) -> Callable[[int], None]:
    tracker = EpisodePerformanceTracker(client)
    return lambda number: tracker.conflict("create-1", f"proj_{number % PROJECTS}")


def _other_work() -> None:
    """About a millisecond of what a handler does, so that the call finds the caches as it would there."""
    request = {"title": "t" * 50, "tags": [{"name": f"tag {n}", "weight": n / 7} for n in range(60)]}
    for _ in range(8):
        request = json.loads(json.dumps(request))


def _timed(tell: Callable[[int], Any], events: int, between: Callable[[], None] | None = None) -> dict[str, float]:
    taken, cpu_ns = [], 0
    for number in range(events):
        cpu_began, began = time.thread_time_ns(), time.perf_counter_ns()
        tell(number)
        taken.append((time.perf_counter_ns() - began) / 1000)
        cpu_ns += time.thread_time_ns() - cpu_began
        if between is not None:
            between()
    cuts = statistics.quantiles(taken, n=100)
    return {
        "cpu_mean_us": round(cpu_ns / 1000 / events, 1),
        "mean_us": round(statistics.fmean(taken), 1),
        "p50_us": round(cuts[49], 1),
        "p99_us": round(cuts[98], 1),
    }
