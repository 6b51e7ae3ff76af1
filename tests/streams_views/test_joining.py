"""The parts of a split project laid together, with expected values by hand."""

from models.event import EventType
from models.integrity_views import ProjectView, SplitView
from streams.partition.holdings import holdings_of
from streams.views.joined_views import Piece, joined_view
from streams.views.project_views import project_view
from tests.streams_views.making import START_MS, Log, make_core, new_log

SPLIT = SplitView(partitions=[], cause="no_key", detail="Because.")
CORE = make_core()


def two_parts() -> tuple[Log, Log]:
    return new_log(0, CORE), new_log(1, CORE)


def joined(*parts: Log) -> ProjectView:
    pieces = []
    for log in parts:
        state, held = log.partition.state("p"), holdings_of(log.partition, "p")
        assert state is not None
        assert held is not None
        pieces.append(
            Piece(
                view=project_view(state, log.partition.number, START_MS),
                numbers=held.numbers,
                owners=held.owners,
                explained=held.explained,
                keyless=[],
            )
        )
    return joined_view(pieces, CORE.numbering, SPLIT)


def test_what_either_part_has_is_not_missing() -> None:
    odd, even = two_parts()
    odd.numbers("p", 1, 3, 5)
    even.numbers("p", 2, 4, 6)
    for log in (odd, even):
        log.settle(120)
    view = joined(odd, even)
    assert (view.total_episodes, view.max_number, view.gap_ranges, view.duplicates) == (6, 6, [], [])
    assert (view.is_healthy, view.health_score, view.split) == (True, 100.0, SPLIT)


def test_what_no_part_has_is_a_gap_once_it_is_open_in_one() -> None:
    odd, even = two_parts()
    odd.numbers("p", 1, 3, 9)
    even.numbers("p", 2, 4)
    odd.settle(120)
    view = joined(odd, even)
    assert (view.gaps, view.gap_ranges, view.gaps_total) == ([5, 6, 7, 8], [(5, 8)], 4)
    assert not view.is_healthy


def test_what_is_only_suspect_in_all_parts_is_no_gap_yet() -> None:
    odd, even = two_parts()
    odd.numbers("p", 1, 3, 9)
    even.numbers("p", 2, 4)
    view = joined(odd, even)
    assert view.gaps == []
    assert [(s.kind, s.first_number, s.last_number) for s in view.suspects] == [("gap", 5, 8)]


def test_one_number_of_two_episodes_in_two_parts_is_a_duplicate() -> None:
    one, other = two_parts()
    one.numbers("p", 1, 2)
    other.created("p", 2, episode="another")
    view = joined(one, other)
    assert (view.duplicates, view.duplicate_owners, view.total_episodes) == ([2], {"2": ["another", "p-2"]}, 3)


def test_one_episode_told_of_in_both_parts_is_one() -> None:
    one, other = two_parts()
    one.numbers("p", 1, 2)
    other.numbers("p", 2, 3)
    view = joined(one, other)
    assert (view.total_episodes, view.max_number, view.duplicates) == (3, 3, [])


def test_an_episode_that_was_moved_in_the_other_part_seems_to_hold_both_numbers() -> None:
    """It cannot be known which is the newer."""
    one, other = two_parts()
    one.numbers("p", 1, 2)
    other.take(EventType.RENUMBERED, "p", 5, episode_id="p-2", episode_number=3, old_number=2)
    view = joined(one, other)
    assert (view.total_episodes, view.max_number, view.gaps) == (2, 3, [])
