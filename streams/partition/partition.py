"""All projects of one partition: takes records in offset order, keeps what must be stored, sums up what people ask.

The same class serves live processing, recovery and replay; whatever it is given in the same order ends the same.
Storage is somebody else's: it is read through `Store`, and `collect` says what to write and in which order.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush

import msgspec

from models.alert import Alert
from models.event import FUTURE_TOLERANCE_MS, Event
from streams.alerting.core import Core
from streams.base import changelog_keys
from streams.base.checkpoint_types import Changes, Cursor, Section, Store
from streams.partition.splits import Split, joined
from streams.project.project_state import ProjectState
from streams.project.rule_evaluator import evaluate, next_deadline_ms
from streams.project.state_codec import checkpoint, decode, head_of, read_head
from streams.project.state_shapes import Head
from streams.project.step import NO_CLOCK, advance, step
from streams.rates.totals import PartitionTotals

__all__ = ["Changes", "Cursor", "Partition", "Store"]

LOOKED_AT_MOST = 256  # decoded states kept ready for readers, beside those that events come for


class Partition:
    """State, index and clock of one partition."""

    def __init__(
        self, core: Core, number: int, store: Store, cached_projects: int = 20_000, *, apart: bool = False,
        sections: Sequence[Section] = (),
    ) -> None:  # fmt: skip
        """`cached_projects`: decoded states kept in memory; the others are decoded when their next event comes.

        `apart`: events let only their own project's time pass, until `run_due` or `advance_clock` is called.
        """
        self.core = core
        self.number = number
        self.clock_ms = 0
        self.next_offset = 0
        self.emits: list[Alert] = []  # told since they were last taken
        self.projects = 0
        self.episodes = 0
        self.gaps = 0
        self.duplicates = 0
        self.unhealthy: dict[str, tuple[int, int]] = {}  # project -> gaps, duplicates
        self.alerting: set[str] = set()
        self.splits: dict[str, Split] = {}  # projects that are in other partitions, too; none of their findings counts
        self.counted_elsewhere = 0  # of those: how many the lowest of their partitions counts
        self.head_keys: list[bytes] = []  # of all projects, in the order they became known; it only grows
        self.skipped = 0  # records read again that the state already knew
        self.totals = PartitionTotals(core)
        self.sections = sections
        self._apart = apart
        self._store = store
        self._young: dict[str, ProjectState] = {}  # two generations: what was used since the last change of generations
        self._old: dict[str, ProjectState] = {}
        self._generation_size = max(1, cached_projects // 2)
        self._looked_at: dict[str, tuple[bytes, ProjectState]] = {}  # what readers asked for last, as it was stored
        self._dirty: dict[str, ProjectState] = {}  # changed since the last collecting began
        self._waiting: dict[str, ProjectState] = {}  # changed before it began, and not yet collected
        self._writes: dict[bytes, bytes] = {}  # what it has collected, until the caller gets it
        self._garbage: list[bytes] = []
        self._collected = Cursor(0, 0)
        self._deadlines: list[tuple[int, str]] = []
        self._noted: dict[str, int] = {}  # project -> its entry in the heap of deadlines

    # --- recovery

    def restore(self) -> Generator[None, None, None]:
        """Build clock, totals and index from the store. Yields now and then so that the caller may do other things."""
        raw = self._store.get(changelog_keys.CURSOR)
        if raw is not None:
            cursor = msgspec.msgpack.decode(raw, type=Cursor)
            self.next_offset, self.clock_ms = cursor.next_offset, cursor.clock_ms
            self._collected = cursor
        raw = self._store.get(changelog_keys.TOTALS)
        if raw is not None:
            self.totals = PartitionTotals.decode(self.core, raw)
        for section in self.sections:
            section.restore(self._store.get(section.key))
        for seen, (key, value) in enumerate(self._store.items()):
            if key[:1] == changelog_keys.HEAD:
                self.head_keys.append(key)
                self._index(changelog_keys.project_of(key), read_head(value))
            elif key[:1] == changelog_keys.SPLIT:
                self._know_split(changelog_keys.project_of(key), msgspec.msgpack.decode(value, type=Split))
            if seen % 1000 == 999:
                yield
        for project_id in self.splits:
            head = self.head(project_id)
            if head is not None:
                self._discount(project_id, head.gaps, head.duplicates)

    # --- taking records

    def take(self, event: Event, offset: int, written_ms: int = NO_CLOCK, read_ms: int = NO_CLOCK) -> bool:
        """Take one event; False where it had been taken already. Offsets must rise.

        `written_ms` is its record's own time, `read_ms` the clock on the wall: time gets no further than either.
        """
        at_ms = event.occurred_at_ms
        if at_ms > written_ms and at_ms - written_ms <= FUTURE_TOLERANCE_MS:
            at_ms = written_ms  # a record whose time is further off bears no clock's time
        if at_ms > read_ms:
            at_ms = min(at_ms, max(read_ms, self.clock_ms))  # a clock that was set back
        if at_ms > self.clock_ms and not event.backfill:
            self.clock_ms = at_ms
            if self._deadlines and self._deadlines[0][0] <= at_ms and not self._apart:
                self._run_deadlines(event.project_id)
        self.next_offset = offset + 1
        project_id = event.project_id
        state = self._young.get(project_id) or self._load(project_id) or self._create(project_id)
        if offset <= state.applied:
            self.skipped += 1
            return False
        totals = self.totals
        if offset <= totals.applied:  # a crash came after the totals were stored and before this project was
            shared = None
        else:
            shared = totals
            totals.applied = offset
        if self._waiting:
            self._collect_waiting(project_id)
        is_new = state.applied < 0
        numbering = state.numbering
        anomalies = numbering.anomalies
        episodes, gaps, duplicates, alerts = (
            numbering.episodes.count, anomalies.open_gaps.count, len(anomalies.open_duplicates), len(state.alerts)
        )  # fmt: skip
        deadline_before, newest_ms = state.deadline_ms, state.newest_ms
        emits = step(self.core, state, event, shared, at_ms)
        deadline_ms = state.deadline_ms
        state.applied = offset
        if state.newest_ms > newest_ms and not self._apart:
            behind_ms = (written_ms if written_ms < read_ms else read_ms) - at_ms
            state.behind_ms = behind_ms if 0 < behind_ms <= FUTURE_TOLERANCE_MS else 0
        if not state.is_dirty:
            self._note_change(state)
        if emits:
            self.emits.extend(emits)
        if deadline_ms is not None and deadline_ms != deadline_before:
            self._note_deadline(deadline_ms, project_id)
        self.episodes += numbering.episodes.count - episodes
        if is_new:
            self.projects += 1
        anomalies = numbering.anomalies
        if (
            gaps != anomalies.open_gaps.count
            or duplicates != len(anomalies.open_duplicates)
            or alerts != len(state.alerts)
            or emits
        ):
            self._note_health(state, gaps, duplicates)
        if deadline_ms is not None and deadline_ms + state.behind_ms <= self.clock_ms and not self._apart:
            self._advance(state)  # the partition's time is past it already
        return True

    def pass_over(self, offset: int) -> None:
        """A record that is no event was dealt with elsewhere."""
        self.next_offset = offset + 1

    def advance_clock(self, now_ms: int) -> None:
        """Let event time reach `now_ms` without a record, as on an idle partition."""
        if now_ms > self.clock_ms:
            self.clock_ms = now_ms
            self._run_deadlines(None)

    def run_due(self) -> None:
        """What the clock has made due: after `restore` what a crash left undone."""
        self._run_deadlines(None)

    def next_deadline_ms(self) -> int | None:
        """No earlier than this does anything become due."""
        return self._deadlines[0][0] if self._deadlines else None

    def _run_deadlines(self, exempt: str | None) -> None:
        """Whatever became due by the clock. The project of the record at hand runs its own, in `step`."""
        deadlines, put_back = self._deadlines, False
        while deadlines and deadlines[0][0] <= self.clock_ms:
            at_ms, project_id = heappop(deadlines)
            if self._noted.get(project_id) != at_ms:
                continue  # a nearer one was noted after it
            del self._noted[project_id]
            if project_id == exempt:
                put_back = True
                continue
            state = self.state(project_id)
            if state is None or state.deadline_ms is None:
                continue
            due_ms = state.deadline_ms + state.behind_ms
            if due_ms > self.clock_ms:
                self._note_deadline(due_ms, project_id)
            else:
                self._advance(state)
        if put_back and exempt is not None:
            state = self.state(exempt)
            if state is not None and state.deadline_ms is not None:
                self._note_deadline(state.deadline_ms, exempt)

    def _advance(self, state: ProjectState) -> None:
        self._collect_waiting(state.project_id)
        gaps, duplicates = state.numbering.open_gaps.count, len(state.numbering.open_duplicates)
        self.emits.extend(advance(self.core, state, self.clock_ms - state.behind_ms))
        self._note_change(state)
        if state.deadline_ms is not None:
            self._note_deadline(state.deadline_ms, state.project_id)
        self._note_health(state, gaps, duplicates)

    def _note_deadline(self, deadline_ms: int, project_id: str) -> None:
        """See to it that the project is looked at by then. One entry a project counts; others in the heap are void."""
        noted_ms = self._noted.get(project_id)
        if noted_ms is not None and noted_ms <= deadline_ms:
            return  # it is looked at before that, and what is due then is noted anew
        self._noted[project_id] = deadline_ms
        heappush(self._deadlines, (deadline_ms, project_id))
        if len(self._deadlines) > 1000 + 2 * len(self._noted):  # most are void
            self._deadlines[:] = [(at_ms, name) for name, at_ms in self._noted.items()]
            heapify(self._deadlines)

    def state_to_change(self, project_id: str) -> ProjectState | None:
        """A state that the caller changes by hand now (an alert is acknowledged), and then passes to `touch`."""
        self._collect_waiting(project_id)
        return self.state(project_id)

    def touch(self, state: ProjectState, gaps: int | None = None, duplicates: int | None = None) -> None:
        """It was changed by hand: store it and look at its deadline again. `gaps` and `duplicates`: how many were open
        before, where that has changed."""
        self._note_change(state)
        if state.deadline_ms is not None:
            self._note_deadline(state.deadline_ms, state.project_id)
        numbering = state.numbering
        self._note_health(
            state,
            numbering.open_gaps.count if gaps is None else gaps,
            len(numbering.open_duplicates) if duplicates is None else duplicates,
        )

    def note_split(self, project_id: str, seen: Iterable[int], keyless: Iterable[int] = ()) -> bool:
        """Events of the project were seen in these partitions as well; False where that is known. An alert about its
        numbers ends with it."""
        known = self.splits.get(project_id)
        split = joined(self.number, known, seen, keyless)
        if split is None or split == known:
            return False
        state = self.state_to_change(project_id)
        if state is None:
            return False
        if known is None:
            numbering = state.numbering
            self._discount(project_id, numbering.open_gaps.count, len(numbering.open_duplicates))
        self._know_split(project_id, split)
        self._writes[changelog_keys.split(project_id)] = msgspec.msgpack.encode(split)
        state.split = split.partitions
        for rule in self.core.rules.integrity:  # whether one began meanwhile is a matter of who was read first
            state.begun.pop(rule.rule_id, None)
        evaluate(self.core, state, state.now_ms, self.emits, None)
        state.deadline_ms = next_deadline_ms(self.core, state)
        self.touch(state)
        return True

    def _know_split(self, project_id: str, split: Split) -> None:
        known = self.splits.get(project_id)
        self.splits[project_id] = split
        was_elsewhere = known is not None and known.partitions[0] != self.number
        self.counted_elsewhere += (split.partitions[0] != self.number) - was_elsewhere

    def _discount(self, project_id: str, gaps: int, duplicates: int) -> None:
        """Findings that were counted are none."""
        self.gaps -= gaps
        self.duplicates -= duplicates
        self.unhealthy.pop(project_id, None)

    def _note_change(self, state: ProjectState) -> None:
        state.is_dirty = True
        self._dirty[state.project_id] = state

    # --- states

    def state(self, project_id: str) -> ProjectState | None:
        """The decoded state; None for a project that has none."""
        return self._young.get(project_id) or self._load(project_id)

    def _load(self, project_id: str) -> ProjectState | None:
        state = self._old.get(project_id) or self._changed(project_id)
        if state is None:
            stored = self._stored(changelog_keys.head(project_id))
            if stored is None:
                return None
            state = decode(self.core, project_id, stored, lambda chunk, version: self.chunk(project_id, chunk, version))
            self._tell_of_split(state)
        self._remember(state)
        return state

    def chunk(self, project_id: str, chunk: int, version: int) -> bytes:
        """A chunk as it is stored. Raises LookupError."""
        stored = self._stored(changelog_keys.chunk(project_id, chunk, version))
        if stored is None:
            raise LookupError(f"project {project_id!r}: chunk {chunk} version {version} is missing from the changelog")
        return stored

    def _changed(self, project_id: str) -> ProjectState | None:
        """The state where it is newer than what is stored."""
        return self._dirty.get(project_id) or self._waiting.get(project_id)

    def _stored(self, key: bytes) -> bytes | None:
        return self._writes.get(key) or self._store.get(key)

    def _create(self, project_id: str) -> ProjectState:
        state = ProjectState(self.core, project_id)
        self._tell_of_split(state)
        self.head_keys.append(changelog_keys.head(project_id))
        self._remember(state)
        return state

    def _tell_of_split(self, state: ProjectState) -> None:
        split = self.splits.get(state.project_id)
        if split is not None:
            state.split = split.partitions

    def _remember(self, state: ProjectState) -> None:
        if len(self._young) >= self._generation_size:
            self._old, self._young = self._young, {}
        self._young[state.project_id] = state

    # --- index

    def _note_health(self, state: ProjectState, gaps: int, duplicates: int) -> None:
        """Findings or alerts of a project may have changed; `gaps` and `duplicates` are what the sums hold of it."""
        head = head_of(state)
        if not state.split:
            self.gaps += head.gaps - gaps
            self.duplicates += head.duplicates - duplicates
        self._note_findings(state.project_id, head)

    def _index(self, project_id: str, head: Head) -> None:
        self.projects += 1
        self.episodes += head.episodes
        self.gaps += head.gaps
        self.duplicates += head.duplicates
        if head.deadline_ms >= 0:
            self._note_deadline(head.deadline_ms, project_id)
        if head.gaps or head.duplicates or head.alerts:
            self._note_findings(project_id, head)

    def _note_findings(self, project_id: str, head: Head) -> None:
        if head.is_healthy or project_id in self.splits:
            self.unhealthy.pop(project_id, None)
        else:
            self.unhealthy[project_id] = (head.gaps, head.duplicates)
        if head.alerts:
            self.alerting.add(project_id)
        else:
            self.alerting.discard(project_id)

    # --- storing

    @property
    def is_dirty(self) -> bool:
        """Whether there is anything that `collect` would write."""
        return (
            bool(self._dirty or self._waiting)
            or any(section.is_dirty for section in self.sections)
            or self.next_offset != self._collected.next_offset
        )

    @property
    def is_collecting(self) -> bool:
        """Whether projects wait to be collected. Until they are, the first event of each of them costs that."""
        return bool(self._waiting)

    @property
    def unstored(self) -> int:
        """How many projects have changed since they were last collected; each is decoded in memory until then."""
        return len(self._dirty) + len(self._waiting)

    def collect(self) -> Changes:
        """What has changed since the last time. Totals first, so that they are never behind a project; heads after
        their chunks."""
        self.cut()
        steps = self.collecting()
        while True:
            try:
                next(steps)
            except StopIteration as end:
                changes: Changes = end.value
                return changes

    def cut(self) -> None:
        """From now on `collecting` gives the partition as it is now, whatever is taken meanwhile: a project that is
        about to change before it had its turn is collected first."""
        self._collected = Cursor(self.next_offset, self.clock_ms)
        self._waiting, self._dirty = self._dirty, {}
        for section in self.sections:
            if section.is_dirty:
                self._writes[section.key] = section.encode()
                section.is_dirty = False
        if self._waiting:
            self._writes[changelog_keys.TOTALS] = self.totals.encode()

    def collecting(self) -> Generator[None, None, Changes]:
        """`collect` after a `cut`, in steps, one a project: thousands of them take long. Always to be run to its end,
        and what it answers goes into the store before anything else is asked."""
        while self._waiting:
            self._collect_waiting(next(iter(self._waiting)))
            yield
        writes: list[tuple[bytes, bytes | None]] = list(self._writes.items())
        garbage, self._writes, self._garbage = self._garbage, {}, []
        return Changes(writes, self._collected, garbage)

    def _collect_waiting(self, project_id: str) -> None:
        """Collect a project as it is now, if it waits for that."""
        state = self._waiting.pop(project_id, None)
        if state is None:
            return
        stored, writes = checkpoint(state), self._writes
        state.is_dirty = False
        for chunk, version, content in stored.chunks:
            writes[changelog_keys.chunk(project_id, chunk, version)] = content
        writes[changelog_keys.head(project_id)] = stored.head
        self._garbage.extend(changelog_keys.chunk(project_id, chunk, version) for chunk, version in stored.obsolete)

    # --- listing

    def peek(self, project_id: str) -> ProjectState | bytes | None:
        """A project's state if it is at hand decoded, else as it is stored; nothing is kept for having been asked."""
        state = self._young.get(project_id) or self._old.get(project_id) or self._changed(project_id)
        return self._stored(changelog_keys.head(project_id)) if state is None else state

    def look(self, project_id: str) -> ProjectState | None:
        """The decoded state for a reader, who changes nothing: no project that events come for makes way for it."""
        found = self.peek(project_id)
        if not isinstance(found, bytes):
            return found
        known = self._looked_at.get(project_id)
        if known is not None and known[0] == found:
            state = known[1]
        else:
            state = decode(self.core, project_id, found, lambda chunk, version: self.chunk(project_id, chunk, version))
            self._looked_at.pop(project_id, None)
            if len(self._looked_at) >= LOOKED_AT_MOST:
                del self._looked_at[next(iter(self._looked_at))]
            self._looked_at[project_id] = (found, state)
        self._tell_of_split(state)
        return state

    def has(self, project_id: str) -> bool:
        """Whether there were events of it."""
        return self._changed(project_id) is not None or self._stored(changelog_keys.head(project_id)) is not None

    def head(self, project_id: str) -> Head | None:
        """One project's summary without decoding its state, changes not yet stored included; None: unknown."""
        state = self._changed(project_id)
        if state is not None:
            return head_of(state)
        stored = self._stored(changelog_keys.head(project_id))
        return None if stored is None else read_head(stored)

    def heads(self) -> Iterator[tuple[str, Head]]:
        """Every project with its summary, changes not yet stored included."""
        for key in self.head_keys:
            project_id = changelog_keys.project_of(key)
            head = self.head(project_id)
            if head is not None:
                yield project_id, head
