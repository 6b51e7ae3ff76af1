"""The pure comparisons: whatever two sides hold, what is named says all of it and nothing else."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from episode_monitor.replay.against.compare_facts import compare_facts
from episode_monitor.replay.against.compare_table import table_differences
from episode_monitor.replay.against.difference import Difference
from episode_monitor.replay.against.evidence import Evidence, field_of
from episode_monitor.replay.against.paired_numbers import Held, Paired, paired
from episode_monitor.replay.source import Line
from models.project_facts import ProjectFacts
from streams.partition.drift import differences
from streams.partition.drift_values import Holdings
from streams.views.project_facts import facts_of
from tests.replay.against_support import Live, Topic, compared, event

Pairs = list[Held]

PAIRS = st.lists(st.tuples(st.integers(1, 5), st.sampled_from("abcd")), unique=True)
ONE_NUMBER_EACH = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 6)).map(
    lambda held: [(number, episode) for episode, number in held.items()]
)


def by_number(pairs: Sequence[Held]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for number, episode in sorted(pairs):
        found.setdefault(number, []).append(episode)
    return found


@pytest.mark.parametrize(
    ("here", "there", "expected"),
    [
        ([], [], []),
        ([(1, "a")], [], [((1, "a"), None)]),
        ([], [(1, "a")], [(None, (1, "a"))]),
        ([(1, "a")], [(1, "b")], [((1, "a"), (1, "b"))]),
        ([(1, "a")], [(2, "a")], [((1, "a"), (2, "a"))]),
        ([(1, "a"), (2, "b")], [(1, "b"), (2, "a")], [((1, "a"), (2, "a")), ((2, "b"), (1, "b"))]),
        ([(1, "a"), (1, "b")], [(1, "c")], [((1, "a"), (1, "c")), ((1, "b"), None)]),
        ([(1, "a"), (2, "b")], [(2, "a"), (3, "c")], [((1, "a"), (2, "a")), ((2, "b"), None), (None, (3, "c"))]),
        ([(1, "a"), (2, "a")], [(3, "a")], [((1, "a"), (3, "a")), ((2, "a"), None)]),
    ],
)
def test_an_episode_with_another_number_is_one_difference_and_so_is_a_number_of_another_episode(
    here: Pairs, there: Pairs, expected: list[tuple[Held | None, Held | None]]
) -> None:
    assert list(paired(by_number(here), by_number(there))) == [Paired(*pair) for pair in expected]


@given(here=PAIRS, there=PAIRS)
def test_all_that_one_side_alone_has_is_in_one_pair(here: Pairs, there: Pairs) -> None:
    left, right = set(here) - set(there), set(there) - set(here)
    found = list(paired(by_number(sorted(left)), by_number(sorted(right))))
    assert Counter(pair.ours for pair in found if pair.ours) == Counter(left)
    assert Counter(pair.theirs for pair in found if pair.theirs) == Counter(right)
    for pair in found:
        assert pair.ours is None or pair.theirs is None or (pair.ours[0] == pair.theirs[0]) != (
            pair.ours[1] == pair.theirs[1]
        )  # fmt: skip


# --- facts


def facts(pairs: Sequence[Held]) -> ProjectFacts | None:
    """A project that has these numbers."""
    lines: list[Line | None] = [event("p", number, episode_id=episode, event_id=episode) for number, episode in pairs]
    return facts_of(Live(lines).partitions[0], "p")


def sides(found: Sequence[Difference]) -> tuple[set[Held], set[Held]]:
    """What the differences about numbers say that each side alone has."""
    ours: set[Held] = set()
    theirs: set[Held] = set()
    for one in found:
        if one.number is None or one.episode_id is None:
            continue
        for held, value in ((ours, one.replayed), (theirs, one.other)):
            if isinstance(value, int):
                held.add((value, one.episode_id))
            elif value is not None:
                held.add((one.number, value))
    return ours, theirs


@given(here=ONE_NUMBER_EACH, there=ONE_NUMBER_EACH)
def test_facts_differ_where_their_hashes_do_and_every_number_of_one_side_alone_is_named(
    here: Pairs, there: Pairs
) -> None:
    replayed, live = facts(here), facts(there)
    if replayed is None and live is None:
        return
    found = compare_facts(replayed, live, Evidence())
    if replayed is None or live is None:
        assert len(found) == 1
        return
    same = replayed.state_hash == live.state_hash and replayed.applied == live.applied
    assert (found == []) == same
    assert sides(found) == (set(here) - set(there), set(there) - set(here))


# --- the table


@given(here=PAIRS, there=PAIRS)
def test_of_a_table_every_number_of_one_side_alone_is_named(here: Pairs, there: Pairs) -> None:
    held = Holdings(
        project_id="p", partition=0, applied=9, numbers=[number for number, _ in sorted(here)],
        owners=[owner for _, owner in sorted(here)], explained=[], gaps=[], duplicates=[], capped=False,
    )  # fmt: skip
    found = table_differences("p", differences(held, there), held, Evidence())
    if not here and not there:
        assert found == []
    elif here and not there:
        assert [(one.what, one.replayed, one.number) for one in found] == [
            ("only in topic", f"{len(here)} episodes", None)
        ]
    else:
        assert sides(found) == (set(here) - set(there), set(there) - set(here))


# --- what a record that cannot be used says


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b'{"episode_number": 7}', 7),
        (b'{"data": {"episode_number": 7}}', 7),
        (b'{"data": {"data": {"episode_number": 7}}}', None),
        (b'{"episode_number": 7', None),
        (b"[7]", None),
        (b"\xff", None),
        (b"", None),
        (None, None),
        (b"[" * 5_000, None),
    ],
)
def test_a_field_of_a_record_that_is_no_event(value: bytes | None, expected: int | None) -> None:
    assert field_of(value, "episode_number") == expected


@given(st.binary())
def test_no_bytes_break_the_look_at_a_field(value: bytes) -> None:
    field_of(value, "episode_id")


# --- whole topics


@st.composite
def edited(draw: st.DrawFn) -> tuple[list[Line], list[Line], str]:
    """A history of three projects, a copy with one record removed, inserted, or altered, and the project of it."""
    order = draw(st.lists(st.sampled_from("abc"), min_size=3, max_size=24))
    history: list[Line] = []
    for at, project in enumerate(order):
        number = 1 + order[:at].count(project)
        history.append(event(project, number, at, event_id=str(at)))
    place = draw(st.integers(0, len(history) - 1))
    project, number = order[place], 1 + order[:place].count(order[place])
    what = draw(st.sampled_from(["removed", "inserted", "number", "episode", "duration", "time"]))
    fields: dict[str, Any] = {"event_id": str(place)}
    if what == "number":
        fields["episode_id"] = f"ep-{project}-{number}"
    if what == "episode":
        fields["episode_id"] = "someone-else"
    if what == "duration":
        fields["duration_seconds"] = 9.0
    if what == "inserted":
        fields["event_id"] = "new"
    other = event(project, 90 if what in ("number", "inserted") else number, place + 600 * (what == "time"), **fields)
    new = {"removed": [], "inserted": [other, history[place]]}.get(what, [other])
    return history, [*history[:place], *new, *history[place + 1 :]], project


@given(edited(), st.booleans())
def test_whatever_is_done_to_one_record_its_project_is_named_and_others_have_moved_at_most(
    case: tuple[list[Line], list[Line], str], is_swapped: bool
) -> None:
    history, copy, project = case
    if is_swapped:
        assume(copy != history[:-1])  # then the live monitor has only not read the last one yet
        history, copy = copy, history
    found = asyncio.run(compared(Topic(copy), Live(history)))
    assert project in {one.project_id for one in found.differences}
    assert {one.project_id for one in found.differences if one.what != "record moved"} <= {project}
    numbers = [one for one in found.differences if one.number is not None]
    assert len(numbers) <= 1
