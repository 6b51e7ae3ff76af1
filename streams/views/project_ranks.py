"""The slowest and the most conflicted projects of a window, found without looking at more than is allowed.

A state that is in memory costs some microseconds, one that has to be decoded a hundred. A project without operations in
the window is recognised by its head alone.
"""

from collections.abc import Iterable

import msgspec

from models.performance_views import RankedProject
from streams.base import changelog_keys, packed_counts
from streams.base.ranking import Lowest
from streams.base.sketch import quantile_seconds
from streams.base.steps import Steps
from streams.partition.partition import Partition
from streams.project.project_state import ProjectState
from streams.project.state_codec import read_head
from streams.rates import performance
from streams.rates.operation_series import OperationSeries

STEP = 32  # projects between two steps, about 0.3 ms

Key = tuple[int, int, str]


class Allowed(msgspec.Struct):
    """How many more projects may be looked at: at all, and with their state decoded for it."""

    projects: int
    decoded: int


class Ranks(msgspec.Struct, frozen=True, kw_only=True):
    """What some partitions know; each list in its order, worst first."""

    slowest: list[RankedProject]
    most_conflicted: list[RankedProject]
    looked_at: int
    is_complete: bool


class Found(msgspec.Struct, frozen=True):
    """Where a listed project is, and its tally of the window."""

    state: ProjectState
    at_ms: int
    tally: int


def ranks_of(
    partitions: Iterable[tuple[Partition, int]], window_minutes: int, limit: int, allowed: Allowed
) -> Steps[Ranks]:
    """`partitions` with the time up to which each is true, in milliseconds."""
    slowest: Lowest[Key, Found] = Lowest(limit)
    conflicted: Lowest[Key, Found] = Lowest(limit)
    looked_at, is_complete = 0, True
    for partition, at_ms in partitions:
        since_ms = at_ms - window_minutes * 60_000
        for seen, key in enumerate(list(partition.index.head_keys), 1):
            if seen % STEP == 0:
                yield
            project_id = changelog_keys.project_of(key)
            if not partition.index.counts(project_id):
                continue
            if allowed.projects <= 0:
                is_complete = False
                break
            allowed.projects -= 1
            looked_at += 1
            state = partition.peek(project_id)
            if isinstance(state, bytes):
                if read_head(state).now_ms <= since_ms:
                    continue
                if allowed.decoded <= 0:
                    is_complete = False
                    continue
                allowed.decoded -= 1
                state = partition.look(project_id)
            if isinstance(state, ProjectState) and state.now_ms > since_ms:
                tally = tally_since(state.series, since_ms // 1000)
                _offer(Found(state, at_ms, tally), slowest, conflicted)
    return Ranks(
        slowest=[ranked(found, window_minutes) for _, found in slowest.entries()],
        most_conflicted=[ranked(found, window_minutes) for _, found in conflicted.entries()],
        looked_at=looked_at,
        is_complete=is_complete,
    )


def _offer(found: Found, slowest: Lowest[Key, Found], conflicted: Lowest[Key, Found]) -> None:
    tally, project_id = found.tally, found.state.project_id
    timed = packed_counts.field(tally, packed_counts.TIMED)
    if timed:
        slowest.offer((-(packed_counts.microseconds(tally) // timed), -timed, project_id), found)
    conflicts = packed_counts.field(tally, packed_counts.CONFLICTED)
    if conflicts:
        conflicted.offer((-conflicts, packed_counts.field(tally, packed_counts.ATTEMPTED), project_id), found)


def tally_since(series: OperationSeries, second: int) -> int:
    """The tally of what came after an epoch second; the minute or hour that it is in counts whole."""
    minute, hour = second // 60, second // 3600
    tally = sum(pane.total for at, pane in series.minutes.items() if at >= minute)
    return tally + sum(pane.total for at, pane in series.hours.items() if at >= hour)


def ranked(found: Found, window_minutes: int) -> RankedProject:
    """One line of a list. Only here durations are merged, which costs more than all the rest."""
    state, tally = found.state, found.tally
    _, sketch = performance.window_of_now(state.series, window_minutes, found.at_ms)
    attempted, ended, failed, conflicted, retried = (packed_counts.field(tally, shift) for shift in performance.COUNTS)
    return RankedProject(
        project_id=state.project_id,
        attempted_operations=attempted,
        ended_operations=ended,
        failed_operations=failed,
        conflicted_operations=conflicted,
        retried_operations=retried,
        conflict_rate_percentage=packed_counts.rate_percentage(conflicted, attempted),
        average_duration_seconds=packed_counts.average_seconds(tally),
        p95_duration_seconds=quantile_seconds(sketch, 0.95),
    )
