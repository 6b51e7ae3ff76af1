"""What open pages are notified of, and what differs whenever an answer about it would."""

from collections.abc import Callable

from agents.fleet_topic.fleet_view import FleetView
from episode_monitor.fleet.local_state import LocalReplays, parts_of_fleet
from episode_monitor.web.context import Jobs
from episode_monitor.web.stream import Source

_JOBS_LOOKED_AT = 20


def sources_of(
    view: FleetView, alerts: Callable[[], object], jobs: Callable[[], Jobs], replays: LocalReplays
) -> list[Source]:
    """Each is looked at as often as an answer to it is worth: rates change with every event. `alerts` differs whenever
    the dispatcher's state does; it may raise Problem. Of replays only those of this worker are looked at."""

    async def of_alerts() -> object:
        return alerts()

    async def of_integrity() -> object:
        parts = parts_of_fleet(view)
        counts = [part.counts for part in parts]
        found = [(one.projects, one.unhealthy, one.gaps, one.duplicates, one.splits) for one in counts]
        return found, view.stale_partitions(parts)

    async def of_performance() -> object:
        return [part.counts.applied for part in parts_of_fleet(view)]

    async def of_jobs() -> object:
        checks = [(one.job_id, one.state, one.progress) for one in (await jobs().jobs(_JOBS_LOOKED_AT)).jobs]
        return checks, [(one.job_id, one.state, one.progress) for one in replays.own_replays(_JOBS_LOOKED_AT).replays]

    return [
        Source("alerts", 2.0, 10.0, of_alerts),
        Source("integrity", 5.0, 15.0, of_integrity),
        Source("jobs", 3.0, 3.0, of_jobs),
        Source("performance", 15.0, 15.0, of_performance),
    ]
