"""What an event costs in the request path of a project service, in microseconds: the call itself, whatever waits on it.

The sending thread works beside it, as in a service: it makes the records, and a stand-in for Kafka takes them at once.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from episode_monitor_client import ClientSettings, EpisodeMonitorClient, EpisodePerformanceTracker
from episode_monitor_client.encoding import Record
from episode_monitor_client.sender import Sender

BURST_EVENTS = 50_000
PACED_EVENTS = 2_000
PACE_SECONDS = 0.002
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
    settings = ClientSettings(bootstrap_servers="nobody:9092", queue_max=100_000)
    on = EpisodeMonitorClient(settings, Sender(settings, _connect))
    off = EpisodeMonitorClient("measured without")
    figures = {
        "created, one after the other": _timed(_created(on), BURST_EVENTS, 0.0),
        "created, 500 a second": _timed(_created(on), PACED_EVENTS, PACE_SECONDS),
        "conflict, one after the other": _timed(_conflict(on), BURST_EVENTS, 0.0),
        "created, nothing configured": _timed(_created(off), BURST_EVENTS, 0.0),
    }
    left = on.close(30.0)
    if left or on.stats().dropped:
        raise RuntimeError(f"{left} events were left and {on.stats().dropped} dropped: the figures are worth nothing")
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


def _timed(tell: Callable[[int], Any], events: int, pause_seconds: float) -> dict[str, float]:
    taken, cpu_ns = [], 0
    for number in range(events):
        cpu_began, began = time.thread_time_ns(), time.perf_counter_ns()
        tell(number)
        taken.append((time.perf_counter_ns() - began) / 1000)
        cpu_ns += time.thread_time_ns() - cpu_began
        if pause_seconds:
            time.sleep(pause_seconds)
    cuts = statistics.quantiles(taken, n=100)
    return {
        "cpu_mean_us": round(cpu_ns / 1000 / events, 1),
        "mean_us": round(statistics.fmean(taken), 1),
        "p50_us": round(cuts[49], 1),
        "p99_us": round(cuts[98], 1),
    }
