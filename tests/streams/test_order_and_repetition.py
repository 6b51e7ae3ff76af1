"""The same events end in the same state, byte for byte: order across operations and episodes does not matter while
disorder stays within the grace, and neither does repetition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.event import Event, EventType
from streams.alerting.core import Core
from streams.base.numbering_rules import DeletedNumbers
from streams.project.fingerprint import facts
from streams.project.project_state import ProjectState
from streams.project.step import step
from streams.rates.totals import PartitionTotals
from tests.streams.comparing import essence
from tests.streams.driving import CONFLICT, FAILURE, INTEGRITY, PROJECT, SLOW, START_MS, core_with, examples
from tests.streams.lives import JUMPING, NUMBERING, ORDINARY, Move, arrivals, live, lives, with_resends

GROWING = (*ORDINARY, "lose", "restate")
CORE = core_with(FAILURE, CONFLICT, SLOW, INTEGRITY)


def run(events: list[Event], core: Core = CORE) -> tuple[ProjectState, PartitionTotals]:
    """A project that has taken these, and the sums of its partition."""
    state, totals = ProjectState(core, PROJECT), PartitionTotals(core.calendar, core.detail_seconds)
    for event in events:
        step(core, state, event, totals)
    return state, totals


def at_the_end_of_all(events: list[Event]) -> list[Event]:
    """The events, and one two days later, by which everything has settled and every window is empty."""
    end_ms = max([START_MS, *(event.occurred_at_ms for event in events)]) + 2 * 86_400_000
    return [*events, Event("the end", EventType.CREATION_FAILED, PROJECT, end_ms, "the end")]


WAITS_MS = (0, 1, 400, 1000, 31_000, 400_000, 4_000_000, 90_000_000)


def test_lives_contain_every_type_of_event() -> None:
    kinds = (*ORDINARY, *NUMBERING, *JUMPING)
    life = live([Move(kind, 1000, pick, 0, 20) for kind in kinds for pick in range(4)])
    assert {event.type for event in life} == set(EventType), "a move of tests/streams/lives.py must emit the new type"


@examples(150)
@given(data=st.data())
def test_any_order_within_the_grace_ends_in_the_same_bytes(data: st.DataObject) -> None:
    life = data.draw(st.one_of(lives(*GROWING), lives(*GROWING, waits_ms=WAITS_MS)))
    arriving = data.draw(arrivals(life))
    state, totals = run(life)
    other, other_totals = run(arriving)
    assert essence(state, "alerts", "begun") == essence(other, "alerts", "begun")
    assert totals.encode() == other_totals.encode()


@examples(150)
@given(data=st.data())
def test_the_order_of_the_events_of_one_operation_makes_no_difference_either(data: st.DataObject) -> None:
    life = data.draw(lives("fight", "give_up", "stuck", "own", waits_ms=WAITS_MS, max_size=12))
    arriving = data.draw(arrivals(life, keep_operations=False))
    state, totals = run(life)
    other, other_totals = run(arriving)
    assert essence(state, "alerts", "begun") == essence(other, "alerts", "begun")
    assert totals.encode() == other_totals.encode()


@examples(150)
@given(data=st.data())
def test_with_deletions_and_renumberings_any_order_ends_in_the_same_bytes_once_all_has_settled(
    data: st.DataObject,
) -> None:
    life = data.draw(lives(*ORDINARY, *NUMBERING))
    arriving = data.draw(arrivals(life))
    state, totals = run(at_the_end_of_all(life))
    other, other_totals = run(at_the_end_of_all(arriving))
    assert essence(state, "alerts", "begun") == essence(other, "alerts", "begun")
    assert totals.encode() == other_totals.encode()


@examples(200)
@given(data=st.data())
def test_what_is_hashed_is_the_same_at_once_in_any_order_and_however_often_it_is_sent(data: st.DataObject) -> None:
    life = data.draw(lives(*ORDINARY, *NUMBERING, *NUMBERING))
    arriving = data.draw(arrivals(life).flatmap(with_resends))
    state, _ = run(life)
    other, _ = run(arriving)
    assert facts(state) == facts(other)


@pytest.mark.parametrize("first_number", [1, None])
@pytest.mark.parametrize("deleted", list(DeletedNumbers))
def test_every_setting_of_the_numbering_is_as_independent_of_the_order(
    first_number: int | None, deleted: DeletedNumbers
) -> None:
    core = core_with(INTEGRITY, first_number=first_number, deleted=deleted)

    @examples(50)
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        life = data.draw(lives("create", "lose", "delete", "delete_last", "restate", "fail"))
        arriving = data.draw(arrivals(life))
        state, _ = run(at_the_end_of_all(life), core)
        other, _ = run(at_the_end_of_all(arriving), core)
        assert essence(state, "alerts", "begun") == essence(other, "alerts", "begun")

    check()


@examples(100)
@given(data=st.data())
def test_sending_again_changes_nothing_but_the_count_of_resends(data: st.DataObject) -> None:
    life = data.draw(lives(*ORDINARY, *NUMBERING))
    repeated = data.draw(with_resends(life))
    state, totals = run(life)
    other, other_totals = run(repeated)
    assert other.resends == len(repeated) - len(life)
    assert essence(state) == essence(other, "resends")
    other_totals.resends = 0
    assert totals.encode() == other_totals.encode()


@examples(100)
@given(data=st.data())
def test_implausible_jumps_end_the_same_in_any_order(data: st.DataObject) -> None:
    core = core_with(INTEGRITY, max_jump=20)
    life = data.draw(lives("create", "lose", "fail", *JUMPING, max_size=25))
    arriving = data.draw(arrivals(life))
    state, _ = run(at_the_end_of_all(life), core)
    other, _ = run(at_the_end_of_all(arriving), core)
    assert essence(state, "alerts", "begun") == essence(other, "alerts", "begun")


@examples(100)
@given(data=st.data())
def test_any_order_at_all_ends_in_the_same_state_where_the_grace_covers_it(data: st.DataObject) -> None:
    core = core_with(FAILURE, CONFLICT, SLOW, INTEGRITY, grace_ms=3_000_000)
    life = data.draw(lives(*GROWING, waits_ms=(0, 1, 1000, 31_000)))
    arriving = data.draw(arrivals(life, grace_ms=3_000_000))
    state, totals = run(at_the_end_of_all(life), core)
    other, other_totals = run(at_the_end_of_all(arriving), core)
    assert essence(state, "alerts", "begun") == essence(other, "alerts", "begun")
    assert totals.encode() == other_totals.encode()
