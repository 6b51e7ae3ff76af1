"""What a partition publishes to the whole fleet: counts, its worst projects, its active alerts.

The cost follows the number of unhealthy projects, not of all projects. Lists are made in steps, so that the caller can
do other things between them.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import chain, islice

import msgspec

from models.alert import Alert, AlertStatus, Severity
from streams.base import changelog_keys
from streams.base.ranking import Lowest, Rank, rank
from streams.base.sketch import quantile_seconds
from streams.base.steps import Steps
from streams.partition.partition import Partition
from streams.project.project_state import ProjectState
from streams.project.rule_evaluator import active_alerts
from streams.project.state_codec import read_head
from streams.rates.performance import window

P95_WINDOW_MINUTES = 15
MAX_ALERTS = 500  # listed in full; all are counted
MAX_ALERTING_LOOKED_AT = 2000  # projects whose alerts are counted by severity and type; the rest are counted as OTHER
MAX_SPLITS = 20  # listed; all are counted
OTHER = "_other"
STEP = 64  # heads between two steps, 0.2 ms
STATE_STEP = 8  # decoded states between two steps, about 1 ms


class PartitionCounts(msgspec.Struct, frozen=True, array_like=True):
    """A partition in a few integers. Times in event-time milliseconds; `applied` is an offset, -1 for none."""

    partition: int
    clock_ms: int
    as_of_ms: int  # the clock, or the wall clock where the partition was idle and read to its end
    applied: int
    projects: int
    unhealthy: int
    gaps: int
    duplicates: int
    episodes: int
    splits: int = 0  # projects in several partitions, of which this is the lowest: no other counts them


class SplitFacts(msgspec.Struct, frozen=True, array_like=True):
    """A project in several partitions; `keyless` as in `streams.partition.splits.Split`."""

    project_id: str
    partitions: tuple[int, ...]
    keyless: tuple[int, ...]


class ProjectFacts(msgspec.Struct, frozen=True, array_like=True):
    """One project in a few integers; without findings where it is in several partitions.

    `retries` by reason: conflict, timeout, error.
    """

    project_id: str
    gaps: int
    duplicates: int
    episodes: int
    max_number: int
    conflicts: int
    retries: tuple[int, int, int]


class AlertCount(msgspec.Struct, frozen=True, array_like=True):
    """How many alerts of one kind are pending or firing."""

    severity: str
    alert_type: str
    count: int


class PartitionLists(msgspec.Struct, frozen=True, array_like=True):
    """The worst projects, worst first, the active alerts, most severe first, and split projects; all bounded."""

    worst: list[ProjectFacts]
    alerts: list[Alert]
    alert_counts: list[AlertCount]
    splits: list[SplitFacts] = []  # the first of those that this partition counts
    p95_seconds: dict[str, float] = {}  # of the worst projects whose creations ended lately


def counts_of(partition: Partition, as_of_ms: int) -> PartitionCounts:
    """The partition's counts of this moment; constant time."""
    return PartitionCounts(
        partition=partition.number,
        clock_ms=partition.clock_ms,
        as_of_ms=as_of_ms,
        applied=partition.next_offset - 1,
        projects=partition.index.counted_projects,
        unhealthy=len(partition.index.unhealthy),
        gaps=partition.index.gaps,
        duplicates=partition.index.duplicates,
        episodes=partition.index.episodes,
        splits=partition.index.counted_splits,
    )


def lists_of(
    partition: Partition, max_projects: int, max_alerts: int = MAX_ALERTS, p95_seconds: dict[str, float] | None = None
) -> Steps[PartitionLists]:
    """The partition's lists. It may change between two steps: each entry is true of the moment it was made.

    `p95_seconds`: of an earlier list that is recent enough. To find them anew costs thirty times as much as all else.
    """
    worst = yield from worst_projects(partition, max_projects)
    alerts, counts = yield from alerts_of(partition, max_alerts)
    if p95_seconds is None:
        p95_seconds = yield from p95_of(partition, worst)
    return PartitionLists(worst, alerts, counts, splits_of(partition), p95_seconds)


def p95_of(partition: Partition, projects: Iterable[ProjectFacts]) -> Steps[dict[str, float]]:
    """The 95th percentile of the creations that ended in the last minutes of the partition's time, where any did."""
    found = {}
    for seen, facts in enumerate(projects, 1):
        state = partition.look(facts.project_id)
        if state is not None:
            _, sketch = window(state.series, P95_WINDOW_MINUTES, max(partition.clock_ms, state.now_ms))
            p95_seconds = quantile_seconds(sketch, 0.95)
            if p95_seconds is not None:
                found[facts.project_id] = p95_seconds
        if seen % STATE_STEP == 0:
            yield
    return found


def splits_of(partition: Partition, limit: int = MAX_SPLITS) -> list[SplitFacts]:
    """The first projects in several partitions that this partition counts."""
    named = (
        SplitFacts(project_id, split.partitions, split.keyless)
        for project_id, split in partition.index.splits.items()
        if partition.index.counts(project_id)
    )
    return list(islice(named, limit))


def worst_projects(partition: Partition, limit: int) -> Steps[list[ProjectFacts]]:
    """The unhealthy ones, worst first; where there are fewer than `limit`, others after them, always the same ones."""
    lowest: Lowest[Rank, None] = Lowest(limit)
    if limit:
        for seen, project_id in enumerate(list(partition.index.unhealthy), 1):
            head = partition.head(project_id)
            if head is not None:
                lowest.offer(rank(project_id, head.gaps, head.duplicates, head.max_number), None)
            if seen % STEP == 0:
                yield
    chosen = dict.fromkeys(key[2] for key, _ in lowest.entries())
    others = chain(partition.index.alerting, (changelog_keys.project_of(key) for key in partition.index.head_keys))
    for project_id in islice(others, 2 * limit):
        if len(chosen) >= limit:
            break
        chosen.setdefault(project_id)
    facts = []
    for seen, project_id in enumerate(chosen, 1):
        state = partition.look(project_id)
        if state is not None:
            facts.append(facts_of(state))
        if seen % STATE_STEP == 0:
            yield
    return facts


def facts_of(state: ProjectState) -> ProjectFacts:
    """One project's facts."""
    numbering = state.numbering
    conflict, timeout, error = state.retries
    return ProjectFacts(
        project_id=state.project_id,
        gaps=0 if state.split else numbering.anomalies.open_gaps.count,
        duplicates=0 if state.split else len(numbering.anomalies.open_duplicates),
        episodes=len(numbering.episodes),
        max_number=numbering.max_number,
        conflicts=state.conflicts_total,
        retries=(conflict, timeout, error),
    )


def alerts_of(partition: Partition, limit: int) -> Steps[tuple[list[Alert], list[AlertCount]]]:
    """At most `limit` active alerts, the most severe first, and how many there are of each kind."""
    found = [alert for section in partition.checkpointer.sections for alert in section.active()]
    counts = Counter((alert.severity.value, alert.alert_type) for alert in found)
    alerting = list(partition.index.alerting)
    looked_at = alerting[:MAX_ALERTING_LOOKED_AT]
    partition.listed.forget_others(looked_at)
    for seen, project_id in enumerate(looked_at, 1):
        alerts = active_alerts_of(partition, project_id)
        for alert in alerts:
            counts[alert.severity.value, alert.alert_type] += 1
        found.extend(alerts)
        if len(found) > 2 * limit:
            found = most_severe_first(found)[:limit]
        if seen % STATE_STEP == 0:
            yield
    for seen, project_id in enumerate(alerting[MAX_ALERTING_LOOKED_AT:], 1):
        head = partition.head(project_id)
        if head is not None and head.alerts:
            counts[OTHER, OTHER] += head.alerts
        if seen % STEP == 0:
            yield
    return most_severe_first(found)[:limit], [AlertCount(*kind, counts[kind]) for kind in sorted(counts)]


def active_alerts_of(partition: Partition, project_id: str) -> list[Alert]:
    """Those of one project, described anew only where it has changed since they were."""
    found = partition.peek(project_id)
    if found is None:
        return []
    applied = read_head(found).applied if isinstance(found, bytes) else found.applied
    alerts = partition.listed.get(project_id, applied)
    if alerts is None:
        state = partition.look(project_id)
        alerts = [] if state is None else active_alerts(partition.core, state)
        partition.listed.keep(project_id, applied, alerts)
    return alerts


_SEVERITIES = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}
_STATUSES = {AlertStatus.FIRING: 0, AlertStatus.PENDING: 1, AlertStatus.RESOLVED: 2}


def most_severe_first(alerts: list[Alert]) -> list[Alert]:
    """By severity, firing before pending, then the latest to start, then by key."""
    return sorted(alerts, key=lambda a: (_SEVERITIES[a.severity], _STATUSES[a.status], -a.starts_at_ms, a.alert_key))
