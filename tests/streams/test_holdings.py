"""What a partition says for the comparison with a database, from decoded and from stored states alike."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.base.intervals import IntervalSet
from streams.numbering.digests import digest
from streams.partition.drift import counts, differences, unexplained
from streams.partition.drift_values import Difference, Holdings
from streams.partition.holdings import digest_of, holdings_of, known_projects
from streams.partition.partition import Partition
from tests.streams.driving import examples
from tests.streams_views.making import Log, new_log, store

UUIDS = [str(uuid.UUID(int=number)) for number in range(1, 8)]
IDS = st.sampled_from([*UUIDS, "a", "bb", "c-c", UUIDS[0].upper(), "é" * 36, "한국어", "x" * 36])
STATES = st.lists(st.tuples(st.integers(1, 700), IDS), max_size=25, unique_by=lambda pair: pair[1])


def filled(pairs: list[tuple[int, str]]) -> Log:
    log = new_log()
    for number, owner in pairs:
        log.created("p", number, episode=owner)
    return log


def forgotten(log: Log) -> Partition:
    """The same partition, of which nothing is decoded."""
    store(log)
    partition = Partition(log.partition.core, 0, log.partition.checkpointer._store)
    for _ in partition.restore():
        pass
    return partition


@examples(300)
@given(STATES)
def test_digest_and_holdings_are_those_of_the_pairs_decoded_or_stored(pairs: list[tuple[int, str]]) -> None:
    log = filled(pairs)
    ordered = sorted(pairs)
    numbers, owners = [number for number, _ in ordered], [owner for _, owner in ordered]
    expected = digest(numbers, owners) if pairs else None
    for partition in (log.partition, forgotten(log)):
        assert digest_of(partition, "p") == expected
        held = holdings_of(partition, "p")
        assert (held is None) == (not pairs)
        if held is not None:
            assert (held.numbers, held.owners, held.applied) == (numbers, owners, len(pairs) - 1)


@examples(300)
@given(STATES, STATES)
def test_digests_differ_where_the_pairs_do(left: list[tuple[int, str]], right: list[tuple[int, str]]) -> None:
    digests = [digest([n for n, _ in sorted(pairs)], [i for _, i in sorted(pairs)]) for pairs in (left, right)]
    assert (digests[0] == digests[1]) == (sorted(left) == sorted(right))


def some_uuid(number: int) -> str:
    return str(uuid.UUID(int=number << 64))


@pytest.mark.parametrize("kinds", ["ttt", "uuu", "utt", "tut", "tum", "mmm", "umu"])
@pytest.mark.parametrize("missing", [set(), {1, 300, 600}])
def test_chunks_of_uuids_of_texts_and_of_both_come_to_the_digest_of_the_pairs(kinds: str, missing: set[int]) -> None:
    """Each letter is a chunk of 256 numbers: texts, UUIDs, or mixed."""
    pairs = []
    for number in set(range(1, 700)) - missing:
        kind = kinds[number >> 8]
        is_uuid = kind == "u" or (kind == "m" and number % 3 == 0)
        pairs.append((number, some_uuid(number) if is_uuid else f"episode-{number}"))
    pairs.sort()
    log = filled(pairs)
    expected = digest([number for number, _ in pairs], [owner for _, owner in pairs])
    assert [digest_of(partition, "p") for partition in (log.partition, forgotten(log))] == [expected, expected]


def test_asking_decodes_nothing_for_good() -> None:
    log = filled([(1, "a")])
    partition = forgotten(log)
    digest_of(partition, "p")
    assert isinstance(partition.peek("p"), bytes)


def test_known_projects_come_page_by_page_without_those_that_hold_nothing() -> None:
    log = new_log()
    for project in ("a", "b", "d"):
        log.created(project, 1)
    log.failed("c")
    assert known_projects(log.partition, 0, 2) == (["a", "b"], 2)
    assert known_projects(log.partition, 2, 2) == (["d"], None)


def test_open_gaps_and_duplicates_are_read_decoded_or_stored() -> None:
    log = filled([(1, "a"), (4, "b"), (4, "c")])
    log.settle()
    log.created("p", 6, at=3600, episode="d")
    for partition in (log.partition, forgotten(log)):
        found = holdings_of(partition, "p")
        assert found is not None
        assert (found.gaps, found.duplicates) == ([(2, 3)], [4])  # 5 is only suspect


def held(*pairs: tuple[int, str], **changes: object) -> Holdings:
    fields = {
        "project_id": "p",
        "partition": 0,
        "applied": 9,
        "explained": [],
        "gaps": [],
        "duplicates": [],
        "capped": False,
        **changes,
    }
    return Holdings(numbers=[n for n, _ in pairs], owners=[i for _, i in pairs], **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stream", "database", "found"),
    [
        (held((1, "a")), [(1, "a")], []),
        (held((1, "a")), [(1, "a"), (2, "b")], [Difference(2, "missing_in_stream", (), ("b",))]),
        (held((1, "a"), (2, "b")), [(1, "a")], [Difference(2, "missing_in_database", ("b",), ())]),
        (held((1, "a")), [(1, "z")], [Difference(1, "different_owner", ("a",), ("z",))]),
        (held((1, "a"), (1, "b")), [(1, "b")], [Difference(1, "different_owner", ("a", "b"), ("b",))]),
        (None, [(1, "a")], [Difference(1, "missing_in_stream", (), ("a",))]),
        (held((1, "a"), capped=True), [(1, "a"), (2, "b")], []),
        (held((1, "a"), capped=True), [(2, "b")], [Difference(1, "missing_in_database", ("a",), ())]),
    ],
)
def test_differences_by_hand(stream: Holdings | None, database: list[tuple[int, str]], found: list[Difference]) -> None:
    assert sorted(differences(stream, database)) == found


def test_differences_are_counted_by_kind() -> None:
    found = differences(held((1, "a"), (2, "b")), [(1, "z"), (3, "c"), (4, "d")])
    assert counts(found) == {"missing_in_stream": 2, "missing_in_database": 1, "different_owner": 1}


def test_gaps_that_the_stream_explains_are_left_out() -> None:
    gaps = IntervalSet([(3, 5), (9, 9)])
    assert list(unexplained(gaps, held(explained=[(4, 4), (9, 20)]))) == [(3, 3), (5, 5)]
    assert list(unexplained(gaps, None)) == [(3, 5), (9, 9)]
