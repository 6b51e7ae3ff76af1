"""What a project's state holds, as programs compare it: a row with its digests, or all of it by name.

The same from a live partition and from a replay at the same offset, whatever clocks showed.
"""

from hashlib import blake2b
from typing import Final

from models.project_facts import ProjectFacts, ProjectStateRow
from models.times import rfc3339
from streams.base import changelog_keys, packed_counts
from streams.base.steps import Steps
from streams.partition.holdings import digest_of, holdings_of
from streams.partition.partition import Partition
from streams.project.fingerprint import fingerprint, missing_numbers, rolled_up, sections
from streams.project.project_state import ProjectState
from streams.project.state_digest import rules_digest
from streams.rates.operation_series import OperationSeries

ROWS_STEP: Final = 4  # between two steps, about half a millisecond
_DIGEST_BYTES: Final = 8
_TALLY: Final = {  # names of what a tally counts; slow operations depend on the rules and are left to a digest
    "attempted": packed_counts.ATTEMPTED, "ended": packed_counts.ENDED, "failed": packed_counts.FAILED,
    "conflicted": packed_counts.CONFLICTED, "retried": packed_counts.RETRIED, "timed": packed_counts.TIMED,
}  # fmt: skip
TALLY_NAMES: Final = (*_TALLY, "microseconds")  # the columns of a window


def row_of(partition: Partition, project_id: str) -> ProjectStateRow | None:
    """None for an unknown project."""
    state = partition.look(project_id)
    if state is None:
        return None
    numbering = state.numbering
    return ProjectStateRow(
        project_id=project_id,
        applied=state.applied,
        state_hash=fingerprint(state),
        numbers_hash=f"{digest_of(partition, project_id) or 0:016x}",
        total_episodes=len(numbering.episodes),
        missing=missing_numbers(numbering).count,
        duplicates=len(numbering.episodes.duplicates),
        late_events=state.late,
        is_split=bool(state.split),
    )


def rows_from(partition: Partition, start: int, limit: int) -> Steps[tuple[list[ProjectStateRow], int | None]]:
    """Projects from a place on, in the order in which they became known; and the next place, None: the last one."""
    head_keys, rows = partition.index.head_keys, []
    end = min(start + limit, len(head_keys))
    for at in range(start, end):
        row = row_of(partition, changelog_keys.project_of(head_keys[at]))
        if row is not None:
            rows.append(row)
        if at % ROWS_STEP == ROWS_STEP - 1:
            yield
    return rows, end if end < len(head_keys) else None


def facts_of(partition: Partition, project_id: str) -> ProjectFacts | None:
    """None for an unknown project."""
    state = partition.look(project_id)
    held = holdings_of(partition, project_id)
    if state is None or held is None:
        return None
    series = rolled_up(state)
    return ProjectFacts(
        project_id=project_id,
        partition=partition.number,
        applied=state.applied,
        state_hash=fingerprint(state),
        rules_digest=rules_digest(partition.core),
        latest_ms=state.latest_ms,
        numbers=held.numbers,
        owners=held.owners,
        missing=list(missing_numbers(state.numbering)),
        explained=held.explained,
        capped=held.capped,
        split=list(state.split),
        counters=_counters(state),
        windows=_windows(series),
        slow=_slow(series),
        digests={name: _digest(content) for name, content in sections(state).items()},
    )


def _counters(state: ProjectState) -> dict[str, int]:
    conflicts, timeouts, errors = state.retries
    return {
        **dict(zip(TALLY_NAMES, _tally(state.totals), strict=True)),
        "late_events": state.late,
        "conflict_events": state.conflict_events,
        "conflicts_of_endings": state.ending_conflicts,
        "retries_after_conflict": conflicts,
        "retries_after_timeout": timeouts,
        "retries_after_error": errors,
        "restatements": state.numbering.restatements,
        "max_number": state.numbering.max_number,
    }


def _windows(series: OperationSeries) -> dict[str, list[int]]:
    """Minutes and hours with operations, by name; the columns are `TALLY_NAMES`."""
    minutes = {f"minute {rfc3339(at * 60_000)}": _tally(pane.total) for at, pane in sorted(series.minutes.items())}
    hours = {f"hour {rfc3339(at * 3_600_000)}": _tally(pane.total) for at, pane in sorted(series.hours.items())}
    return {**hours, **minutes}


def _slow(series: OperationSeries) -> list[int]:
    total = sum(pane.total for panes in (series.hours, series.minutes) for pane in panes.values())
    return [packed_counts.field(total, shift) for shift in packed_counts.SLOW]


def _tally(tally: int) -> list[int]:
    return [*(packed_counts.field(tally, shift) for shift in _TALLY.values()), packed_counts.microseconds(tally)]


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=_DIGEST_BYTES).hexdigest()
