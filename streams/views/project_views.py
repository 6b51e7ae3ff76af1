"""What people see of one project's numbers, and of the fleet's: views made from states; time is an argument."""

from collections.abc import Iterable, Sequence

from models.integrity_views import Applied, IntegritySummary, ProjectRow, ProjectView, SplitView, Suspect
from models.times import rfc3339
from streams.base.ids import unpack_id
from streams.base.numbering_rules import health_score
from streams.numbering.finding_since import duplicates_since, gaps_since
from streams.numbering.numbering import Numbering
from streams.numbering.waivers import DUPLICATE, GAP
from streams.partition.summary import PartitionCounts
from streams.project.findings import opened_since
from streams.project.fingerprint import fingerprint
from streams.project.project_state import ProjectState
from streams.project.state_shapes import Head

MAX_GAPS_LISTED = 1000
_ONE_PART = SplitView(partitions=[], cause="unknown", detail="One of several parts.")


def as_of_ms(clock_ms: int, now_ms: int, is_idle: bool) -> int:
    """Up to when a view is true: the clock, or the wall clock (in whole seconds) where nothing is left to come.

    `is_idle`: the partition has been read to its end and is quiet.
    """
    return max(clock_ms, now_ms // 1000 * 1000) if is_idle else clock_ms


def project_view(state: ProjectState, partition: int, at_ms: int) -> ProjectView:
    """All that integrity knows of one project, as of `at_ms`; of one in several partitions, what this one has of it,
    and `split` says no more than that it is."""
    numbering, anomalies = state.numbering, state.numbering.anomalies
    owners = numbering.episodes.duplicates
    gaps, duplicates = anomalies.open_gaps, sorted(anomalies.open_duplicates)
    since = {} if state.split else opened_since(numbering)
    return ProjectView(
        project_id=state.project_id,
        is_healthy=not anomalies.findings,
        total_episodes=len(numbering.episodes),
        max_number=numbering.max_number,
        gaps=gaps.first_numbers(MAX_GAPS_LISTED),
        gap_ranges=list(gaps),
        gaps_total=gaps.count,
        duplicates=duplicates,
        duplicate_owners={str(number): sorted(unpack_id(owner) for owner in owners[number]) for number in duplicates},
        suspects=_suspects(numbering),
        health_score=health_score(numbering.max_number, gaps.count, len(duplicates)),
        as_of=rfc3339(at_ms),
        applied=Applied(partition=partition, offset=state.applied),
        state_hash=fingerprint(state),
        capped=numbering.capped,
        resends=state.resends,
        restatements=numbering.restatements,
        late_events=state.late,
        split=_ONE_PART if state.split else None,
        gap_since=[_moment(since.get((GAP, first))) for first, _ in gaps],
        duplicate_since={str(number): _moment(since.get((DUPLICATE, number))) for number in duplicates},
    )


def oldest_since(state: ProjectState) -> str | None:
    """Since when the oldest open finding has been there; None without one, or where that is not known."""
    anomalies = state.numbering.anomalies
    gaps = gaps_since(anomalies.open_gaps, anomalies.history)
    duplicates = duplicates_since(anomalies.open_duplicates, anomalies.history)
    if not anomalies.findings or len(gaps) + len(duplicates) < len(anomalies.open_gaps) + len(
        anomalies.open_duplicates
    ):
        return None
    return rfc3339(min((*gaps.values(), *duplicates.values())))


def _moment(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)


def _suspects(numbering: Numbering) -> list[Suspect]:
    settle_ms, anomalies = numbering.rules.settle_ms, numbering.anomalies
    found = [
        _suspect("gap", hole.start, hole.end, hole.since_ms, hole.since_ms + settle_ms)
        for hole in anomalies.suspects.holes
    ]
    found.extend(
        _suspect("duplicate", number, number, since_ms, since_ms + settle_ms)
        for number, since_ms in sorted(anomalies.suspects.shared.items())
    )
    found.extend(
        _suspect("implausible_jump", number, number, since_ms, None)
        for number, since_ms in sorted(anomalies.aside.values())
    )
    return found


def _suspect(kind: str, first: int, last: int, since_ms: int, settles_ms: int | None) -> Suspect:
    return Suspect(
        kind=kind,
        first_number=first,
        last_number=last,
        since=rfc3339(since_ms),
        settles_at=_moment(settles_ms),
    )


def project_row(project_id: str, head: Head, at_ms: int, *, is_split: bool = False) -> ProjectRow:
    """One line of the list of projects, as of `at_ms`; `is_split`: it is of one part of the project."""
    gaps, duplicates = (0, 0) if is_split else (head.gaps, head.duplicates)
    return ProjectRow(
        project_id=project_id,
        is_healthy=not gaps and not duplicates,
        total_episodes=head.episodes,
        max_number=head.max_number,
        gaps_total=gaps,
        duplicates_total=duplicates,
        health_score=health_score(head.max_number, gaps, duplicates),
        as_of=rfc3339(at_ms),
        is_split=is_split,
    )


def integrity_summary(parts: Iterable[PartitionCounts], stale_partitions: Sequence[int] = ()) -> IntegritySummary:
    """The fleet at a glance, as of the newest of its partitions."""
    parts = list(parts)
    projects = sum(part.projects for part in parts)
    unhealthy = sum(part.unhealthy for part in parts)
    return IntegritySummary(
        total_projects=projects,
        healthy_projects=projects - unhealthy,
        unhealthy_projects=unhealthy,
        health_percentage=health_percentage(projects, unhealthy),
        total_gaps=sum(part.gaps for part in parts),
        total_duplicates=sum(part.duplicates for part in parts),
        as_of=rfc3339(newest_ms(parts)),
        stale_partitions=sorted(stale_partitions),
        split_projects=sum(part.splits for part in parts),
    )


def health_percentage(projects: int, unhealthy: int) -> float:
    """The share of healthy projects to one decimal; 100.0 where there are none."""
    return round(100.0 * (projects - unhealthy) / projects, 1) if projects else 100.0


def newest_ms(parts: Iterable[PartitionCounts]) -> int:
    """Up to when the fleet is known: the newest `as_of_ms`."""
    return max((part.as_of_ms for part in parts), default=0)
