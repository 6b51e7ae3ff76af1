"""What two states must have in common: canonical bytes, with named parts taken out where they may rightly differ."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from streams.project.project_state import ProjectState
from streams.project.state_codec import canonical
from streams.rates.totals import PartitionTotals

NEUTRAL: dict[str, Any] = {"alerts": {}, "begun": {}, "resends": 0}


@contextmanager
def _without(state: ProjectState, *names: str) -> Iterator[None]:
    kept = {name: getattr(state, name) for name in names}
    for name in names:
        setattr(state, name, NEUTRAL[name])
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(state, name, value)


def essence(state: ProjectState, *but: str) -> bytes:
    """Canonical bytes without these attributes of the state (`alerts`, `resends`)."""
    with _without(state, *but):
        return canonical(state)


def sums(totals: PartitionTotals) -> dict[str, object]:
    """What a partition's totals say."""
    totals.fold()
    series = totals.series
    return {
        "operations": totals.operations,
        "counters": (totals.conflicts, totals.retries, totals.late, totals.resends, totals.applied),
        "days": totals.days,
        "buckets": (totals.buckets, totals.duration_us),
        "minutes": {minute: (pane.total, pane.sketch) for minute, pane in series.minutes.items()},
        "seconds": {minute: pane.seconds for minute, pane in series.minutes.items()},
        "hours": {hour: (pane.total, pane.sketch) for hour, pane in series.hours.items()},
    }
