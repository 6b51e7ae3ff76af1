"""What an event costs in the request path of a project service, in microseconds: the call itself, whatever waits on it.

The sending thread works beside it, as in a service: it makes the records, and a stand-in for Kafka takes them at once.
Each call is timed next to a `json.dumps` of the same event, so that a busy machine shows in both.
"""

import json
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from episode_monitor_client import ClientSettings, EpisodeMonitorClient, EpisodePerformanceTracker, created
from episode_monitor_client.encoding import Record, body_of
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
    """Figures by situation."""
    return {
        "created, one after the other": _with_client(_created, BURST_EVENTS),
        "created, after a request's worth of other work": _with_client(_created, SPREAD_EVENTS, _other_work),
        "conflict, one after the other": _with_client(_conflict, BURST_EVENTS),
        "created, nothing configured": _timed(_created(EpisodeMonitorClient("measured without")), BURST_EVENTS),
        "created, with all that the sending thread does for it": _whole_process(BURST_EVENTS),
    }


def _with_client(
    teller: Callable[[EpisodeMonitorClient], Callable[[int], None]],
    events: int,
    between: Callable[[], None] | None = None,
) -> dict[str, float]:
    client = _client()
    figures = _timed(teller(client), events, between)
    _end(client)
    return figures


def _client() -> EpisodeMonitorClient:
    """One of its own for each situation, so that none pays for what another has left in the queue."""
    settings = ClientSettings(bootstrap_servers="nobody:9092", queue_max=100_000)
    return EpisodeMonitorClient(settings, Sender(settings, _connect))


def _end(client: EpisodeMonitorClient) -> None:
    left = client.close(30.0)
    if left or client.stats().dropped:
        raise RuntimeError(f"{left} events were left and {client.stats().dropped} dropped: the figures mean nothing")


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
    """By the clock, with whatever comes between; and the CPU of the calling thread, which other work does not touch."""
    body = body_of(created("proj_5", "ep_4711", 4711, operation_id=f"create-{0:032x}", duration_seconds=0.25))
    taken, reference, cpu_ns = [], [], 0
    for number in range(events):
        began = time.perf_counter_ns()
        json.dumps(body)
        reference.append((time.perf_counter_ns() - began) / 1000)
        cpu_began, began = time.thread_time_ns(), time.perf_counter_ns()
        tell(number)
        taken.append((time.perf_counter_ns() - began) / 1000)
        cpu_ns += time.thread_time_ns() - cpu_began
        if between is not None:
            between()
    cuts, cuts_of_reference = statistics.quantiles(taken, n=100), statistics.quantiles(reference, n=100)
    return {
        "cpu_mean_us": round(cpu_ns / 1000 / events, 1),
        "mean_us": round(statistics.fmean(taken), 1),
        "p50_us": round(cuts[49], 1),
        "p99_us": round(cuts[98], 1),
        "json_dumps_mean_us": round(statistics.fmean(reference), 1),
        "json_dumps_p50_us": round(cuts_of_reference[49], 1),
        "json_dumps_p99_us": round(cuts_of_reference[98], 1),
    }


def _whole_process(events: int) -> dict[str, float]:
    """The CPU of all threads until the last event has landed, the making of the operation's arguments included."""
    client = _client()
    tell, began_ns = _created(client), time.process_time_ns()
    for number in range(events):
        tell(number)
    _end(client)
    return {"cpu_mean_us": round((time.process_time_ns() - began_ns) / 1000 / events, 1)}
