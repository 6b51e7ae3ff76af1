"""What the core and the plain reference know of one project, under the same names, so that they can be compared."""

from datetime import date

from faults.reference import Reference
from models.event import RetryReason
from streams.base import packed_counts
from streams.base.ids import unpack_id
from streams.project.project_state import ProjectState
from streams.rates.windows import Window, place_of

Answers = dict[str, object]


def counts(operations: int) -> dict[str, int]:
    """Packed counts by name, zeros left out."""
    named = {
        "attempted": packed_counts.ATTEMPTED, "ended": packed_counts.ENDED, "failed": packed_counts.FAILED,
        "conflicted": packed_counts.CONFLICTED, "retried": packed_counts.RETRIED, "timed": packed_counts.TIMED,
        "slow": packed_counts.SLOW[0],
    }  # fmt: skip
    return {
        name: packed_counts.field(operations, shift)
        for name, shift in named.items()
        if packed_counts.field(operations, shift)
    }


def window_counts(window: Window) -> dict[str, int]:
    """The same of a rule's window."""
    return counts(sum(int(window.field(place_of(shift))) << shift for shift in packed_counts.FIELDS))


def what_the_core_counts(state: ProjectState) -> Answers:
    """Everything about operations."""
    return {
        "windows": {w.length_seconds: window_counts(w) for w in state.series.windows},
        "totals": counts(state.totals),
        "days": {date.fromordinal(day).isoformat(): counts(total) for day, total in state.days.items() if total},
        "conflicts": state.conflicts_total,
        "retries": {
            reason.value: n
            for reason, n in zip(
                (RetryReason.CONFLICT, RetryReason.TIMEOUT, RetryReason.ERROR), state.retries, strict=True
            )
            if n
        },
        "late": state.late,
        "resends": state.resends,
    }


def what_the_reference_counts(reference: Reference, state: ProjectState) -> Answers:
    """The same from the reference, for windows that end where the project stands."""
    days = {date.fromisoformat(day): found for day, found in reference.days().items()}
    return {
        "windows": {w.length_seconds: reference.window(w.length_seconds, state.now_ms) for w in state.series.windows},
        "totals": reference.counted(reference.attempts()),
        "days": {day.isoformat(): found for day, found in days.items() if (max(days) - day).days < 2},
        "conflicts": reference.conflicts_total(),
        "retries": reference.retries(),
        "late": len(reference.late_ids),
        "resends": reference.resends,
    }


def what_the_core_holds(state: ProjectState) -> Answers:
    """Everything about numbers that does not depend on when something settles."""
    numbering = state.numbering
    missing = numbering.anomalies.open_gaps.first_numbers(10**6)
    missing += [n for hole in numbering.anomalies.suspects.holes for n in range(hole.start, hole.end + 1)]
    return {
        "held": {unpack_id(episode): number for episode, number in numbering.episodes.items()},
        "live": sorted({number for _, number in numbering.episodes.items()}),
        "owners of shared": {n: [unpack_id(e) for e in owners] for n, owners in numbering.episodes.duplicates.items()},
        "aside": {unpack_id(episode): number for episode, (number, _) in numbering.anomalies.aside.items()},
        "missing": sorted(missing),
        "max": numbering.max_number,
    }


def what_the_reference_holds(reference: Reference) -> Answers:
    """The same from the reference."""
    numbers = reference.numbers()
    owners = numbers.owners()
    return {
        "held": numbers.held,
        "live": sorted(owners),
        "owners of shared": {n: sorted(owners[n]) for n in owners if len(owners[n]) > 1},
        "aside": {episode: number for episode, (number, _) in numbers.aside.items()},
        "missing": sorted(numbers.missing_since_ms),
        "max": max(owners, default=0),
    }


def what_the_core_found(state: ProjectState) -> Answers:
    """Findings and suspects as they stand."""
    numbering = state.numbering
    return {
        "gaps": numbering.anomalies.open_gaps.first_numbers(10**6),
        "suspect gaps": [n for hole in numbering.anomalies.suspects.holes for n in range(hole.start, hole.end + 1)],
        "duplicates": sorted(numbering.anomalies.open_duplicates),
        "suspect duplicates": sorted(numbering.anomalies.suspects.shared),
        "restatements": numbering.restatements,
    }


def what_the_reference_found(reference: Reference, now_ms: int) -> Answers:
    """The same from the reference at a moment."""
    numbers = reference.numbers()
    gaps, suspect_gaps = reference.settled(numbers.missing_since_ms, now_ms)
    duplicates, suspect_duplicates = reference.settled(numbers.shared_since_ms, now_ms)
    return {
        "gaps": gaps,
        "suspect gaps": suspect_gaps,
        "duplicates": duplicates,
        "suspect duplicates": suspect_duplicates,
        "restatements": numbers.restatements,
    }
