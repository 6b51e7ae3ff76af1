"""The traffic of the benchmark: who sends how much, and whether what is expected of everybody is counted right."""

from collections import Counter

from benchmarks.peers.contender import Counts, differences
from benchmarks.peers.shapes import SHAPES, Ledger, Shape


def _keys(shape: Shape, operations: int) -> Counter[bytes]:
    return Counter(key for key, _ in shape.records(operations))


def test_with_a_million_projects_every_event_is_of_another_one() -> None:
    assert set(_keys(SHAPES["1000000"], 5000).values()) == {1}


def test_half_of_all_events_are_of_the_hot_project() -> None:
    keys = _keys(SHAPES["hot"], 20_000)
    hottest, second = keys.most_common(2)
    assert hottest[0] == b"proj_00000"
    assert 9_500 < hottest[1] < 10_600
    assert second[1] < 50


def test_by_zipfs_law_the_second_project_has_about_half_of_the_first() -> None:
    keys = _keys(SHAPES["zipf"], 100_000)
    first, second, third = (keys[b"proj_%05d" % number] for number in range(3))
    assert 0.45 < second / first < 0.55
    assert 0.28 < third / first < 0.38


def test_two_percent_of_the_operations_conflict_in_the_shape_of_conflicts_alone() -> None:
    conflicting = sum(b'"had_conflict":true' in value for _, value in SHAPES["conflicts"].records(20_000))
    assert 340 < conflicting < 460
    assert not any(b'"had_conflict":true' in value for _, value in SHAPES["1000"].records(20_000))


def test_a_shorter_run_is_the_beginning_of_a_longer_one() -> None:
    for name in ("1000", "zipf", "hot", "conflicts"):
        short = list(SHAPES[name].records(10_000))
        longer = SHAPES[name].records(12_000)
        assert [next(longer) for _ in short] == short


def test_the_ledger_counts_what_passes_through_it() -> None:
    records = [
        (b"a", b'{"type":"episode.created","episode_number":4}'),
        (b"a", b'{"type":"episode.creation_conflict"}'),
        (b"b", b'{"type":"episode.creation_failed"}'),
        (b"a", b'{"type":"episode.created","episode_number":3}'),
    ]
    ledger = Ledger()
    assert list(ledger.watched(iter(records))) == records
    assert ledger.counts() == {"a": Counts(3, 0, 1, 4), "b": Counts(1, 1, 0, 0)}


def test_a_difference_names_a_project_and_both_counts() -> None:
    right = {"a": Counts(3, 0, 1, 4), "b": Counts(1, 1, 0, 0)}
    assert differences(dict(right), right) == ""
    assert "1 projects are wrong; b is None" in differences({"a": right["a"]}, right)
    assert "events=2" in differences({**right, "a": Counts(2, 0, 1, 4)}, right)
    assert "c is Counts" in differences({**right, "c": Counts(1, 0, 0, 0)}, right)
