"""The core says what the plain reference says, for plausible lives of a project, at several moments."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.event import Event, RetryReason
from streams.core import Core
from streams.identity import unpack_id
from streams.numbering import DeletedNumbers
from streams.project import ProjectState, advance, step
from tests.streams.driving import PROJECT, SHIPPED, core_with, counts, examples
from tests.streams.lives import JUMPING, NUMBERING, ORDINARY, arrivals, lives, with_resends
from tests.streams.reference import Meaning, Reference

PLAIN = (*ORDINARY, *NUMBERING)
Answers = dict[str, object]


def run(core: Core, events: list[Event]) -> ProjectState:
    """A project that has taken these."""
    state = ProjectState(core, PROJECT)
    for event in events:
        step(core, state, event)
    return state


def what_the_core_counts(state: ProjectState) -> Answers:
    """Everything about operations."""
    return {
        "windows": {w.length_seconds: counts(w.total) for w in state.history.windows},
        "totals": counts(state.totals),
        "days": {date.fromordinal(day).isoformat(): counts(total) for day, total in state.days.items() if total},
        "conflicts": state.conflicts_total,
        "retries": {
            reason.value: n
            for reason, n in zip(
                (RetryReason.CONFLICT, RetryReason.TIMEOUT, RetryReason.ERROR), state.retries, strict=True
            )
            if n
        },
        "late": state.late,
        "resends": state.resends,
    }


def what_the_reference_counts(reference: Reference, state: ProjectState) -> Answers:
    days = {date.fromisoformat(day): found for day, found in reference.days().items()}
    return {
        "windows": {w.length_seconds: reference.window(w.length_seconds, state.now_ms) for w in state.history.windows},
        "totals": reference.counted(reference.attempts()),
        "days": {day.isoformat(): found for day, found in days.items() if (max(days) - day).days < 2},
        "conflicts": reference.conflicts_total(),
        "retries": reference.retries(),
        "late": len(reference.late_ids),
        "resends": reference.resends,
    }


def what_the_core_holds(state: ProjectState) -> Answers:
    """Everything about numbers that does not depend on when something settles."""
    numbering = state.numbering
    missing = numbering.open_gaps.first_numbers(10**6)
    missing += [n for hole in numbering.suspect_holes for n in range(hole.start, hole.end + 1)]
    return {
        "held": {unpack_id(episode): number for episode, number in numbering.episodes.items()},
        "live": list(numbering.live_numbers()),
        "owners of shared": {n: [unpack_id(e) for e in owners] for n, owners in numbering.duplicates.items()},
        "aside": {unpack_id(episode): number for episode, (number, _) in numbering.aside.items()},
        "missing": sorted(missing),
        "max": numbering.max_number,
    }


def what_the_reference_holds(reference: Reference) -> Answers:
    numbers = reference.numbers()
    owners = numbers.owners()
    return {
        "held": numbers.held,
        "live": sorted(owners),
        "owners of shared": {n: sorted(owners[n]) for n in owners if len(owners[n]) > 1},
        "aside": {episode: number for episode, (number, _) in numbers.aside.items()},
        "missing": sorted(numbers.missing_since_ms),
        "max": max(owners, default=0),
    }


def what_the_core_found(state: ProjectState) -> Answers:
    """Findings and suspects as they stand."""
    numbering = state.numbering
    return {
        "gaps": numbering.open_gaps.first_numbers(10**6),
        "suspect gaps": [n for hole in numbering.suspect_holes for n in range(hole.start, hole.end + 1)],
        "duplicates": sorted(numbering.open_duplicates),
        "suspect duplicates": sorted(numbering.suspect_duplicates),
        "restatements": numbering.restatements,
    }


def what_the_reference_found(reference: Reference, now_ms: int) -> Answers:
    numbers = reference.numbers()
    gaps, suspect_gaps = reference.settled(numbers.missing_since_ms, now_ms)
    duplicates, suspect_duplicates = reference.settled(numbers.shared_since_ms, now_ms)
    return {
        "gaps": gaps,
        "suspect gaps": suspect_gaps,
        "duplicates": duplicates,
        "suspect duplicates": suspect_duplicates,
        "restatements": numbers.restatements,
    }


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
