"""What the numbers of a project mean, sentence by sentence, with expected values by hand."""

from typing import Any

import pytest

from streams.base.numbering_rules import DeletedNumbers, health_score
from streams.numbering.numbering import MAX_MOVES_REMEMBERED, MAX_SET_ASIDE
from streams.project.state_codec import head_of
from tests.streams.driving import INTEGRITY, SHIPPED, Driven, core_with, told


def numbered(*numbers: int, **settings: Any) -> Driven:
    """A project whose episodes were created with these numbers at second 0."""
    project = Driven(core_with(INTEGRITY, **settings))
    for number in numbers:
        project.created(0, number)
    return project


# --- gaps


def test_a_number_that_nobody_holds_is_suspect_at_first_and_open_at_exactly_60_seconds() -> None:
    project = numbered(1, 2, 4)
    assert (project.suspect_gaps, project.gaps) == ([3], [])
    project.until(59.999)
    assert (project.suspect_gaps, project.gaps) == ([3], [])
    project.until(60)
    assert (project.suspect_gaps, project.gaps) == ([], [3])
    assert told(project.alerts) == [("integrity", "firing", "threshold_crossed", 60.0)]


def test_an_event_at_exactly_60_seconds_comes_after_the_gap_has_opened() -> None:
    project = numbered(1, 3)
    project.created(60, 2)
    assert [(status, reason) for _, status, reason, _ in told(project.alerts)] == [
        ("firing", "threshold_crossed"),
        ("resolved", "back_to_normal"),
    ]
    assert project.gaps == []


def test_a_gap_that_is_filled_in_time_raises_nothing() -> None:
    project = numbered(1, 3)
    project.created(59.999, 2)
    project.until(3600)
    assert (project.gaps, project.suspect_gaps, project.alerts) == ([], [], [])


def test_a_gap_is_any_missing_number_from_1_to_the_highest_live_one() -> None:
    project = numbered(3, 7)
    project.until(60)
    assert project.gaps == [1, 2, 4, 5, 6]
    assert project.state.numbering.max_number == 7


def test_a_million_missing_numbers_are_one_interval() -> None:
    project = numbered(1, max_jump=2_000_000)
    project.created(0, 1_000_002)
    project.until(60)
    assert list(project.state.numbering.anomalies.open_gaps) == [(2, 1_000_001)]
    assert head_of(project.state).gaps == 1_000_000


def test_filling_the_middle_of_a_suspect_hole_keeps_since_when_the_rest_is_missing() -> None:
    project = numbered(1, 5)
    project.created(30, 3)
    project.until(60)
    assert project.gaps == [2, 4]


def test_a_hole_is_as_old_as_the_oldest_statement_that_shows_it() -> None:
    project = numbered(1)
    project.created(40, 9)  # 2 … 8 seem to be missing since 40
    project.created(10, 5)  # arrives later: 2 … 4 have been missing since 10
    project.until(70)
    assert (project.gaps, project.suspect_gaps) == ([2, 3, 4], [6, 7, 8])
    project.until(100)
    assert project.gaps == [2, 3, 4, 6, 7, 8]


def test_the_number_just_below_an_earlier_statement_is_not_missing_any_longer_than_it_says() -> None:
    project = numbered(1)
    project.created(40, 4)  # 2, 3 since 40
    project.created(10, 3)  # 2 since 10
    project.until(70)
    assert (project.gaps, project.suspect_gaps) == ([2], [])


def test_no_hole_is_older_than_the_leaving_of_its_last_holder() -> None:
    project = numbered(1, 2, 3)
    project.deleted(50, "ep-2")
    project.created(10, 4)  # shows nothing about 2, which was held until 50
    project.until(109.999)
    assert (project.gaps, project.suspect_gaps) == ([], [2])
    project.until(110)
    assert project.gaps == [2]


def test_a_hole_that_was_filled_and_opens_again_is_suspect_from_then_on() -> None:
    project = numbered(1, 2, 3)
    project.deleted(10, "ep-2")
    project.created(20, 2, "again")
    project.deleted(30, "again")
    project.until(89.999)
    assert (project.gaps, project.suspect_gaps) == ([], [2])
    project.until(90)
    assert project.gaps == [2]


def test_a_number_held_twice_again_is_suspect_from_then_on() -> None:
    project = numbered(1, 2)
    project.created(10, 2, "second")
    project.renumbered(20, "second", 3)
    project.renumbered(30, "second", 2)
    project.until(89.999)
    assert (project.duplicates, project.suspect_duplicates) == ([], [2])
    project.until(90)
    assert project.duplicates == [2]


def test_findings_vanish_when_the_numbers_above_them_do() -> None:
    project = numbered(1, 5)
    project.until(60)
    assert project.gaps == [2, 3, 4]
    project.deleted(61, "ep-5")
    assert (project.gaps, project.suspect_gaps, project.state.numbering.max_number) == ([], [], 1)
    assert project.alerts[-1].status.value == "resolved"


def test_renumbering_the_highest_episode_leaves_the_other_gaps_as_open_as_they_were() -> None:
    project = numbered(1, 9)
    project.until(60)
    project.renumbered(100, "ep-9", 8)
    assert (project.gaps, project.suspect_gaps) == ([2, 3, 4, 5, 6, 7], [])
    assert len(project.alerts) == 1, "the alert goes on without a break"


def test_renumbering_the_highest_episode_does_not_start_a_suspicion_anew() -> None:
    project = numbered(1, 4)
    project.renumbered(50, "ep-4", 3)
    project.until(60)
    assert project.gaps == [2]


def test_a_gap_appears_where_a_renumbered_episode_left() -> None:
    project = numbered(1, 2, 3)
    project.renumbered(100, "ep-2", 4)
    project.until(159.999)
    assert (project.gaps, project.suspect_gaps) == ([], [2])
    project.until(160)
    assert project.gaps == [2]


# --- deleted numbers


def test_the_number_of_a_deleted_episode_is_a_gap_by_default() -> None:
    project = numbered(1, 2, 3)
    project.deleted(10, "ep-2")
    project.until(70)
    assert project.gaps == [2]


def test_the_number_of_a_deleted_episode_is_explained_if_deleted_numbers_are_holes() -> None:
    project = numbered(1, 2, 3, deleted=DeletedNumbers.HOLE)
    project.deleted(10, "ep-2")
    project.until(3600)
    assert (project.gaps, project.suspect_gaps, project.alerts) == ([], [], [])
    assert list(project.state.numbering.anomalies.explained) == [(2, 2)]


def test_a_deleted_last_number_stays_explained_when_higher_ones_follow() -> None:
    project = numbered(1, 2, 3, deleted=DeletedNumbers.HOLE)
    project.deleted(10, "ep-3")
    project.created(20, 5)
    project.until(3600)
    assert project.gaps == [4]


def test_an_explained_number_that_is_taken_and_left_again_is_a_gap() -> None:
    project = numbered(1, 2, 3, deleted=DeletedNumbers.HOLE)
    project.deleted(10, "ep-2")
    project.created(20, 2, "again")
    project.renumbered(30, "again", 4)
    project.until(90)
    assert project.gaps == [2]


def test_a_hole_of_renumbering_is_a_gap_even_if_deleted_numbers_are_not() -> None:
    project = numbered(1, 2, 3, deleted=DeletedNumbers.HOLE)
    project.renumbered(10, "ep-2", 4)
    project.until(70)
    assert project.gaps == [2]


# --- duplicates


def test_a_number_held_twice_is_suspect_at_first_and_a_duplicate_at_exactly_60_seconds() -> None:
    project = numbered(1, 2)
    project.created(10, 2, "second")
    project.until(69.999)
    assert (project.suspect_duplicates, project.duplicates) == ([2], [])
    project.until(70)
    assert (project.suspect_duplicates, project.duplicates) == ([], [2])
    assert project.state.numbering.episodes.duplicates == {2: [b"ep-2", b"second"]}


def test_a_duplicate_ends_when_only_one_episode_is_left() -> None:
    project = numbered(1, 2)
    project.created(0, 2, "second")
    project.created(0, 2, "third")
    project.until(60)
    project.deleted(70, "ep-2")
    assert project.duplicates == [2]
    project.renumbered(80, "second", 3)
    assert project.duplicates == []
    assert project.state.numbering.episodes.owner(2) == b"third"
    assert project.live == [1, 2, 3]


def test_a_swap_raises_nothing() -> None:
    project = numbered(1, 2, 3, 4)
    project.renumbered(100, "ep-3", 4)
    assert (project.suspect_gaps, project.suspect_duplicates) == ([3], [4])
    project.renumbered(101, "ep-4", 3)
    project.until(3600)
    assert (project.gaps, project.duplicates, project.suspect_gaps, project.suspect_duplicates) == ([], [], [], [])
    assert project.alerts == []


def test_a_swap_whose_second_half_arrives_first_raises_nothing_either() -> None:
    project = numbered(1, 2, 3, 4)
    project.renumbered(101, "ep-4", 3)
    project.renumbered(100, "ep-3", 4)
    project.until(3600)
    assert project.alerts == []
    assert project.live == [1, 2, 3, 4]


def test_a_repeated_statement_of_the_same_episode_and_number_is_counted_and_nothing_else() -> None:
    project = numbered(1, 2)
    project.created(10, 2)
    project.renumbered(20, "ep-2", 2)
    project.renumbered(20, "ep-2", 2)
    project.created(30, 2, backfill=True)
    project.until(3600)
    assert project.state.numbering.restatements == 4
    assert (project.duplicates, project.suspect_duplicates, project.live) == ([], [], [1, 2])


def test_a_repeated_statement_of_a_number_set_aside_confirms_nothing() -> None:
    project = numbered(1)
    project.created(0, 5000)
    project.created(10, 5000)
    assert project.state.numbering.restatements == 1
    assert project.live == [1]


# --- implausible jumps


def test_a_number_more_than_1000_above_the_highest_is_one_finding_set_aside_and_no_gaps() -> None:
    project = numbered(1)
    project.created(0, 1002, "far")
    project.until(3600)
    assert project.state.numbering.anomalies.aside == {b"far": (1002, project.events[1].occurred_at_ms)}
    assert (project.live, project.gaps, project.alerts) == ([1], [], [])


def test_a_number_exactly_1000_above_the_highest_is_plausible() -> None:
    project = numbered(1)
    project.created(0, 1001)
    project.until(60)
    assert project.live == [1, 1001]
    assert list(project.state.numbering.anomalies.open_gaps) == [(2, 1000)]


def test_a_second_event_within_1000_of_it_confirms_a_jump() -> None:
    project = numbered(1)
    project.created(0, 5000, "far")
    project.created(30, 6000, "farther")
    assert project.live == [1, 5000, 6000]
    assert project.state.numbering.anomalies.aside == {}
    project.until(60)
    assert list(project.state.numbering.anomalies.open_gaps) == [(2, 4999)]
    project.until(90)
    assert list(project.state.numbering.anomalies.open_gaps) == [(2, 4999), (5001, 5999)]


def test_a_second_event_farther_than_1000_from_it_does_not() -> None:
    project = numbered(1)
    project.created(0, 5000, "far")
    project.created(0, 6001, "farther")
    assert project.live == [1]
    assert len(project.state.numbering.anomalies.aside) == 2


def test_two_episodes_with_the_same_implausible_number_confirm_it_and_are_a_duplicate() -> None:
    project = numbered(1)
    project.created(0, 5000, "one")
    project.created(0, 5000, "other")
    project.until(60)
    assert project.duplicates == [5000]


def test_a_number_set_aside_is_believed_when_the_others_have_come_near() -> None:
    project = numbered(1)
    project.created(0, 1500, "far")
    project.created(10, 700)
    assert project.live == [1, 700, 1500]


def test_an_episode_set_aside_may_get_a_plausible_number_or_be_deleted() -> None:
    project = numbered(1)
    project.created(0, 5000, "far")
    project.renumbered(10, "far", 2)
    project.created(20, 9000, "gone")
    project.deleted(30, "gone")
    assert project.live == [1, 2]
    assert project.state.numbering.anomalies.aside == {}


def test_plausibility_goes_by_the_highest_number_ever_so_that_deletions_do_not_matter() -> None:
    project = numbered(1, 900, 1800)
    project.deleted(10, "ep-1800")
    project.deleted(10, "ep-900")
    project.created(20, 2500)
    assert project.live == [1, 2500]


def test_only_so_many_numbers_are_set_aside_and_the_lowest_stay() -> None:
    project = numbered(1)
    for i in range(MAX_SET_ASIDE, -1, -1):
        project.created(0, 5000 + 2000 * i)
    numbers = sorted(number for number, _ in project.state.numbering.anomalies.aside.values())
    assert numbers == [5000 + 2000 * i for i in range(MAX_SET_ASIDE)]
    assert head_of(project.state).capped


# --- the first number


def test_the_first_expected_number_may_be_another_than_1() -> None:
    project = numbered(12, first_number=10)
    project.until(60)
    assert project.gaps == [10, 11]


def test_numbers_below_the_first_expected_one_are_live_and_leave_no_gaps() -> None:
    project = numbered(3, 10, first_number=10)
    project.deleted(10, "ep-3")
    project.until(3600)
    assert (project.gaps, project.live) == ([], [10])


def test_for_a_topic_whose_beginning_is_gone_the_first_number_seen_is_the_first_expected() -> None:
    project = numbered(4711, 4713, first_number=None)
    project.until(60)
    assert project.gaps == [4712]


def test_the_first_number_seen_may_arrive_second() -> None:
    project = numbered(4713, 4711, first_number=None)
    project.until(60)
    assert project.gaps == [4712]
    assert project.state.numbering.base == 4711


# --- order


def test_an_older_statement_that_arrives_later_does_not_undo_a_renumbering() -> None:
    project = numbered(1, 2)
    project.renumbered(30, "ep-2", 3)
    project.created(10, 2)
    assert project.live == [1, 3]


def test_a_number_stated_by_an_older_statement_counts_for_plausibility_all_the_same() -> None:
    project = numbered(1)
    project.renumbered(30, "ep-900", 2)
    project.created(10, 900)
    project.created(40, 1500)
    assert project.live == [1, 2, 1500]


def test_a_creation_that_arrives_after_the_deletion_creates_nothing() -> None:
    project = numbered(1)
    project.deleted(30, "ep-2")
    project.created(10, 2)
    assert project.live == [1]


def test_of_two_renumberings_at_the_same_time_the_later_to_arrive_counts() -> None:
    project = numbered(1, 2)
    project.renumbered(30, "ep-2", 900)  # out of the way, in the same transaction
    project.renumbered(30, "ep-2", 3)
    assert project.live == [1, 3]


def test_a_statement_at_the_time_of_the_deletion_does_not_bring_an_episode_back() -> None:
    project = numbered(1, 2)
    project.deleted(30, "ep-2")
    project.renumbered(30, "ep-2", 3)
    assert project.live == [1]


def test_only_so_many_moves_are_remembered_and_the_oldest_goes_first() -> None:
    project = numbered(*range(1, 400))
    for number in range(1, 400):
        project.renumbered(1 + number * 0.1, f"ep-{number}", number + 500)
    assert len(project.state.numbering.anomalies.moves) == MAX_MOVES_REMEMBERED
    assert project.live == list(range(501, 900))


def test_a_full_project_takes_no_more_episodes_and_says_so() -> None:
    project = numbered(1, 2, 3, max_episodes=2)
    assert project.live == [1, 2]
    assert head_of(project.state).capped
    project.deleted(1, "ep-1")
    project.created(2, 3, "new")
    assert project.live == [2, 3]


# --- health


def test_28_numbers_with_gaps_3_7_12_and_duplicate_5_have_a_health_score_of_85_7() -> None:
    project = numbered(*(number for number in range(1, 29) if number not in (3, 7, 12)))
    project.created(0, 5, "twin")
    project.until(60)
    assert (project.gaps, project.duplicates) == ([3, 7, 12], [5])
    head = head_of(project.state)
    assert health_score(head.max_number, head.gaps, head.duplicates) == 85.7


@pytest.mark.parametrize(
    ("max_number", "gaps", "duplicates", "score"),
    [(0, 0, 0, 100.0), (1, 0, 0, 100.0), (28, 3, 1, 85.7), (3, 1, 0, 66.7), (2, 0, 2, 0.0), (1000, 1, 0, 99.9),
     (10_000, 1, 0, 100.0), (1000, 999, 1, 0.0)],
)  # fmt: skip
def test_the_health_score_has_one_decimal_and_stays_between_0_and_100(
    max_number: int, gaps: int, duplicates: int, score: float
) -> None:
    assert health_score(max_number, gaps, duplicates) == score


def test_total_episodes_counts_live_episodes_duplicates_included() -> None:
    project = Driven(core_with(*SHIPPED))
    project.created(0, 1)
    project.created(0, 2)
    project.created(0, 2, "twin")
    project.deleted(1, "ep-1")
    assert head_of(project.state).episodes == 2


def test_a_renumbering_of_an_episode_never_heard_of_states_its_number() -> None:
    project = numbered(1)
    project.renumbered(0, "unknown", 2, old_number=7)
    assert project.live == [1, 2]
