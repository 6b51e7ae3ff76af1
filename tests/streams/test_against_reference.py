"""The core says what the plain reference says, for plausible lives of a project, at several moments."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from faults.facts import (
    what_the_core_counts,
    what_the_core_found,
    what_the_core_holds,
    what_the_reference_counts,
    what_the_reference_found,
    what_the_reference_holds,
)
from faults.reference import Meaning, Reference
from models.event import Event
from streams.alerting.core import Core
from streams.base.numbering_rules import DeletedNumbers
from streams.project.project_state import ProjectState
from streams.project.step import advance, step
from tests.streams.driving import PROJECT, SHIPPED, core_with, examples
from tests.streams.lives import JUMPING, NUMBERING, ORDINARY, arrivals, lives, with_resends

PLAIN = (*ORDINARY, *NUMBERING)


def run(core: Core, events: list[Event]) -> ProjectState:
    """A project that has taken these."""
    state = ProjectState(core, PROJECT)
    for event in events:
        step(core, state, event)
    return state


@examples(150)
@given(life=lives(*PLAIN).flatmap(with_resends), later_ms=st.sampled_from((0, 1, 59_999, 60_000, 60_001, 10**7)))
def test_events_in_order_give_what_the_reference_gives_after_each_of_them(life: list[Event], later_ms: int) -> None:
    core, reference = core_with(*SHIPPED), Reference()
    state = ProjectState(core, PROJECT)
    for event in life:
        reference.take(event)
        step(core, state, event)
        assert what_the_core_counts(state) == what_the_reference_counts(reference, state)
        assert what_the_core_holds(state) == what_the_reference_holds(reference)
        assert what_the_core_found(state) == what_the_reference_found(reference, state.now_ms)
    advance(core, state, state.now_ms + later_ms)
    assert what_the_core_counts(state) == what_the_reference_counts(reference, state)
    found = what_the_core_found(state)
    assert found == what_the_reference_found(reference, reference.newest_ms + later_ms)


@pytest.mark.parametrize("first_number", [1, 3, None])
@pytest.mark.parametrize("deleted", list(DeletedNumbers))
def test_every_setting_of_the_numbering_gives_what_the_reference_gives(
    first_number: int | None, deleted: DeletedNumbers
) -> None:
    meaning = Meaning(
        first_number=first_number, deleted_is_gap=deleted is DeletedNumbers.GAP, max_jump=20, settle_ms=5000
    )

    @examples(60)
    @given(life=lives(*PLAIN, *JUMPING, *JUMPING))
    def check(life: list[Event]) -> None:
        core = core_with(*SHIPPED, first_number=first_number, deleted=deleted, max_jump=20, settle_ms=5000)
        reference = Reference(meaning).take_all(life)
        state = run(core, life)
        assert what_the_core_holds(state) == what_the_reference_holds(reference)

    check()


@examples(150)
@given(data=st.data())
def test_events_out_of_order_within_the_grace_give_what_the_reference_gives(data: st.DataObject) -> None:
    life = data.draw(lives(*PLAIN))
    arriving = data.draw(arrivals(life).flatmap(with_resends))
    core, reference = core_with(*SHIPPED), Reference().take_all(arriving)
    state = run(core, arriving)
    assert not state.late
    assert what_the_core_counts(state) == what_the_reference_counts(reference, state)
    assert what_the_core_holds(state) == what_the_reference_holds(reference)
    advance(core, state, state.now_ms + 120_000)
    found = what_the_core_found(state)
    expected = what_the_reference_found(reference, reference.newest_ms + 120_000)
    assert (found["gaps"], found["duplicates"]) == (expected["gaps"], expected["duplicates"])


@examples(80)
@given(data=st.data())
def test_what_happened_to_one_episode_may_arrive_in_any_order_within_the_grace_too(data: st.DataObject) -> None:
    life = data.draw(lives("create", *NUMBERING, *NUMBERING, waits_ms=(1, 400, 7000), max_size=14))
    times_ms = [event.occurred_at_ms for event in life]
    assume(len(set(times_ms)) == len(times_ms))  # of one moment and one episode the later to arrive counts
    delays = st.sampled_from((0, 0, 500, 8000, 30_000, 60_000))
    delays_ms = data.draw(st.lists(delays, min_size=len(life), max_size=len(life)))
    order = sorted(range(len(life)), key=lambda place: (times_ms[place] + delays_ms[place], place))
    arriving = [life[place] for place in order]
    core, reference = core_with(*SHIPPED), Reference().take_all(arriving)
    state = run(core, arriving)
    assert what_the_core_holds(state) == what_the_reference_holds(reference)
    advance(core, state, reference.newest_ms + 180_000)
    found = what_the_core_found(state)
    expected = what_the_reference_found(reference, reference.newest_ms + 180_000)
    assert (found["gaps"], found["duplicates"]) == (expected["gaps"], expected["duplicates"])


@examples(80)
@given(
    life=lives("create", "own", "fail", "lose", "delete", "slow", waits_ms=(0, 1000, 20_000)),
    delays=st.lists(st.sampled_from((0, 0, 0, 30_000, 60_000, 61_000, 200_000)), min_size=40, max_size=40),
)
def test_what_comes_too_late_counts_as_late_only_and_integrity_still_takes_it(
    life: list[Event], delays: list[int]
) -> None:
    order = sorted(range(len(life)), key=lambda place: (life[place].occurred_at_ms + delays[place % 40], place))
    arriving = [life[place] for place in order]
    reference = Reference().take_all(arriving)
    state = run(core_with(*SHIPPED), arriving)
    assert what_the_core_counts(state) == what_the_reference_counts(reference, state)
