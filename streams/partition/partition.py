"""All projects of one partition: applies records in offset order, collects writes, runs deadlines.

Live processing, recovery and replay use the same class: equal input in equal order gives an equal state. It does no
input or output: it reads through `Store`, and `collect` returns what to write and in which order.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from models.alert import Alert
from models.event import FUTURE_TOLERANCE_MS, Event
from streams.alerting.core import FINAL_GRACES, Core
from streams.base import changelog_keys
from streams.base.checkpoint_types import Changes, Cursor, Section, Store
from streams.base.steps import Steps, finish
from streams.partition.checkpointer import Checkpointer
from streams.partition.deadline_queue import DeadlineQueue
from streams.partition.listed import ListedAlerts
from streams.partition.project_index import ProjectIndex
from streams.partition.splits import Split, joined
from streams.partition.state_cache import StateCache
from streams.project.project_state import ProjectState
from streams.project.rule_evaluator import evaluate, next_deadline_ms
from streams.project.state_codec import decode, head_of, read_head
from streams.project.state_shapes import Head
from streams.project.step import NO_CLOCK, advance, step
from streams.rates.totals import PartitionTotals


class Partition:
    """The state, index and clock of one partition."""

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
        self.emits: list[Alert] = []  # since the caller last took them
        self.totals = PartitionTotals(core.calendar, core.detail_seconds)
        self._fleet_limits = core.latency_limits if core.rules.fleet else None
        self._final_ms = FINAL_GRACES * core.grace_ms
        if self._fleet_limits is not None:
            self.totals.follow_fleet(self._fleet_limits)
        self.index = ProjectIndex(number)
        self.listed = ListedAlerts()
        self.checkpointer = Checkpointer(store, sections)
        self._apart = apart
        self._store = store
        self._cache = StateCache(cached_projects)
        self._deadlines = DeadlineQueue()

    # --- recovery

    def restore(self) -> Steps[None]:
        """Build clock, totals and index from the store. Yields now and then so that the caller may do other things."""
        raw = self._store.get(changelog_keys.CURSOR)
        if raw is not None:
            cursor = msgspec.msgpack.decode(raw, type=Cursor)
            self.next_offset, self.clock_ms = cursor.next_offset, cursor.clock_ms
            self.checkpointer.cursor = cursor
        raw = self._store.get(changelog_keys.TOTALS)
        if raw is not None:
            core = self.core
            self.totals = PartitionTotals.decode(core.calendar, core.detail_seconds, raw, self._fleet_limits)
        self._raise_floor()
        for section in self.checkpointer.sections:
            section.read(self._store)
        for seen, (key, value) in enumerate(self._store.items()):
            if key[:1] == changelog_keys.HEAD:
                head = read_head(value)
                self.index.restore(key, head)
                if head.deadline_ms >= 0:
                    self._deadlines.note(head.deadline_ms, changelog_keys.project_of(key))
            elif key[:1] == changelog_keys.SPLIT:
                self.index.know_split(changelog_keys.project_of(key), msgspec.msgpack.decode(value, type=Split))
            if seen % 1000 == 999:
                yield

    # --- applying records

    def take(self, event: Event, offset: int, written_ms: int = NO_CLOCK, read_ms: int = NO_CLOCK) -> bool:
        """Apply one event; False where it was applied before. Offsets must rise.

        `written_ms` is the time of its record, `read_ms` the wall clock: event time advances no further than either.
        """
        at_ms, project_id = event.occurred_at_ms, event.project_id
        if at_ms > written_ms or at_ms > read_ms:
            at_ms = _bounded(at_ms, written_ms, read_ms, self.clock_ms)
        if at_ms > self.clock_ms and not event.backfill:
            self.clock_ms = at_ms
            if self._fleet_limits is not None:
                self._raise_floor()
            heap = self._deadlines.heap
            if heap and heap[0][0] <= at_ms and not self._apart:
                self.run_due(project_id)
        self.next_offset = offset + 1
        state = self._cache.young.get(project_id) or self._load(project_id) or self._create(project_id)
        if offset <= state.applied:
            return False
        if self.checkpointer.waiting:
            self.checkpointer.collect(project_id)
        totals, shared = self.totals, None
        if offset > totals.applied:  # else a crash came after the totals were stored and before the project was
            shared, totals.applied = totals, offset
        numbering, deadline_before, newest_ms = state.numbering, state.deadline_ms, state.newest_ms
        episodes, before = numbering.episodes.count, numbering.anomalies
        gaps, duplicates = before.open_gaps.count, len(before.open_duplicates)
        emits = step(self.core, state, event, shared, at_ms)
        deadline_ms = state.deadline_ms
        state.applied = offset
        if state.newest_ms > newest_ms and not self._apart:
            behind_ms = (written_ms if written_ms < read_ms else read_ms) - at_ms
            state.behind_ms = behind_ms if 0 < behind_ms <= FUTURE_TOLERANCE_MS else 0
        if not state.is_dirty:
            self.checkpointer.mark_changed(state)
        if emits:
            self.emits.extend(emits)
        self.index.episodes += numbering.episodes.count - episodes
        anomalies = numbering.anomalies
        if emits or gaps != anomalies.open_gaps.count or duplicates != len(anomalies.open_duplicates):
            self.index.changed(state)
        if deadline_ms is not None:
            if deadline_ms != deadline_before:
                self._deadlines.note(deadline_ms, project_id)
            if deadline_ms + state.behind_ms <= self.clock_ms and not self._apart:
                self._advance(state)  # the partition's time is past it already
        return True

    def pass_over(self, offset: int) -> None:
        """The record at this offset is no event, and was handled elsewhere."""
        self.next_offset = offset + 1

    # --- time

    def advance_clock(self, now_ms: int) -> None:
        """Let event time reach `now_ms` without a record, as on an idle partition."""
        if now_ms > self.clock_ms:
            self.clock_ms = now_ms
            self._raise_floor()
            self.run_due()

    def _raise_floor(self) -> None:
        """Two graces behind the clock no operation changes: before that, none counts for the fleet any more."""
        if self._fleet_limits is not None and self.clock_ms:
            self.totals.raise_floor((self.clock_ms - self._final_ms) // 1000)

    def next_deadline_ms(self) -> int | None:
        """No earlier than this does anything become due."""
        heap = self._deadlines.heap
        return heap[0][0] if heap else None

    def run_due(self, exempt: str | None = None) -> None:
        """Run what the clock has made due: after `restore` what a crash left undone. `exempt`: the project of the
        current record, which runs its own in `step`."""
        put_back = False
        while (project_id := self._deadlines.pop_due(self.clock_ms)) is not None:
            if project_id == exempt:
                put_back = True
                continue
            state = self.state(project_id)
            if state is None or state.deadline_ms is None:
                continue
            due_ms = state.deadline_ms + state.behind_ms
            if due_ms > self.clock_ms:
                self._deadlines.note(due_ms, project_id)
            else:
                self._advance(state)
        if put_back and exempt is not None:
            state = self.state(exempt)
            if state is not None and state.deadline_ms is not None:
                self._deadlines.note(state.deadline_ms, exempt)

    def _advance(self, state: ProjectState) -> None:
        self.checkpointer.collect(state.project_id)
        self.emits.extend(advance(self.core, state, self.clock_ms - state.behind_ms))
        self.touch(state)

    # --- changes that no record causes

    def state_to_change(self, project_id: str) -> ProjectState | None:
        """A state that the caller changes now, as when a finding is waived, and then passes to `touch`."""
        self.checkpointer.collect(project_id)
        self.listed.begin_change(project_id)
        return self.state(project_id)

    def touch(self, state: ProjectState) -> None:
        """The caller has changed it: store it, and note its deadline, findings and alerts anew."""
        self.checkpointer.mark_changed(state)
        self.listed.changed(state.project_id)
        if state.deadline_ms is not None:
            self._deadlines.note(state.deadline_ms, state.project_id)
        self.index.changed(state)

    def note_split(self, project_id: str, seen: Iterable[int], keyless: Iterable[int] = ()) -> bool:
        """Events of the project were seen in these partitions as well, which ends its alert; False if known before."""
        known = self.index.splits.get(project_id)
        split = joined(self.number, known, seen, keyless)
        if split is None or split == known:
            return False
        state = self.state_to_change(project_id)
        if state is None:
            return False
        self.index.know_split(project_id, split)
        self.checkpointer.writes[changelog_keys.split(project_id)] = msgspec.msgpack.encode(split)
        state.split = split.partitions
        for rule in self.core.findings:  # whether one began meanwhile depends on which partition was read first
            state.begun.pop(rule.rule_id, None)
        evaluate(self.core, state, state.now_ms, self.emits, None)
        state.deadline_ms = next_deadline_ms(self.core, state)
        self.touch(state)
        return True

    # --- states

    def state(self, project_id: str) -> ProjectState | None:
        """The decoded state; None for an unknown project."""
        return self._cache.young.get(project_id) or self._load(project_id)

    def _load(self, project_id: str) -> ProjectState | None:
        state = self._cache.get(project_id) or self.checkpointer.changed(project_id)
        if state is None:
            stored = self.checkpointer.stored(changelog_keys.head(project_id))
            if stored is None:
                return None
            state = self._decode(project_id, stored)
            if not state.alerts and project_id in self.index.alerting:
                self.index.changed(state)  # the rules of its alerts are gone
        self._cache.put(state)
        return state

    def _create(self, project_id: str) -> ProjectState:
        state = self._with_split(ProjectState(self.core, project_id))
        self.index.head_keys.append(changelog_keys.head(project_id))
        self._cache.put(state)
        return state

    def _decode(self, project_id: str, stored: bytes) -> ProjectState:
        load_chunk = lambda chunk, version: self.chunk(project_id, chunk, version)  # noqa: E731
        return self._with_split(decode(self.core, project_id, stored, load_chunk))

    def _with_split(self, state: ProjectState) -> ProjectState:
        split = self.index.splits.get(state.project_id)
        if split is not None:
            state.split = split.partitions
        return state

    def chunk(self, project_id: str, chunk: int, version: int) -> bytes:
        """A chunk as it is stored. Raises LookupError."""
        stored = self.checkpointer.stored(changelog_keys.chunk(project_id, chunk, version))
        if stored is None:
            raise LookupError(f"project {project_id!r}: chunk {chunk} version {version} is missing from the changelog")
        return stored

    # --- reading, which displaces no cached state

    def peek(self, project_id: str) -> ProjectState | bytes | None:
        """A project's state: decoded if it is cached or changed, else as it is stored."""
        state = self._cache.get(project_id) or self.checkpointer.changed(project_id)
        return self.checkpointer.stored(changelog_keys.head(project_id)) if state is None else state

    def look(self, project_id: str) -> ProjectState | None:
        """The decoded state for a reader, which must not change it."""
        found = self.peek(project_id)
        if not isinstance(found, bytes):
            return found
        state = self._cache.looked_at(project_id, found)
        if state is not None:
            return self._with_split(state)
        state = self._decode(project_id, found)
        self._cache.keep_looked_at(found, state)
        return state

    def head(self, project_id: str) -> Head | None:
        """One project's summary without decoding its state, changes not yet stored included; None: unknown."""
        state = self.checkpointer.changed(project_id)
        if state is not None:
            return head_of(state)
        stored = self.checkpointer.stored(changelog_keys.head(project_id))
        return None if stored is None else read_head(stored)

    def heads(self) -> Iterator[tuple[str, Head]]:
        """Every project with its summary, changes not yet stored included."""
        for key in self.index.head_keys:
            project_id = changelog_keys.project_of(key)
            head = self.head(project_id)
            if head is not None:
                yield project_id, head

    # --- storing

    @property
    def is_dirty(self) -> bool:
        """Whether `collect` would write anything."""
        is_ahead = self.next_offset != self.checkpointer.cursor.next_offset
        return is_ahead or self.checkpointer.is_dirty or self.totals.can_close

    def cut(self) -> None:
        """From now on `checkpointer.collecting` gives the partition as it is now, whatever is applied meanwhile: a
        project that is about to change is collected first."""
        has_closed = self.totals.can_close
        self.totals.close()
        self.checkpointer.cut(Cursor(self.next_offset, self.clock_ms), self.totals, has_closed=has_closed)

    def collect(self) -> Changes:
        """The changes since the last call, without steps."""
        self.cut()
        return finish(self.checkpointer.collecting())


def _bounded(at_ms: int, written_ms: int, read_ms: int, clock_ms: int) -> int:
    """The event time that clocks confirm: no later than its record, nor than now or what was reached before."""
    if at_ms > written_ms and at_ms - written_ms <= FUTURE_TOLERANCE_MS:
        at_ms = written_ms  # a record time further off comes from no clock
    if at_ms > read_ms:
        at_ms = min(at_ms, max(read_ms, clock_ms))  # a wall clock that was set back
    return at_ms
