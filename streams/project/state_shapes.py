"""The shapes in which a project's state is stored, apart from the codec because that is compiled."""

from typing import Any

import msgspec

from streams.alerting.cusum import Score
from streams.numbering.finding_history import FindingHistory
from streams.numbering.waivers import Waiver


class Head(msgspec.Struct, frozen=True, gc=False):
    """What a summary needs of one project. Times in event-time milliseconds; `deadline_ms` -1: none."""

    applied: int
    now_ms: int
    deadline_ms: int
    episodes: int
    max_number: int
    gaps: int
    duplicates: int
    alerts: int
    capped: bool

    @property
    def is_healthy(self) -> bool:
        """No open gap and no open duplicate."""
        return not self.gaps and not self.duplicates


class Checkpoint(msgspec.Struct, frozen=True):
    """What to write for one project, in this order: chunks, then the head; then `obsolete` may be removed."""

    head: bytes
    chunks: list[tuple[int, int, bytes]]  # chunk, version, content
    obsolete: list[tuple[int, int]]  # chunk, version


class StoredNumbers(msgspec.Struct, array_like=True, gc=False):
    """A `Numbering` but for its chunks."""

    base: int | None
    max_number: int
    peak: int
    restatements: int
    capped: bool
    suspects: list[tuple[int, int, int, int]]
    open_gaps: list[tuple[int, int]]
    explained: list[tuple[int, int]]
    duplicates: list[tuple[int, int, list[bytes]]]  # number, suspect since (0: open), owners
    aside: list[tuple[bytes, int, int]]
    moves: list[tuple[bytes, int, int]]
    waived: list[Waiver] = []


class StoredOperations(msgspec.Struct, array_like=True, gc=False):
    """Column by column, oldest first. `conflicts` has place, first and last time of those that had any."""

    keys: bytes
    ages_ms: list[int | None]  # how long before the newest event it ended; None for an open one
    flags: bytes
    durations_us: list[int]
    conflicts: list[tuple[int, int, int]]


class StoredBody(msgspec.Struct, array_like=True, gc=False):
    """A `ProjectState` but for its chunks and what the header says."""

    newest_ms: int
    now_ms: int
    deadline_ms: int | None
    rate_check_ms: int
    series: tuple[int, list[tuple[int, bytes]], list[tuple[int, bytes]]]
    open: StoredOperations
    ended: StoredOperations
    seen: tuple[bytes, list[int]]  # hashes in order; ages of those within the grace
    sources: list[tuple[str, int, int, list[list[int]]]]  # name, newest event time, floor, intervals
    alerts: dict[str, list[Any]]  # for `streams.alerting.alert_state.read_alert`
    begun: dict[str, int]
    totals: list[int]
    days: list[tuple[int, list[int]]]
    counters: list[int]
    rules: str
    latency_limits: list[float]
    numbers: StoredNumbers


class StoredLateBody(StoredBody, array_like=True, gc=False):
    """The same with what is needed where events come out of order or clocks are off. What is stored without it is read
    as this, too."""

    ahead_ms: int = 0  # of `newest_ms`: the latest event
    behind_ms: int = 0
    changes: list[int] = []  # within the grace, in order: age before the newest event, number taken or (negative) left


class StoredScoredBody(StoredLateBody, array_like=True, gc=False):
    """The same of a project with scores. What is stored without them is read as this, too."""

    cusums: dict[str, Score] = {}


class StoredState(msgspec.Struct, array_like=True, gc=False):
    """All of a head after its header: the body, and where its numbers are."""

    body: StoredScoredBody
    versions: list[tuple[int, int]]  # chunks stored apart
    inline: list[tuple[int, bytes]]


class StoredStateWithHistory(StoredState, array_like=True, gc=False):
    """The same of a project that has had findings. What is stored without a history is read as this, too."""

    finding_history: FindingHistory | None = None
