"""The dispatcher in `/readyz` and in the metrics."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from agents.dispatch.status import DispatchStatus
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
    yield GaugeMetricFamily(
        "episode_monitor_dispatcher_live", "1 where this worker is the owner of the dispatcher and decides, else 0",
        value=status.is_live,
    )  # fmt: skip
    yield CounterMetricFamily(
        "episode_monitor_dispatcher_decisions", "Transitions, acts and ticks that this worker's dispatcher decided on",
        value=counts.decisions,
    )  # fmt: skip
    sent = CounterMetricFamily(
        "episode_monitor_notifications", "Notifications that this worker's dispatcher sent, by receiver and reason",
        labels=["receiver", "reason"],
    )  # fmt: skip
    for (receiver, reason), count in sorted(counts.notifications.items()):
        sent.add_metric([receiver, reason], count)
    kept_back = CounterMetricFamily(
        "episode_monitor_not_notified", "Decisions not to notify a receiver of an alert, by why not", labels=["reason"]
    )
    for reason, count in sorted(counts.explanations.items()):
        kept_back.add_metric([reason], count)
    yield from (sent, kept_back)
    yield CounterMetricFamily(
        "episode_monitor_empty_shifts", "Pages for which a layer of the on-call schedule, or all of it, had nobody",
        value=counts.empty_shifts,
    )  # fmt: skip
    yield CounterMetricFamily(
        "episode_monitor_notifications_repeated", "Notifications sent again, with the same id, after a restart",
        value=counts.repeated,
    )  # fmt: skip
    yield GaugeMetricFamily(
        "episode_monitor_alerts_held",
        "Alerts held back until the events have caught up; sent then if they are still firing", value=status.held,
    )  # fmt: skip
    yield GaugeMetricFamily(
        "episode_monitor_dispatcher_outbox", "Notifications that are decided and not known to be in the topic yet",
        value=status.outbox,
    )  # fmt: skip
    yield GaugeMetricFamily(
        "episode_monitor_dispatcher_copy_lag_records",
        "Records of the dispatcher's state that this worker's copy lacks", value=status.copy_lag,
    )  # fmt: skip
    yield GaugeMetricFamily(
        "episode_monitor_dispatcher_state_bytes", "Stored size of the dispatcher's state", value=status.state_bytes
    )
