"""The oracle on state: every acknowledged record is in the log, and the changelog contains what the log gives."""

import struct
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from agents.engine.changelog import MARKER
from faults import facts
from faults.evidence import Evidence, Kept
from faults.reference import Reference
from faults.replay import Replay, stored_outcome
from streams.alerting.core import Core
from streams.base import changelog_keys
from streams.base.checkpoint_types import Cursor
from streams.base.ids import hash_of
from streams.project.project_state import ProjectState
from streams.project.state_codec import canonical, read_head
from streams.project.step import advance

SETTLED_MS = 600_000  # of event time after the end: what was suspect has settled by then

Sentences = Iterator[str]


def place(partition: int, offset: int) -> str:
    """The name of a record in sentences."""
    return f"Offset {offset} of partition {partition}"


def journal_is_kept(evidence: Evidence) -> Sentences:
    """The topic contains the acknowledged records and no others."""
    sent = {(one.partition, one.offset): one for one in evidence.acknowledged}
    there = {(number, kept.offset): kept for number, log in evidence.events.items() for kept in log}
    for at, one in sent.items():
        kept = there.get(at)
        if kept is None:
            yield f"The broker acknowledged {place(*at)} and no longer has it."
        elif (kept.key, kept.value) != (one.key, one.value):
            yield f"{place(*at)} holds another record than the one that was acknowledged there."
    for at, kept in there.items():
        if at not in sent and (kept.value or b"") not in evidence.unsure:
            yield f"{place(*at)} holds a record that was not sent."


class StoredPartition:
    """One partition's changelog against a clean replay and the plain model. `letters`: offsets with dead letters."""

    def __init__(self, core: Core, number: int, evidence: Evidence, clean: Replay, letters: set[int]) -> None:
        self._core = core
        self._number = number
        self._events = evidence.events.get(number, [])
        self._changelog = evidence.changelog.get(number, [])
        self._clean = clean
        self._letters = letters
        self.counts: Counter[str] = Counter()

    def check(self) -> Sentences:
        """Its violations."""
        number, clean = self._number, self._clean
        try:
            yield from never_older(number, self._changelog)
            found = stored_outcome(self._core, number, self._changelog)
        except (ValueError, LookupError, struct.error, msgspec.MsgspecError) as error:
            yield f"The state of partition {number} cannot be recovered: {error}."
            return
        yield from self._sum(found.states)
        for project in sorted(clean.outcome.states.keys() | found.states.keys()):
            state, reference = found.states.get(project), clean.projects.get(project)
            if reference is None:
                yield f"Partition {number} holds the project {project}, of which there is no event."
            elif state is None:
                yield f"The project {project} of partition {number} is lost with its {len(reference.news)} events."
            else:
                yield from self._project(project, state, reference)
        if found.totals != clean.outcome.totals:
            yield f"The totals of partition {number} are not what its events add up to."
        yield from self._cursor(found.cursor)

    def _sum(self, states: dict[str, ProjectState]) -> Sentences:
        """journal = applied + dead letters + late + re-sends + tombstones, each counted where it is found."""
        memory = self._core.resend_memory
        forgotten = sum(max(0, len(reference.news) - memory) for reference in self._clean.projects.values())
        taken = sum(len(state.seen) for state in states.values()) + forgotten
        late = sum(state.late for state in states.values())
        self.counts.update({
            "applied": taken - late,
            "dead letters": len(self._letters),
            "late": late,
            "re-sends": sum(state.resends for state in states.values()),
            "tombstones": self._clean.tombstones,
        })  # fmt: skip
        if self.counts.total() != len(self._events):
            parts = " + ".join(f"{count} {name}" for name, count in self.counts.items())
            yield (
                f"Partition {self._number}: {len(self._events)} records in the journal are not {parts} = "
                f"{self.counts.total()}."
            )

    def _project(self, project: str, state: ProjectState, reference: Reference) -> Sentences:
        if len(reference.news) <= self._core.resend_memory:
            for event in reference.news:
                if not state.seen.has(hash_of(event.event_id)):
                    at = next(offset for offset, each in self._clean.events if each is event)
                    yield f"The event {event.event_id} of {project} at offset {at} was acknowledged and never applied."
        if canonical(state) != canonical(self._clean.outcome.states[project]):
            yield f"The state of {project} has another hash than a clean replay gives."
        expected = facts.what_the_reference_counts(reference, state) | facts.what_the_reference_holds(reference)
        found = facts.what_the_core_counts(state) | facts.what_the_core_holds(state)
        yield from differences(project, "model", found, expected)
        settled_ms = state.now_ms + SETTLED_MS  # a state's time is that of its last deadline
        advance(self._core, state, settled_ms)
        found, expected = facts.what_the_core_found(state), facts.what_the_reference_found(reference, settled_ms)
        settled = {name: expected[name] for name in ("gaps", "duplicates")}
        yield from differences(project, "model", found, settled)

    def _cursor(self, found: Cursor | None) -> Sentences:
        """An aborted transaction's records lie behind the last one that can be read: the cursor may be further on."""
        number, expected = self._number, self._clean.outcome.cursor
        if not self._events or expected is None:
            return
        last = self._events[-1].offset
        if found is None:
            yield f"Partition {number} has no cursor although it has records."
        elif found.next_offset <= last:
            yield f"Partition {number} is stored up to {found.next_offset} and has a record at {last}."
        elif found.clock_ms != expected.clock_ms:
            yield f"The clock of partition {number} stands at {found.clock_ms} ms instead of {expected.clock_ms} ms."


def differences(who: str, whose: str, found: facts.Answers, expected: facts.Answers) -> Sentences:
    """One sentence for each thing that is not as expected."""
    for name in expected:
        if found[name] != expected[name]:
            yield f"{who} has {_brief(found[name])} for {name} where the {whose} has {_brief(expected[name])}."


def _brief(value: object) -> str:
    text = str(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def never_older(number: int, log: Sequence[Kept]) -> Sentences:
    """In a changelog no value becomes older; one that does was written by an owner that had lost the partition."""
    newest: dict[bytes, int] = {}
    for record in log:
        key, value = record.key or b"", record.value
        if value is None or key == MARKER:
            continue
        if key[:1] == changelog_keys.HEAD:
            what, at = f"the state of {changelog_keys.project_of(key)}", read_head(value).applied
        elif key == changelog_keys.CURSOR:
            what, at = "its cursor", msgspec.msgpack.decode(value, type=Cursor).next_offset
        elif key == changelog_keys.TOTALS:
            what, at = "its totals", int(msgspec.msgpack.decode(value)[0])
        else:
            continue
        if at < newest.get(key, -1):
            yield (
                f"At offset {record.offset} of the changelog of partition {number} {what} went back from "
                f"{newest[key]} to {at}: a former owner wrote after its successor."
            )
        newest[key] = max(newest.get(key, -1), at)
