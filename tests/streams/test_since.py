"""Since when numbers are missing or shared: the same in any order of arrival within the grace, and what the reference
says that takes all events in the order in which they happened."""

from hypothesis import given
from hypothesis import strategies as st

from models.event import Event
from streams.core import Core
from streams.fingerprint import fingerprint
from streams.project import ProjectState, step
from tests.streams.driving import INTEGRITY, PROJECT, core_with, examples
from tests.streams.lives import NUMBERING, ORDINARY, arrivals, lives, with_resends
from tests.streams.reference import Meaning, Reference

NEVER_MS = 10**12  # nothing settles, so that everything stays suspect
CORE = core_with(INTEGRITY, settle_ms=NEVER_MS)


def run(events: list[Event], core: Core = CORE) -> ProjectState:
    """A project that has taken these."""
    state = ProjectState(core, PROJECT)
    for event in events:
        step(core, state, event)
    return state


def missing_since(state: ProjectState) -> dict[int, int]:
    """Number -> since when nobody holds it."""
    return {n: hole.since_ms for hole in state.numbering.suspect_holes for n in range(hole.start, hole.end + 1)}


def suspicions(state: ProjectState) -> tuple[dict[int, int], dict[int, int]]:
    """Number -> since when it is missing, and since when it is shared."""
    return missing_since(state), dict(state.numbering.suspect_duplicates)


@examples(400)
@given(data=st.data())
def test_any_order_within_the_grace_dates_every_suspicion_alike(data: st.DataObject) -> None:
    life = data.draw(lives(*ORDINARY, *NUMBERING, *NUMBERING, waits_ms=(0, 1, 400, 7000), max_size=25))
    arriving = data.draw(arrivals(life).flatmap(with_resends))
    state, other = run(life), run(arriving)
    assert suspicions(state) == suspicions(other)
    assert fingerprint(state) == fingerprint(other)


@examples(200)
@given(life=lives("create", *NUMBERING, *NUMBERING, waits_ms=(1, 400, 7000), max_size=25))
def test_in_order_every_suspicion_begins_when_the_reference_says(life: list[Event]) -> None:
    reference, state = Reference(Meaning(settle_ms=NEVER_MS)), ProjectState(CORE, PROJECT)
    for event in life:
        reference.take(event)
        step(CORE, state, event)
        numbers = reference.numbers()
        assert suspicions(state) == (numbers.missing_since_ms, numbers.shared_since_ms)
        state.numbering.redate(state.newest_ms - CORE.grace_ms)
        assert suspicions(state) == (numbers.missing_since_ms, numbers.shared_since_ms), (
            "worked out anew it is the same"
        )
