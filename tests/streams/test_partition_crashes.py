"""A partition may crash after any record of any flush, and take records while it is being collected: restarted from
what was stored and reading again from the stored cursor, it ends where it would have ended, and emits the same
transitions (again, if need be)."""

from collections.abc import Generator
from dataclasses import dataclass

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from models.alert import Alert
from models.event import Event
from streams.alerting import rule_types
from streams.base.checkpoint_types import Changes, Cursor
from streams.partition.partition import Partition
from streams.project.state_codec import canonical
from tests.streams.comparing import sums
from tests.streams.driving import CONFLICT, FAILURE, INTEGRITY, SLOW, core_with, examples, rule
from tests.streams.lives import NUMBERING, ORDINARY, arrive, lives, many_before, replace_fields
from tests.streams.stored import Stored, Write, cursor_write

RETRY = rule(rule_types.RETRY_RATE, "3", min_samples=3, for_seconds=20, keep_firing_seconds=30, window_minutes=1)
CORE = core_with(FAILURE, CONFLICT, SLOW, INTEGRITY, RETRY, settle_ms=20_000)
PROJECTS = ("alpha", "beta", "gamma")


@dataclass(frozen=True)
class Do:
    """One step of a partition's life. `clock_ms`: up to where an idle partition's time goes."""

    kind: str
    event: Event | None = None
    clock_ms: int = 0


@st.composite
def scripts(draw: st.DrawFn) -> list[Do]:
    """Events of three projects as they arrive, with flushes, dead letters and idle times between them."""
    waits_ms = draw(st.sampled_from([(0, 1, 1000, 7000, 31_000), (0, 1000, 25_000, 700_000)]))
    events: list[Event] = []
    for project in PROJECTS:
        life = draw(lives(*ORDINARY, *NUMBERING, waits_ms=waits_ms, max_size=12))
        shift_ms = draw(st.sampled_from((0, 500, 45_000, 200_000)))
        events += [_of_project(event, project, shift_ms) for event in life]
    events.sort(key=lambda event: event.occurred_at_ms)
    delays = draw(st.lists(st.sampled_from((0, 0, 0, 400, 50_000)), min_size=len(events), max_size=len(events)))
    script = [Do("take", event) for event in many_before("alpha")] if draw(st.booleans()) else []
    clock_ms = 0
    for event in arrive(events, delays, keep_operations=True):
        script.append(Do("take", event))
        clock_ms = clock_ms if event.backfill else max(clock_ms, event.occurred_at_ms)
        script += draw(st.sampled_from([[]] * 5 + [[Do("flush")], [Do("bad")], [Do("flush"), Do("bad"), Do("flush")]]))
        script += draw(st.sampled_from([[]] * 3 + [[Do("cut")], [Do("collect one")], [Do("end of collecting")]]))
        idle_ms = draw(st.sampled_from([0] * 9 + [1, 25_000, 1_000_000]))
        if idle_ms:
            clock_ms += idle_ms
            script.append(Do("idle", clock_ms=clock_ms))
    return [*script, Do("idle", clock_ms=clock_ms + 30_000), Do("flush")]


def _of_project(event: Event, project: str, shift_ms: int) -> Event:
    return replace_fields(
        event,
        project_id=project,
        event_id=f"{project} {event.event_id}",
        operation_id=f"{project} {event.operation_id}",
        episode_id=event.episode_id and f"{project} {event.episode_id}",
        occurred_at_ms=event.occurred_at_ms + shift_ms,
    )


class Worker:
    """Runs a script on a store. `emitted_before` says, record by record, how much had safely been emitted before it."""

    def __init__(self, store: Stored, script: list[Do]) -> None:
        self.store = store
        self.script = script
        self.emitted: list[Alert] = []
        self.emitted_before: list[int] = []
        self.collecting: Generator[None, None, Changes] | None = None
        self.partition = Partition(CORE, 0, store, cached_projects=2)
        for _ in self.partition.restore():
            pass
        self.partition.run_due()

    def run(self) -> "Worker":
        """From the stored cursor to the end of the script."""
        offset = 0
        for do in self.script:
            has_offset = do.kind in ("take", "bad")
            if offset >= self.partition.next_offset:
                self.do(do, offset)
            offset += has_offset
        return self

    def do(self, do: Do, offset: int) -> None:
        """One step."""
        if do.event is not None:
            self.partition.take(do.event, offset)
        elif do.kind == "bad":
            self.partition.pass_over(offset)
        elif do.kind == "cut":
            self.cut()
        elif do.kind == "collect one":
            self.collect_one()
        elif do.kind == "end of collecting":
            self.end_collecting()
        else:
            self.flush()
            if do.kind == "idle":  # the clock is stored before anything is emitted
                self.write([cursor_write(Cursor(self.partition.next_offset, do.clock_ms))])
                self.partition.advance_clock(do.clock_ms)
                self.flush()

    def flush(self) -> None:
        """Store all there is."""
        self.cut()
        self.end_collecting()

    def cut(self) -> None:
        """Emit all transitions; what has changed until now is to be stored."""
        self.end_collecting()
        self.emitted += self.partition.emits
        self.partition.emits = []
        if self.partition.is_dirty:
            self.partition.cut()
            self.collecting = self.partition.checkpointer.collecting()

    def end_collecting(self) -> None:
        """Store what there was at the cut, then tidy up."""
        while self.collecting is not None:
            self.collect_one()

    def collect_one(self) -> None:
        """One step on, if something is being collected; it is stored after the last."""
        if self.collecting is None:
            return
        try:
            next(self.collecting)
        except StopIteration as end:
            self.collecting = None
            changes: Changes = end.value
            self.write([*changes.writes, cursor_write(changes.cursor), *((key, None) for key in changes.garbage)])

    def write(self, records: list[Write]) -> None:
        """Store records in order."""
        for record in records:
            self.store.write(record)
            self.emitted_before.append(len(self.emitted))

    def crashed_after(self, records: int) -> tuple["Worker", list[Alert]]:
        """A worker that finds only so many of the records that this one wrote, and what was emitted by then."""
        begin = len(self.store.log) - len(self.emitted_before)
        emitted = self.emitted[: self.emitted_before[records - 1]] if records else []
        return Worker(Stored(self.store.log[: begin + records]), self.script), emitted

    def outcome(self) -> dict[str, object]:
        """Everything by which two runs of a script can be compared."""
        partition, index = self.partition, self.partition.index
        states = {project: partition.state(project) for project in PROJECTS}
        return {
            "states": {name: canonical(state) for name, state in states.items() if state},
            "histories": {name: state.numbering.anomalies.history for name, state in states.items() if state},
            "deadlines": {name: state.deadline_ms for name, state in states.items() if state},
            "heads": dict(partition.heads()),
            "totals": sums(partition.totals),
            "clock": (partition.clock_ms, partition.next_offset),
            "sums": (index.projects, index.episodes, index.gaps, index.duplicates),
            "lists": (index.unhealthy, index.alerting, sorted(index.head_keys)),
        }


def transitions(alerts: list[Alert]) -> set[bytes]:
    """Transitions emitted, each once, with all their fields."""
    return {msgspec.json.encode(alert) for alert in alerts}


@examples(200)
@given(data=st.data())
def test_a_crash_after_any_stored_record_changes_neither_the_end_nor_what_is_told(data: st.DataObject) -> None:
    script = data.draw(scripts())
    unharmed = Worker(Stored(), script).run()
    worker, emitted = unharmed, []
    for _ in range(data.draw(st.integers(1, 3))):
        records = data.draw(st.integers(0, len(worker.emitted_before)))
        worker, emitted_by_then = worker.crashed_after(records)
        emitted += emitted_by_then
        worker.run()
    assert worker.outcome() == unharmed.outcome()
    assert transitions(emitted + worker.emitted) == transitions(unharmed.emitted)
    assert in_order(emitted + worker.emitted) == in_order(unharmed.emitted)


def in_order(alerts: list[Alert]) -> dict[str, list[str]]:
    """By alert, its transitions in the order in which they were emitted first; a topic keeps no other order."""
    found: dict[str, dict[str, None]] = {}
    for alert in alerts:
        found.setdefault(alert.alert_key, {})[alert.transition_id] = None
    return {key: list(transitions) for key, transitions in found.items()}


@examples(100)
@given(data=st.data())
def test_reading_everything_again_changes_nothing_and_emits_nothing(data: st.DataObject) -> None:
    script = data.draw(scripts())
    worker = Worker(Stored(), script).run()
    before = worker.outcome()
    offset = -1
    for do in script:
        offset += do.kind in ("take", "bad")
        if do.event is not None:
            assert not worker.partition.take(do.event, offset)
    worker.partition.pass_over(worker.partition.next_offset - 1 if offset < 0 else offset)
    assert worker.partition.emits == []
    assert worker.outcome() == before


@examples(60)
@given(data=st.data())
def test_how_often_a_partition_is_stored_and_how_much_it_caches_makes_no_difference(data: st.DataObject) -> None:
    script = data.draw(scripts())
    often = Worker(Stored(), script).run()
    seldom = Worker(Stored(), [do for do in script[:-1] if do.kind != "flush"] + script[-1:])
    seldom.partition = Partition(CORE, 0, seldom.store, cached_projects=1000)
    seldom.run()
    assert seldom.outcome() == often.outcome()
    assert in_order(seldom.emitted) == in_order(often.emitted)
