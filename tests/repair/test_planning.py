"""The planner: by hand, and for any rows that a database can hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from episode_monitor.repair.errors import CannotPlan
from episode_monitor.repair.planning import (
    Change,
    EpisodeRow,
    Strategy,
    after,
    inverse,
    numbers_of,
    plan,
)
from models.event import MAX_EPISODE_NUMBER
from models.repair import ProjectNumbers


def rows(*numbers: int) -> list[EpisodeRow]:
    """Episodes ep_1, ep_2, … with these numbers."""
    return [EpisodeRow(episode_id=f"ep_{place}", number=number) for place, number in enumerate(numbers, 1)]


def moves(changes: list[Change]) -> list[tuple[str, int, int]]:
    return [(change.episode_id, change.old_number, change.new_number) for change in changes]


def test_the_project_of_the_seed_is_numbered_anew_in_its_present_order() -> None:
    assert moves(plan(rows(1, 2, 4, 7), Strategy.COMPACT)) == [("ep_3", 4, 3), ("ep_4", 7, 4)]


def test_what_goes_up_goes_from_the_highest_down() -> None:
    assert moves(plan(rows(1, 1, 2, 3), Strategy.COMPACT)) == [("ep_4", 3, 4), ("ep_3", 2, 3), ("ep_2", 1, 2)]


def test_a_healthy_project_needs_no_change() -> None:
    for strategy in Strategy:
        assert plan(rows(2, 1, 3), strategy) == []
        assert plan([], strategy) == []


def test_the_later_episode_of_a_duplicate_goes_to_the_end() -> None:
    assert moves(plan(rows(1, 2, 2, 2, 5), Strategy.DUPLICATES_TO_END)) == [("ep_4", 2, 7), ("ep_3", 2, 6)]


def test_the_later_episode_of_a_duplicate_fills_the_lowest_gaps() -> None:
    assert moves(plan(rows(1, 2, 2, 2, 4, 4), Strategy.DUPLICATES_TO_GAPS)) == [
        ("ep_6", 4, 6),
        ("ep_4", 2, 5),
        ("ep_3", 2, 3),
    ]


def test_later_is_by_time_of_creation_where_that_is_known_else_by_id_with_digits_as_numbers() -> None:
    by_id = [EpisodeRow(episode_id=name, number=1) for name in ("ep_10", "ep_9")]
    assert moves(plan(by_id, Strategy.COMPACT)) == [("ep_10", 1, 2)]
    by_age = [EpisodeRow(episode_id="ep_10", number=1, age=0), EpisodeRow(episode_id="ep_9", number=1, age=1)]
    assert moves(plan(by_age, Strategy.COMPACT)) == [("ep_9", 1, 2)]


def test_numbers_out_of_range_are_brought_into_it() -> None:
    assert moves(plan(rows(-5, 0, 1, 2**40), Strategy.COMPACT)) == [
        ("ep_4", 2**40, 4),
        ("ep_3", 1, 3),
        ("ep_2", 0, 2),
        ("ep_1", -5, 1),
    ]
    assert moves(plan(rows(-5, -5), Strategy.DUPLICATES_TO_END)) == [("ep_2", -5, 1)]


def test_behind_the_highest_number_there_is_no_room() -> None:
    with pytest.raises(CannotPlan, match="choose the strategy compact"):
        plan(rows(MAX_EPISODE_NUMBER, MAX_EPISODE_NUMBER), Strategy.DUPLICATES_TO_END)


def test_what_is_wrong_is_counted() -> None:
    assert numbers_of(rows(1, 2, 2, 5, 0, 2**40)) == ProjectNumbers(
        episodes=6, max_number=5, gaps=2, duplicates=1, out_of_range=2
    )
    assert numbers_of([]) == ProjectNumbers(episodes=0, max_number=0, gaps=0, duplicates=0, out_of_range=0)


NUMBERS = st.one_of(st.integers(1, 12), st.integers(-3, 40), st.integers(1, MAX_EPISODE_NUMBER - 100))
PROJECTS = st.dictionaries(st.text(min_size=1, max_size=6), NUMBERS, max_size=30).map(
    lambda held: [EpisodeRow(episode_id=name, number=number) for name, number in held.items()]
)


@given(PROJECTS)
def test_a_compacted_project_is_one_to_n_in_the_order_it_had(project: list[EpisodeRow]) -> None:
    mended = after(project, plan(project, Strategy.COMPACT))
    assert sorted(row.number for row in mended) == list(range(1, len(project) + 1))
    before = {row.episode_id: row.number for row in project}
    in_order = [before[row.episode_id] for row in sorted(mended, key=lambda row: row.number)]
    assert in_order == sorted(in_order)


@given(PROJECTS, st.sampled_from([Strategy.DUPLICATES_TO_END, Strategy.DUPLICATES_TO_GAPS]))
def test_moving_duplicates_leaves_none_and_moves_no_first_holder(project: list[EpisodeRow], strategy: Strategy) -> None:
    changes = plan(project, strategy)
    mended = after(project, changes)
    assert len({row.number for row in mended}) == len(project)
    assert {row.number for row in project} <= {row.number for row in mended}
    assert len(changes) == len(project) - len({row.number for row in project})
    assert all(change.new_number >= 1 for change in changes)


@given(PROJECTS, st.sampled_from(Strategy))
def test_no_number_is_taken_while_another_holds_it(project: list[EpisodeRow], strategy: Strategy) -> None:
    held = {row.episode_id: row.number for row in project}
    for change in plan(project, strategy):
        assert held[change.episode_id] == change.old_number
        assert change.new_number not in held.values()
        held[change.episode_id] = change.new_number


@given(PROJECTS, st.sampled_from(Strategy))
def test_the_inverse_of_a_plan_restores_every_number(project: list[EpisodeRow], strategy: Strategy) -> None:
    changes = plan(project, strategy)
    assert after(after(project, changes), inverse(changes)) == project


@given(PROJECTS, st.sampled_from(Strategy), st.randoms(use_true_random=False))
def test_a_plan_does_not_depend_on_the_order_of_the_rows(project: list[EpisodeRow], strategy: Strategy, random) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(project)
    random.shuffle(shuffled)
    assert plan(shuffled, strategy) == plan(project, strategy)
