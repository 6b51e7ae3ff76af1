"""The dispatcher in `/readyz` and in the metrics."""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from agents.dispatch.status import DispatchStatus
from episode_monitor.observe import catalogue
from models.process_views import DispatcherReadiness
from models.times import rfc3339


def readiness(status: DispatchStatus) -> DispatcherReadiness:
    """What `/readyz` shows beside the part's sentence."""
    return DispatcherReadiness(
        owner=status.owner or None,
        is_this_worker=status.is_owner,
        live=status.is_live,
        waits_for=status.waits_for or None,
        deadline=None if status.deadline_ms is None else rfc3339(status.deadline_ms),
        copy_lag=status.copy_lag,
    )


def families(status: DispatchStatus) -> Iterator[Metric]:
    """Counters are of the time in which this worker was the owner; what is said of the state is every worker's copy."""
    counts = status.counts
    yield catalogue.DISPATCHER_LIVE.value(status.is_live)
    yield catalogue.DECISIONS.value(counts.decisions)
    yield catalogue.NOTIFICATIONS.family(sorted(counts.notifications.items()))
    yield catalogue.NOT_NOTIFIED.by(counts.explanations)
    yield catalogue.EMPTY_SHIFTS.value(counts.empty_shifts)
    yield catalogue.REPEATED.value(counts.repeated)
    yield catalogue.CHANGES_LOST.value(counts.changes_lost)
    yield catalogue.HELD.value(status.held)
    yield catalogue.OUTBOX.value(status.outbox)
    yield catalogue.COPY_LAG.value(status.copy_lag)
    yield catalogue.DISPATCHER_BYTES.value(status.state_bytes)
