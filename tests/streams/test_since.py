"""Since when numbers are missing or shared: the same in any order of arrival within the grace, and what the reference
says that takes all events in the order in which they happened."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faults.reference import Meaning, Reference
from models.event import Event, EventType
from streams.alerting.core import Core
from streams.project.fingerprint import fingerprint
from streams.project.project_state import ProjectState
from streams.project.step import step
from tests.streams.driving import INTEGRITY, PROJECT, Driven, at_ms, core_with, examples
from tests.streams.lives import NUMBERING, ORDINARY, arrivals, lives, with_resends

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
    return {
        n: hole.since_ms for hole in state.numbering.anomalies.suspects.holes for n in range(hole.start, hole.end + 1)
    }


def suspicions(state: ProjectState) -> tuple[dict[int, int], dict[int, int]]:
    """Number -> since when it is missing, and since when it is shared."""
    return missing_since(state), dict(state.numbering.anomalies.suspects.shared)


@examples(400)
@given(data=st.data())
def test_any_order_within_the_grace_dates_every_suspicion_alike(data: st.DataObject) -> None:
    life = data.draw(lives(*ORDINARY, *NUMBERING, *NUMBERING, waits_ms=(0, 1, 400, 7000), max_size=25))
    arriving = data.draw(arrivals(life).flatmap(with_resends))
    state, other = run(life), run(arriving)
    assert suspicions(state) == suspicions(other)
    assert fingerprint(state) == fingerprint(other)


@examples(200)
@given(life=lives("create", *NUMBERING, *NUMBERING, waits_ms=(0, 1, 400, 7000), max_size=25))
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


# --- by hand: each story is told in two orders, and both say the same


Told = dict[str, tuple[EventType, float, str, int]]  # kind, seconds, episode, number
Since = dict[int, float]  # number -> seconds


def told_in(order: str, events: Told, core: Core = CORE) -> Driven:
    """A project that has taken these in the order of their letters: kind, seconds, episode and number."""
    driven = Driven(core)
    for name in order:
        kind, at, episode, number = events[name]
        driven.event(kind, at, event_id=name, episode_id=episode, episode_number=number)
    return driven


CREATED, RENUMBERED, DELETED = EventType.CREATED, EventType.RENUMBERED, EventType.DELETED
STORIES: list[tuple[str, list[str], Told, Since, Since]] = [
    (
        "two owners of a number: shared since the second one got it",
        ["abx", "bax", "xba"],
        {"a": (CREATED, 10, "a", 1), "b": (CREATED, 20, "b", 1), "x": (CREATED, 30, "x", 2)},
        {},
        {1: 20},
    ),
    (
        "of three owners the second counts",
        ["abc", "cba", "bca", "cab"],
        {"a": (CREATED, 10, "a", 1), "b": (CREATED, 20, "b", 1), "c": (CREATED, 30, "c", 1)},
        {},
        {1: 20},
    ),
    (
        "an owner that left in between: shared since the third one got it",
        ["abBc", "acbB", "cbBa"],
        {
            "a": (CREATED, 10, "a", 1), "b": (CREATED, 20, "b", 1),
            "B": (DELETED, 25, "b", 0), "c": (CREATED, 30, "c", 1),
        },
        {},
        {1: 30},
    ),
    (
        "an owner that left after the third one got it: shared since the second did",
        ["abcB", "abBc", "cabB"],
        {
            "a": (CREATED, 10, "a", 1), "b": (CREATED, 20, "b", 1),
            "c": (CREATED, 30, "c", 1), "B": (DELETED, 40, "b", 0),
        },
        {},
        {1: 20},
    ),
    (
        "both owners leave: missing since the second did",
        ["abzAB", "abzBA", "zabBA"],
        {
            "a": (CREATED, 1, "a", 1), "b": (CREATED, 2, "b", 1), "z": (CREATED, 3, "z", 2),
            "A": (DELETED, 10, "a", 0), "B": (RENUMBERED, 20, "b", 3),
        },
        {1: 20},
        {},
    ),
    (
        "the highest number leaves before a higher one is taken: missing since it was taken",
        ["abBc", "acbB", "cabB"],
        {
            "a": (CREATED, 1, "a", 1), "b": (CREATED, 2, "b", 2),
            "B": (DELETED, 10, "b", 0), "c": (CREATED, 20, "c", 4),
        },
        {2: 20, 3: 20},
        {},
    ),
    (
        "the highest number leaves after a higher one was taken: missing since it left",
        ["abcB", "abBc", "cabB"],
        {
            "a": (CREATED, 1, "a", 1), "b": (CREATED, 2, "b", 2),
            "c": (CREATED, 10, "c", 4), "B": (DELETED, 20, "b", 0),
        },
        {2: 20, 3: 10},
        {},
    ),
    (
        "a higher number that was there for a while only: missing since the next one",
        ["abBc", "acbB", "cabB"],
        {
            "a": (CREATED, 1, "a", 1), "b": (CREATED, 10, "b", 6),
            "B": (DELETED, 15, "b", 0), "c": (CREATED, 20, "c", 5),
        },
        {2: 20, 3: 20, 4: 20},
        {},
    ),
    (
        "one that was moved away and taken again: missing since it was left for good",
        ["azmbB", "azbBm", "zambB"],
        {
            "a": (CREATED, 1, "a", 1), "z": (CREATED, 2, "z", 2), "m": (RENUMBERED, 10, "a", 3),
            "b": (CREATED, 20, "b", 1), "B": (RENUMBERED, 30, "b", 4),
        },
        {1: 30},
        {},
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("orders", "events", "missing", "shared"), [story[1:] for story in STORIES], ids=[story[0] for story in STORIES]
)
def test_a_suspicion_begins_when_it_did_however_it_was_told(
    orders: list[str],
    events: Told,
    missing: dict[int, float],
    shared: dict[int, float],
) -> None:
    for order in orders:
        state = told_in(order, events).state
        assert suspicions(state) == (
            {number: at_ms(seconds) for number, seconds in missing.items()},
            {number: at_ms(seconds) for number, seconds in shared.items()},
        ), order


def test_the_alert_about_it_has_one_id_and_one_beginning_and_its_finding_opens_at_one_moment() -> None:
    events = {"a": (CREATED, 10.0, "a", 1), "b": (CREATED, 20.0, "b", 1)}
    core = core_with(INTEGRITY)
    seen = []
    for order in ("ab", "ba"):
        driven = told_in(order, events, core)
        driven.until(100)
        (alert,) = driven.alerts
        (opened,) = driven.state.numbering.anomalies.history.entries  # type: ignore[union-attr]
        seen.append((alert.alert_id, alert.starts_at_ms, opened.at_ms, opened.since_ms, fingerprint(driven.state)))
    assert seen[0] == seen[1]
    assert seen[0][1:4] == (at_ms(80), at_ms(80), at_ms(20))


def test_an_alert_told_before_an_event_arrived_that_was_within_the_grace_stays_told_and_ends_with_it() -> None:
    """The one thing that depends on the order of arrival."""
    events = {
        "a": (CREATED, 0.0, "a", 1),
        "c": (CREATED, 10.0, "c", 3),
        "b": (CREATED, 65.0, "b", 2),
        "d": (CREATED, 80.0, "d", 4),
    }
    core = core_with(INTEGRITY)
    in_order, late = told_in("acbd", events, core), told_in("acdb", events, core)
    assert in_order.alerts == []
    assert [(alert.status.value, alert.updated_at_ms) for alert in late.alerts] == [
        ("firing", at_ms(70)), ("resolved", at_ms(80)),
    ]  # fmt: skip
    assert fingerprint(in_order.state) == fingerprint(late.state)


def test_a_number_that_changed_hands_in_one_moment_is_shared_as_long_as_it_was_before() -> None:
    events = {
        "a": (CREATED, 0.0, "a", 1),
        "b": (CREATED, 0.0, "b", 1),
        "c": (CREATED, 60.0, "c", 2),
        "A": (RENUMBERED, 61.0, "a", 2),
        "C": (RENUMBERED, 61.0, "c", 1),
    }
    for order in ("abcAC", "abcCA"):
        assert told_in(order, events, core_with(INTEGRITY)).duplicates == [1], order


def test_a_number_below_one_that_changed_hands_in_one_moment_is_missing_as_long_as_it_was_before() -> None:
    events = {
        "a": (CREATED, 0.0, "a", 1),
        "b": (CREATED, 0.0, "b", 3),
        "B": (RENUMBERED, 61.0, "b", 1),
        "A": (RENUMBERED, 61.0, "a", 3),
    }
    for order in ("abAB", "abBA"):
        assert told_in(order, events, core_with(INTEGRITY)).gaps == [2], order


def test_a_deletion_after_a_creation_counts_even_if_its_clock_shows_less() -> None:
    events = {"a": (CREATED, 10.0, "a", 1), "A": (DELETED, 5.0, "a", 0)}
    assert told_in("aA", events).live == []


def test_more_changes_than_are_remembered_make_no_suspicion_older_than_it_is() -> None:
    driven = Driven(core_with(INTEGRITY))
    driven.created(0, 1)
    driven.created(1, 3)  # number 2 is missing
    for number in range(4, 304):
        driven.created(2 + number / 10, number)
    driven.deleted(40, "ep-100")
    driven.created(39, 304)  # out of order
    assert missing_since(driven.state) == {2: at_ms(1), 100: at_ms(40)}
    assert driven.gaps == []
