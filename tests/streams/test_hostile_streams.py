"""Streams made to cost much: what a project holds stays within its bounds, says so, and no event takes long for all."""

import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.event import Event, EventType
from streams.base.numbering_rules import NumberingRules
from streams.numbering import numbering as bounds
from streams.numbering.chunks import CHUNK_SHIFT
from streams.numbering.numbering import Numbering
from streams.numbering.suspects import SPARE_STEPS
from streams.project.project_state import ProjectState
from streams.project.state_codec import canonical, checkpoint, decode, head_of
from streams.project.step import step
from testbed.properties import scaled
from tests.streams.driving import PROJECT, SHIPPED, START_MS, Driven, core_with, examples

MAX_RECORD_BYTES = 16 * 1024 * 1024  # of the changelog
LONG_ID = "\U0001f3ac" * 191


def numbered(*numbers: int, **settings: Any) -> Driven:
    """A project whose episodes got these numbers, all at the same moment."""
    project = Driven(core_with(*SHIPPED, **settings))
    for number in numbers:
        project.created(0, number)
    return project


def drive(project: Driven, events: Iterable[Event]) -> None:
    for offset, event in enumerate(events):
        project.state.applied = offset
        step(project.core, project.state, event)


def created(count: int, number: int, episode: str, at_ms: int = START_MS) -> Event:
    return Event(f"ev-{count}", EventType.CREATED, PROJECT, at_ms, f"ev-{count}", episode, number)


def stored_and_read(project: Driven) -> tuple[int, ProjectState]:
    """The size of the head, and the state read back from it and its chunks."""
    stored = checkpoint(project.state)
    chunks = {(index, version): content for index, version, content in stored.chunks}
    read = decode(project.core, PROJECT, stored.head, lambda index, version: chunks[index, version])
    return len(stored.head), read


def test_random_numbers_are_set_aside_or_followed_up_to_the_bounds_and_the_project_is_marked() -> None:
    """Numbers from 1 to 2 147 483 647: before long two lie near each other, and all below them is plausible."""
    chance, project, count = random.Random(1), Driven(), scaled(60_000)
    drive(project, (created(i, chance.randrange(1, 2**31), f"ep-{i}") for i in range(count)))
    state, most = project.state, bounds.MAX_SPARSE_CHUNKS + (100_000 >> CHUNK_SHIFT)
    assert head_of(state).capped
    assert len(state.numbering.anomalies.aside) <= bounds.MAX_SET_ASIDE
    assert 64 < len(state.numbering.episodes.chunks) <= most
    assert len(state.numbering.episodes) < count
    size, read = stored_and_read(project)
    assert size < 200_000
    assert canonical(read) == canonical(state)


def test_numbers_far_apart_cost_no_more_chunks_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_SPARSE_CHUNKS", 10)
    project = numbered(*(1 + 1000 * i for i in range(20)), max_episodes=256)
    assert project.live == [1 + 1000 * i for i in range(11)]  # ten and the one that 256 episodes fill
    assert head_of(project.state).capped
    project.created(0, 2, "near")
    assert 2 in project.live, "where its chunk exists a number is still followed"


def test_holes_are_bounded_whether_numbers_are_skipped_deleted_or_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_HOLES", 5)
    skipping = numbered(*range(1, 41, 2))
    assert skipping.live == [1, 3, 5, 7, 9, 11]
    moving = numbered(1, 900)
    for i in range(20):
        moving.renumbered(0, "ep-1", 100 + 10 * i)
    assert moving.state.numbering.anomalies.suspects.count <= 6
    coming_and_going = numbered(1, 900)
    for i in range(20):
        coming_and_going.created(0, 100 + 10 * i, f"brief-{i}")
        coming_and_going.deleted(0, f"brief-{i}")
    assert coming_and_going.state.numbering.anomalies.suspects.count <= 6
    assert head_of(skipping.state).capped
    assert head_of(moving.state).capped
    assert head_of(coming_and_going.state).capped


def test_what_makes_a_full_project_smaller_is_always_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_HOLES", 2)
    project = numbered(1, 3, 5, 7)
    assert project.live == [1, 3, 5]
    project.deleted(1, "ep-5")
    assert project.live == [1, 3]


def test_one_number_held_by_very_many_episodes_with_long_names_fits_into_a_record() -> None:
    """All of its holders stand in the head: a head too large for its topic would stop the worker again and again."""
    project = Driven()
    drive(project, (created(i, 1, f"{i:09}{LONG_ID}") for i in range(25_000)))
    assert head_of(project.state).capped
    size, read = stored_and_read(project)
    assert bounds.MAX_SHARED_BYTES < size < MAX_RECORD_BYTES / 2
    assert (
        read.numbering.episodes.shared_bytes == project.state.numbering.episodes.shared_bytes <= bounds.MAX_SHARED_BYTES
    )
    for episode in list(read.numbering.episodes):
        read.numbering.delete(episode, START_MS, START_MS, START_MS)
    assert read.numbering.episodes.shared_bytes == 0


def test_events_told_backwards_with_gaps_between_them_cost_one_step_of_memory() -> None:
    """Each of them shows that all gaps below are older than they seemed."""
    project, count = Driven(), scaled(20_000)
    drive(project, (created(i, 1 + 2 * i, f"ep-{i}", START_MS - i) for i in range(count)))
    suspects = project.state.numbering.anomalies.suspects
    assert suspects.count == count - 1
    assert {hole.since_ms for hole in suspects.holes} == {START_MS - count + 1}
    assert len(suspects._tops) == 1


def test_steps_that_no_hole_needs_are_cleared_away() -> None:
    project = numbered(1, 3)
    for i in range(1000):  # number 2 stays missing, every other gap is closed by the next event
        project.created(0.001 * (i + 1), 5 + 2 * i, f"upper-{i}")
        project.created(0.001 * (i + 1), 4 + 2 * i, f"lower-{i}")
    suspects = project.state.numbering.anomalies.suspects
    assert [hole.start for hole in suspects.holes] == [2]
    assert len(suspects._tops) <= SPARE_STEPS + 2
    assert suspects.oldest_ms() == START_MS


TAKEN = st.dictionaries(st.integers(1, 40), st.integers(0, 50), min_size=1, max_size=30)  # number -> time


def test_a_number_deleted_above_has_no_say_in_when_later_holes_began() -> None:
    project = numbered(1)
    project.created(5, 40)
    project.created(7, 3)
    project.deleted(8, "ep-40")
    project.created(20, 10)
    holes = [
        (hole.start, hole.end, hole.since_ms - START_MS) for hole in project.state.numbering.anomalies.suspects.holes
    ]
    assert holes == [(2, 2, 5_000), (4, 9, 20_000)]


@examples(300)
@given(TAKEN, st.booleans())
def test_a_number_is_missing_since_the_earliest_event_that_took_a_higher_one(
    taken: dict[int, int], is_stored: bool
) -> None:
    numbering = Numbering(NumberingRules(settle_ms=10**9))
    for number, at_ms in taken.items():
        numbering.hold(b"%d" % number, number, 1000 + at_ms, 1000 + at_ms, 2000 - 10_000)
        if is_stored:
            numbering.anomalies.suspects.restore(numbering.anomalies.suspects.holes, {})
    expected = {
        missing: 1000 + min(at_ms for number, at_ms in taken.items() if number > missing)
        for missing in range(1, max(taken))
        if missing not in taken
    }
    holes = numbering.anomalies.suspects.holes
    found = {number: hole.since_ms for hole in holes for number in range(hole.start, hole.end + 1)}
    assert found == expected
    assert numbering.anomalies.suspects.oldest_ms() == min(expected.values(), default=None)


@examples(200)
@given(TAKEN, st.lists(st.integers(1, 40), max_size=10), st.integers(0, 60))
def test_holes_settle_at_their_own_time_whatever_was_deleted_above_them(
    taken: dict[int, int], deleted: list[int], limit_ms: int
) -> None:
    """As if every missing number were remembered by itself, with the time since when."""
    numbering, since, live = Numbering(NumberingRules(settle_ms=10**9)), dict[int, int](), set[int]()
    for number, at_ms in taken.items():
        at_ms += 1000
        for missing in range(max(live, default=0) + 1, number):
            since[missing] = at_ms
        since.pop(number, None)
        since = {n: min(known, at_ms) if n < number else known for n, known in since.items()}
        live.add(number)
        numbering.hold(b"%d" % number, number, at_ms, at_ms, 2000 - 10_000)
    for number in deleted:
        if number in live and number == max(live):
            live.discard(number)
            since = {n: known for n, known in since.items() if n < max(live, default=0)}
            numbering.delete(b"%d" % number, 2000, 2000, 2000 - 10_000)
    numbering.anomalies.suspects.settle(1000 + limit_ms)
    found = [n for hole in numbering.anomalies.suspects.holes for n in range(hole.start, hole.end + 1)]
    assert found == sorted(n for n, known in since.items() if known > 1000 + limit_ms)


def test_durations_of_every_size_leave_a_state_that_fits_into_a_record() -> None:
    chance, project = random.Random(2), Driven(core_with(*SHIPPED))
    events = (
        Event(f"ev-{i}", EventType.CREATED, PROJECT, START_MS + 250 * i, f"ev-{i}", f"ep-{i}", i + 1, None,
              10 ** chance.uniform(-6, 7))
        for i in range(40_000)
    )  # fmt: skip
    drive(project, events)
    size, read = stored_and_read(project)
    assert size < 1_000_000
    assert canonical(read) == canonical(project.state)
