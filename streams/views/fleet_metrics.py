"""The fleet as numbers for a time-series database. Few labels: the worst projects by name, all others as one sum."""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from streams.base import packed_counts
from streams.base.ranking import rank
from streams.base.sketch import quantile_seconds
from streams.partition.summary import OTHER, P95_WINDOW_MINUTES, PartitionCounts, PartitionLists, ProjectFacts
from streams.rates.performance import add_up, window
from streams.rates.totals import DURATION_BUCKETS_SECONDS, PartitionTotals
from streams.views.project_views import health_percentage, newest_ms

_BUCKETS = len(DURATION_BUCKETS_SECONDS) + 1


class FleetMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """All sums are since the beginning of the topic. Pairs and lists of two are: failed, succeeded."""

    projects: list[ProjectFacts]  # worst first; the last one is named `_other` where there are more
    projects_total: int
    unhealthy_projects: int
    split_projects: int
    episodes: int
    health_percentage: float
    alerts: dict[tuple[str, str], int]  # severity, alert type -> active ones
    created: int  # operations that ended well
    failed: int
    conflicts: int
    retries: tuple[int, int, int]  # by reason: conflict, timeout, error
    duration_buckets: list[list[int]]
    duration_us: list[int]
    p95_seconds: float | None
    p95_by_project: dict[str, float] = {}  # of `projects`, where anything ended
    late: int
    resends: int


def fleet_metrics(
    counts: Sequence[PartitionCounts],
    lists: Iterable[PartitionLists],
    totals: Sequence[PartitionTotals],
    max_projects: int,
) -> FleetMetrics:
    """Put the partitions together. `totals` must be folded."""
    lists = list(lists)
    at_ms = newest_ms(counts)
    _, sketch = add_up(window(total.series, P95_WINDOW_MINUTES, at_ms) for total in totals)
    projects, unhealthy = sum(part.projects for part in counts), sum(part.unhealthy for part in counts)
    operations = sum(total.operations for total in totals)
    failed = packed_counts.field(operations, packed_counts.FAILED)
    labelled = _labelled(counts, lists, totals, max_projects)
    return FleetMetrics(
        projects=labelled,
        p95_by_project=_p95_of(labelled, lists),
        projects_total=projects,
        unhealthy_projects=unhealthy,
        split_projects=sum(part.splits for part in counts),
        episodes=sum(part.episodes for part in counts),
        health_percentage=health_percentage(projects, unhealthy),
        alerts=_alerts(lists),
        created=packed_counts.field(operations, packed_counts.ENDED) - failed,
        failed=failed,
        conflicts=sum(total.conflicts for total in totals),
        retries=_by_reason(total.retries for total in totals),
        duration_buckets=[
            [sum(total.buckets[success][i] for total in totals) for i in range(_BUCKETS)] for success in (0, 1)
        ],
        duration_us=[sum(total.duration_us[success] for total in totals) for success in (0, 1)],
        p95_seconds=quantile_seconds(sketch, 0.95),
        late=sum(total.late for total in totals),
        resends=sum(total.resends for total in totals),
    )


def _labelled(
    counts: Sequence[PartitionCounts],
    lists: Sequence[PartitionLists],
    totals: Sequence[PartitionTotals],
    max_projects: int,
) -> list[ProjectFacts]:
    """The worst, and what is left of the sums. A project seen in two partitions (keyed wrongly) is one row."""
    merged: dict[str, ProjectFacts] = {}
    for facts in (facts for part in lists for facts in part.worst if facts.project_id != OTHER):
        known = merged.get(facts.project_id)
        merged[facts.project_id] = facts if known is None else _sum(facts.project_id, (known, facts))
    ordered = sorted(merged.values(), key=lambda f: rank(f.project_id, f.gaps, f.duplicates, f.max_number))
    listed = ordered[:max_projects]
    if sum(part.projects for part in counts) <= len(listed):
        return listed
    shown = _sum(OTHER, listed)
    conflict, timeout, error = _by_reason(total.retries for total in totals)
    rest = ProjectFacts(
        project_id=OTHER,
        gaps=_left(sum(part.gaps for part in counts), shown.gaps),
        duplicates=_left(sum(part.duplicates for part in counts), shown.duplicates),
        episodes=_left(sum(part.episodes for part in counts), shown.episodes),
        max_number=0,
        conflicts=_left(sum(total.conflicts for total in totals), shown.conflicts),
        retries=(
            _left(conflict, shown.retries[0]),
            _left(timeout, shown.retries[1]),
            _left(error, shown.retries[2]),
        ),
    )
    return [*listed, rest]


def _p95_of(labelled: Iterable[ProjectFacts], lists: Iterable[PartitionLists]) -> dict[str, float]:
    """Of a project in several partitions the highest."""
    found: dict[str, float] = {}
    for project_id, seconds in (pair for part in lists for pair in part.p95_seconds.items()):
        found[project_id] = max(seconds, found.get(project_id, 0.0))
    return {facts.project_id: found[facts.project_id] for facts in labelled if facts.project_id in found}


def _by_reason(retries: Iterable[Sequence[int]]) -> tuple[int, int, int]:
    conflict, timeout, error = map(sum, zip((0, 0, 0), *retries, strict=True))
    return conflict, timeout, error


def _left(whole: int, shown: int) -> int:
    """Rows and sums are of different moments, up to a few seconds apart."""
    return max(0, whole - shown)


def _sum(project_id: str, facts: Sequence[ProjectFacts]) -> ProjectFacts:
    return ProjectFacts(
        project_id=project_id,
        gaps=sum(one.gaps for one in facts),
        duplicates=sum(one.duplicates for one in facts),
        episodes=sum(one.episodes for one in facts),
        max_number=max((one.max_number for one in facts), default=0),
        conflicts=sum(one.conflicts for one in facts),
        retries=_by_reason(one.retries for one in facts),
    )


def _alerts(lists: Iterable[PartitionLists]) -> dict[tuple[str, str], int]:
    alerts: Counter[tuple[str, str]] = Counter()
    for count in (count for part in lists for count in part.alert_counts):
        alerts[count.severity, count.alert_type] += count.count
    return alerts
