"""The state digest that is kept up from flush to flush is the one that a fresh look at every project gives."""

from collections.abc import Iterator
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.engine.stored_values import StoredValues
from models.event import Event, EventType
from streams.base.checkpoint_types import Changes
from streams.base.steps import finish
from streams.partition import state_sum
from streams.partition.partition import Partition
from streams.partition.state_sum import StateSum
from streams.project.project_state import ProjectState
from streams.project.state_digest import digest_of_project, total_of
from tests.streams.driving import SHIPPED, START_MS, core_with, examples

CORE = core_with(*SHIPPED, max_jump=100_000)
PROJECTS = ("alpha", "beta", "gamma", "delta")


def event(offset: int, pick: int) -> Event:
    """Numbers far apart lie in chunks of their own, which are stored apart and replaced."""
    number = pick % 7 * 256 + pick % 11 + 1
    return Event(
        f"event {offset}", EventType.CREATED, PROJECTS[pick % 4], START_MS + 1000 * offset, f"operation {offset}",
        f"episode {pick % 53}", number, duration_seconds=pick / 10,
    )  # fmt: skip


class Monitor:
    """A partition with its store and the sum, and every event that it took."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.store = StoredValues({})
        self.restart(0)

    def restart(self, valid_from: int) -> None:
        """As after a crash; the store may be ahead of the cursor."""
        self.partition = Partition(CORE, 0, self.store, cached_projects=2)
        finish(self.partition.restore())
        self.sum = StateSum(CORE, self.store, self.partition.index.head_keys, self.unchanged)
        self.sum.start(valid_from)

    def unchanged(self, project_id: str) -> ProjectState | None:
        if self.partition.checkpointer.writes or self.partition.checkpointer.waiting:
            return None
        found = self.partition.peek(project_id)
        return found if isinstance(found, ProjectState) and not found.is_dirty else None

    def take(self, pick: int) -> None:
        one = event(len(self.events), pick)
        self.events.append(one)
        self.partition.take(one, len(self.events) - 1)

    def flush(self, picks: list[int], *, is_digest: bool) -> None:
        """Events are taken while it is collected, and the sum is worked at."""
        offset = len(self.events)
        self.partition.cut()
        collecting = self.partition.checkpointer.collecting()
        changes: Changes | None = None
        while changes is None:
            try:
                next(collecting)
            except StopIteration as end:
                changes = end.value
                break
            for pick in picks:
                self.take(pick)
            picks = []
            self.work(1)
        self.sum.replacing(changes)
        self.store.apply(changes)
        if is_digest and self.sum.can_advance(offset):
            self.sum.advance(offset)

    def work(self, steps: int) -> None:
        for _ in islice(self.sum.working(), steps):
            pass

    def check(self) -> None:
        if self.sum.offset >= 0 and not self.sum.is_working:
            assert self.sum.total == expected(self.events[: self.sum.offset])


def expected(events: list[Event]) -> int:
    partition = Partition(CORE, 0, StoredValues({}))
    for offset, one in enumerate(events):
        partition.take(one, offset)
    return total_of(map(digest_of_project, states(partition)))


def states(partition: Partition) -> Iterator[ProjectState]:
    for project_id in PROJECTS:
        state = partition.state(project_id)
        if state is not None:
            yield state


_PICKS = st.integers(0, 400)
_STEP: st.SearchStrategy[tuple[str, list[int], bool]] = st.one_of(
    st.tuples(st.just("take"), st.lists(_PICKS, max_size=6), st.booleans()),
    st.tuples(st.just("flush"), st.lists(_PICKS, max_size=3), st.booleans()),
    st.tuples(st.just("work"), st.lists(_PICKS, max_size=5), st.booleans()),
    st.tuples(st.just("restart"), st.just([]), st.booleans()),
)


@given(st.lists(_STEP, max_size=40))
@examples(400)
def test_it_is_that_of_all_projects_at_its_offset(steps: list[tuple[str, list[int], bool]]) -> None:
    monitor = Monitor()
    for kind, picks, flag in steps:
        if kind == "take":
            for pick in picks:
                monitor.take(pick)
        elif kind == "flush":
            monitor.flush(picks, is_digest=flag)
        elif kind == "work":
            monitor.work(len(picks))
        else:
            monitor.flush([], is_digest=False)
            monitor.restart(len(monitor.events))
        monitor.check()
    finish(monitor.sum.working())
    monitor.flush([], is_digest=True)
    finish(monitor.sum.working())
    monitor.flush([], is_digest=True)
    finish(monitor.sum.working())
    assert monitor.sum.offset == len(monitor.events)
    monitor.check()


def test_it_is_not_of_an_offset_that_stored_states_are_ahead_of() -> None:
    monitor = Monitor()
    finish(monitor.sum.working())
    assert monitor.sum.can_advance(0)
    monitor.restart(5)
    finish(monitor.sum.working())
    assert not monitor.sum.can_advance(4)
    assert monitor.sum.can_advance(5)


def test_where_too_many_projects_change_it_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = Monitor()
    finish(monitor.sum.working())
    monkeypatch.setattr(state_sum, "MOST_CHANGED", 2)
    for pick in range(3):
        monitor.take(pick)
    monitor.flush([], is_digest=True)
    assert monitor.sum.is_off
    assert monitor.sum.total is None
    assert not monitor.sum.is_working
    monitor.restart(0)
    assert not monitor.sum.is_off


def test_former_states_take_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = Monitor()
    monitor.take(0)
    monitor.flush([], is_digest=False)
    monitor.restart(0)
    monkeypatch.setattr(state_sum, "MOST_KEPT_BYTES", 10)
    monkeypatch.setattr(monitor, "work", lambda steps: None)
    monitor.take(0)
    monitor.flush([], is_digest=False)  # its share was not computed yet, so the state as it was is kept
    assert monitor.sum.is_off


def test_a_former_state_is_computed_after_its_numbers_were_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = Monitor()
    for pick in (0, 4, 8, 12):  # alpha, in four chunks
        monitor.take(pick)
    monitor.flush([], is_digest=False)
    finish(monitor.sum.working())
    monitor.restart(0)
    monkeypatch.setattr(monitor, "work", lambda steps: None)
    for pick in (28, 4 + 308):  # in chunks that are stored apart
        monitor.take(pick)
        monitor.flush([], is_digest=False)
    finish(monitor.sum.working())
    monitor.flush([], is_digest=True)
    finish(monitor.sum.working())
    assert monitor.sum.offset == 6
    monitor.check()


def test_a_project_that_changes_again_before_its_share_is_computed_counts_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monitor = Monitor()
    monitor.take(0)
    monitor.flush([], is_digest=False)
    finish(monitor.sum.working())
    with monkeypatch.context() as patched:
        patched.setattr(monitor, "work", lambda steps: None)
        monitor.take(4)  # the same project
        monitor.flush([], is_digest=True)
        monitor.take(8)
        monitor.flush([], is_digest=False)
    finish(monitor.sum.working())
    assert monitor.sum.offset == 2
    monitor.check()


def test_a_sum_that_was_stored_goes_on() -> None:
    monitor = Monitor()
    for pick in range(9):
        monitor.take(pick)
    monitor.flush([], is_digest=True)
    total = expected(monitor.events)
    monitor.restart(0)
    monitor.sum.restore(total, 9)
    assert (monitor.sum.total, monitor.sum.offset, monitor.sum.is_working) == (total, 9, False)
    monitor.take(3)
    monitor.flush([], is_digest=True)
    finish(monitor.sum.working())
    assert monitor.sum.offset == 10
    monitor.check()
