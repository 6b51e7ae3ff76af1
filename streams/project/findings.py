"""Findings of one project by name: what is suspect, open or waived, and what is over and remembered. The id is computed
from kind and first number.

A person waives an open finding until a time: its numbers leave the open ones, and come back when the time is over
unless they were filled meanwhile. Event times in milliseconds.
"""

from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from hashlib import blake2b

import msgspec

from models.alert import ACTED_BY, COMMENT, Alert
from streams.alerting.alert_state import AlertState
from streams.alerting.core import Core
from streams.numbering.finding_history import OPENED, FindingHistory, FindingRecord
from streams.numbering.finding_since import duplicates_since, gaps_since
from streams.numbering.numbering import Numbering
from streams.numbering.waivers import DUPLICATE, GAP, MAX_WAIVERS, Waiver, place
from streams.project.project_state import ProjectState
from streams.project.rule_evaluator import evaluate, next_deadline_ms

LONGEST_WAIVER_MS = timedelta(days=366) // timedelta(milliseconds=1)


class Finding(msgspec.Struct, frozen=True):
    """Numbers first … last. `settles_ms` of a suspect; `waiver` of a waived one. `since_ms` is None where the finding
    is older than the recorded history."""

    finding_id: str
    kind: str
    state: str  # "suspect" | "open" | "waived"; of `finding_of` "over" too
    first: int
    last: int
    since_ms: int | None = None
    settles_ms: int | None = None
    waiver: Waiver | None = None


class WaiverRefusal(Enum):
    """Why nothing was waived."""

    UNKNOWN = "unknown"
    NOT_OPEN = "not_open"
    TOO_MANY = "too_many"


def finding_id(project_id: str, kind: str, first: int) -> str:
    """Names one finding: the same wherever and whenever it is computed, from suspect to waived, and when it returns."""
    return blake2b(f"{project_id}\0{kind}\0{first}".encode(), digest_size=12).hexdigest()


def findings_of(project_id: str, numbering: Numbering) -> Iterator[Finding]:
    """All findings: gaps by their intervals, then duplicates by their numbers; suspect, then open, then waived."""

    def named(kind: str, state: str, first: int, last: int, since_ms: int | None) -> Finding:
        settles_ms = since_ms + numbering.rules.settle_ms if state == "suspect" and since_ms is not None else None
        return Finding(finding_id(project_id, kind, first), kind, state, first, last, since_ms, settles_ms)

    anomalies, shared = numbering.anomalies, numbering.anomalies.suspects.shared
    for hole in anomalies.suspects.holes:
        yield named(GAP, "suspect", hole.start, hole.end, hole.since_ms)
    for number in sorted(shared):
        yield named(DUPLICATE, "suspect", number, number, shared[number])
    since = opened_since(numbering)
    for first, last in anomalies.open_gaps:
        yield named(GAP, "open", first, last, since.get((GAP, first)))
    for number in sorted(anomalies.open_duplicates):
        yield named(DUPLICATE, "open", number, number, since.get((DUPLICATE, number)))
    for waiver in sorted(anomalies.waived, key=place):
        found = named(waiver.kind, "waived", waiver.first, waiver.last, since.get((waiver.kind, waiver.first)))
        yield msgspec.structs.replace(found, waiver=waiver)


def opened_since(numbering: Numbering) -> dict[tuple[str, int], int]:
    """Kind and first number of open and waived findings -> since when they have been there, where that is known."""
    anomalies = numbering.anomalies
    gaps = [*anomalies.open_gaps, *((one.first, one.last) for one in anomalies.waived if one.kind == GAP)]
    shared = [*anomalies.open_duplicates, *(one.first for one in anomalies.waived if one.kind == DUPLICATE)]
    found = {(GAP, first): at_ms for first, at_ms in gaps_since(gaps, anomalies.history).items()}
    return found | {(DUPLICATE, number): at for number, at in duplicates_since(shared, anomalies.history).items()}


def finding_of(project_id: str, numbering: Numbering, wanted: str) -> tuple[Finding, list[FindingRecord]] | None:
    """One finding and its history; one that is over as long as its history names it. None: unknown."""
    entries = history_of(project_id, numbering.anomalies.history, wanted)
    for found in findings_of(project_id, numbering):
        if found.finding_id == wanted:
            return found, entries
    for entry in reversed(entries):
        for first, last in (*entry.ended, *entry.lives_on):
            if finding_id(project_id, entry.kind, first) == wanted:
                return Finding(wanted, entry.kind, "over", first, last), entries
    return None


def history_of(project_id: str, history: FindingHistory | None, wanted: str) -> list[FindingRecord]:
    """The entries about one finding, oldest first: of all times that it was there, and, where it was a part of others
    before, of those from when they opened."""
    names, found = {wanted}, []
    for entry in reversed(history.entries if history is not None else ()):
        before = [finding_id(project_id, entry.kind, first) for first, _ in entry.ended]
        after = {finding_id(project_id, entry.kind, first) for first, _ in entry.lives_on}
        if names.isdisjoint(before) and names.isdisjoint(after):
            continue
        found.append(entry)
        opened = before[0] if entry.what == OPENED else None
        if names & after:
            names.update(name for name in before if name != opened)
        if opened is not None and opened != wanted:  # what it was before it opened is another story
            names.discard(opened)
    return found[::-1]


def waive(
    project_id: str, numbering: Numbering, wanted: str, by: str, reason: str, at_ms: int, until_ms: int
) -> Finding | WaiverRefusal:
    """Take an open finding out of the open ones until then. The caller judges the rules anew and stores the state."""
    found = next((one for one in findings_of(project_id, numbering) if one.finding_id == wanted), None)
    if found is None:
        return WaiverRefusal.UNKNOWN
    if found.state != "open":
        return WaiverRefusal.NOT_OPEN
    if len(numbering.anomalies.waived) >= MAX_WAIVERS:
        return WaiverRefusal.TOO_MANY
    until_ms = min(until_ms, at_ms + LONGEST_WAIVER_MS)
    waiver = Waiver(found.kind, found.first, found.last, at_ms, until_ms, by, reason)
    numbering.own().waive(waiver)
    return msgspec.structs.replace(found, state="waived", waiver=waiver)


def waive_and_judge(
    core: Core, state: ProjectState, wanted: str, by: str, reason: str, at_ms: int, until_ms: int
) -> tuple[Finding, list[Alert]] | WaiverRefusal:
    """Waive, and the transitions to emit: an alert that ends with it carries the person's name and reason. The
    caller must store the state."""
    if state.split:
        return WaiverRefusal.NOT_OPEN
    found = waive(state.project_id, state.numbering, wanted, by, reason, at_ms, until_ms)
    if isinstance(found, WaiverRefusal):
        return found
    emits: list[Alert] = []
    evaluate(core, state, max(at_ms, state.now_ms), emits, None)
    state.deadline_ms = next_deadline_ms(core, state)
    notes = {ACTED_BY: by, COMMENT: reason}
    return found, [msgspec.structs.replace(alert, annotations={**alert.annotations, **notes}) for alert in emits]


class BeforeWaiving(msgspec.Struct, frozen=True):
    """What `waive_and_judge` changes of a state, as it was before."""

    history: FindingHistory | None
    alerts: dict[str, AlertState]
    begun: dict[str, int]
    deadline_ms: int | None
    rate_check_ms: int
    watchful: bool

    @classmethod
    def of(cls, state: ProjectState) -> "BeforeWaiving":
        """A copy."""
        history = state.numbering.anomalies.history
        return cls(
            history=None if history is None else FindingHistory(history.dropped, list(history.entries)),
            alerts={rule_id: msgspec.structs.replace(memory) for rule_id, memory in state.alerts.items()},
            begun=dict(state.begun),
            deadline_ms=state.deadline_ms,
            rate_check_ms=state.rate_check_ms,
            watchful=state.watchful,
        )

    def restore(self, state: ProjectState, waiver: Waiver) -> None:
        """Undo a waiver whose transitions could not be emitted."""
        state.numbering.anomalies.take_back(waiver, self.history)
        state.alerts, state.begun = self.alerts, self.begun
        state.deadline_ms, state.rate_check_ms, state.watchful = self.deadline_ms, self.rate_check_ms, self.watchful
