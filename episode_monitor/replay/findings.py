"""Findings of a replay: which numbers of which project, when each opened and closed, and the records that did it.

The core's trace (`streams.base.numbering_rules`) says which numbers begin and cease to be out of order; only events of
projects where something is out of order leave an entry in it.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from episode_monitor.replay.offset_intervals import ENDLESS, Piece, put, take, within
from models.times import rfc3339
from streams.base import numbering_rules as traced
from streams.base.ids import unpack_id
from streams.numbering.finding_history import OPENED
from streams.numbering.waivers import DUPLICATE, GAP
from streams.project.project_state import ProjectState

MAX_FINDINGS = 10_000  # kept of each state; all are counted
MAX_OWNERS = 100  # of a duplicate
IMPLAUSIBLE: Final = "implausible_jump"
OPEN, SUSPECT, CLOSED = "open", "suspect", "closed"


class ReplayFinding(msgspec.Struct, frozen=True):
    """Numbers that one record put out of order, and, closed, one record back. Event times; offsets of records.

    A suspect has not lasted for the settling time and may still heal. `opened_at` is when a finding settled.
    """

    project_id: str
    kind: str  # "gap" | "duplicate" | "implausible_jump"
    state: str  # "open" | "suspect" | "closed"
    first_number: int
    last_number: int
    partition: int
    first_offset: int | None  # of the record that made the hole, or gave the number to a second episode
    last_offset: int | None  # of the record that closed it
    since: str | None
    opened_at: str | None
    closed_at: str | None
    settles_at: str | None = None  # of a suspect; none for an implausible jump, which only another event settles
    episodes: list[str] = []  # that hold the number now, at most 100


class Watched(msgspec.Struct):
    """What is out of order in one project, with the offset since which it is so."""

    missing: list[Piece] = []
    shared: dict[int, int] = {}
    aside: dict[int, int] = {}

    @property
    def is_empty(self) -> bool:
        """Whether everything is in order again."""
        return not (self.missing or self.shared or self.aside)


class FindingsOfPartition(msgspec.Struct):
    """All that was out of order in one partition. `closed` holds the first 10 000."""

    partition: int
    watched: dict[str, Watched] = {}
    closed: list[ReplayFinding] = []
    closed_total: dict[str, int] = {}  # by project

    def apply(self, trace: traced.Trace, state: ProjectState, offset: int, at_ms: int) -> None:
        """One record changed what the trace says of its project; empties the trace."""
        project_id = state.project_id
        watched = self.watched.get(project_id)
        if watched is None:
            watched = self.watched[project_id] = Watched()
        for what, first, last in trace:
            match what:
                case traced.MISSING:
                    put(watched.missing, first, last, offset)
                case traced.HELD:
                    take(watched.missing, first, last)
                case traced.FILLED:
                    for piece in take(watched.missing, first, last):
                        self._close(state, GAP, piece, offset, at_ms)
                case traced.ABOVE_TOP:
                    take(watched.missing, first + 1, ENDLESS)
                case traced.SHARED:
                    watched.shared.setdefault(first, offset)
                case traced.UNSHARED:
                    watched.shared.pop(first, None)
                case traced.HEALED:
                    self._close(state, DUPLICATE, (first, first, watched.shared.pop(first, -1)), offset, at_ms)
                case traced.SET_ASIDE:
                    watched.aside.setdefault(first, offset)
        trace.clear()
        if watched.aside:
            still = {number for number, _ in state.numbering.anomalies.aside.values()}
            watched.aside = {number: since for number, since in watched.aside.items() if number in still}
        if watched.is_empty:
            del self.watched[project_id]

    def _close(self, state: ProjectState, kind: str, piece: Piece, offset: int, at_ms: int) -> None:
        project_id = state.project_id
        self.closed_total[project_id] = self.closed_total.get(project_id, 0) + 1
        if len(self.closed) < MAX_FINDINGS:
            self.closed.append(_finding(state, kind, CLOSED, piece, self.partition, offset, at_ms))

    def now(self, state: ProjectState) -> Iterator[ReplayFinding]:
        """What is open or suspect in a project."""
        watched = self.watched[state.project_id]
        anomalies, partition = state.numbering.anomalies, self.partition
        for first, last in anomalies.open_gaps:
            for piece in _known(watched.missing, first, last):
                yield _finding(state, GAP, OPEN, piece, partition)
        for number in sorted(anomalies.open_duplicates):
            piece = (number, number, watched.shared.get(number, -1))
            yield _finding(state, DUPLICATE, OPEN, piece, partition)
        for hole in anomalies.suspects.holes:
            for piece in _known(watched.missing, hole.start, hole.end):
                yield _suspect(state, GAP, piece, hole.since_ms, partition)
        for number, since_ms in sorted(anomalies.suspects.shared.items()):
            yield _suspect(state, DUPLICATE, (number, number, watched.shared.get(number, -1)), since_ms, partition)
        for number, since_ms in sorted(anomalies.aside.values()):
            yield _suspect(state, IMPLAUSIBLE, (number, number, watched.aside.get(number, -1)), since_ms, partition)


def _known(pieces: list[Piece], first: int, last: int) -> Iterator[Piece]:
    """first … last in parts; -1 for the offset where it is not known."""
    for piece in within(pieces, first, last):
        if piece[0] > first:
            yield first, piece[0] - 1, -1
        yield piece
        first = piece[1] + 1
    if first <= last:
        yield first, last, -1


def _finding(
    state: ProjectState, kind: str, phase: str, piece: Piece, partition: int, offset: int | None = None,
    at_ms: int | None = None,
) -> ReplayFinding:  # fmt: skip
    first, last, since_offset = piece
    since_ms, opened_ms = _opened(state, kind, first)
    return ReplayFinding(
        state.project_id, kind, phase, first, last, partition, None if since_offset < 0 else since_offset, offset,
        _time(since_ms), _time(opened_ms), _time(at_ms), None, _owners(state, kind, first),
    )  # fmt: skip


def _suspect(state: ProjectState, kind: str, piece: Piece, since_ms: int, partition: int) -> ReplayFinding:
    first, last, offset = piece
    settles_ms = None if kind == IMPLAUSIBLE else since_ms + state.core.numbering.settle_ms
    return ReplayFinding(
        state.project_id, kind, SUSPECT, first, last, partition, None if offset < 0 else offset, None,
        _time(since_ms), None, None, _time(settles_ms), _owners(state, kind, first),
    )  # fmt: skip


def _opened(state: ProjectState, kind: str, number: int) -> tuple[int | None, int | None]:
    """Since when a finding's number was suspect, and when it settled; None where the history no longer says it."""
    history = state.numbering.anomalies.history
    for entry in reversed(history.entries if history is not None else ()):
        if entry.what == OPENED and entry.kind == kind and entry.first <= number <= entry.last:
            return entry.since_ms, entry.at_ms
    return None, None


def _owners(state: ProjectState, kind: str, number: int) -> list[str]:
    if kind != DUPLICATE:
        return []
    owners = state.numbering.episodes.duplicates.get(number, [])
    return [unpack_id(owner) for owner in owners[:MAX_OWNERS]]


def _time(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)
