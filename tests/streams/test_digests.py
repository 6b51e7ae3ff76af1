"""One digest for the same holdings, whether they come as texts, packed in states, or packed by a database."""

import uuid
from array import array

from hypothesis import given
from hypothesis import strategies as st

from streams.base.ids import pack_id
from streams.numbering.digests import digest, joined, joined_packed, of_database, put_together
from tests.streams.driving import examples

UUIDS = [str(uuid.UUID(int=number)) for number in (1, 2, 2**127 + 5, 2**128 - 1)]
ODD = [
    UUIDS[0].upper(), UUIDS[0].replace("-", "_"), "é" * 18, "é" * 36, "x" * 36, "", "a", "bb", "한국어",
    "0000000g-0000-0000-0000-000000000000", "00000000-0000-0000-0000-0000000000-0", "--------" + UUIDS[0][8:],
    "00000000-0000-0000-0000-00000000000²", "-" * 36,
]  # fmt: skip
IDS = st.one_of(st.lists(st.sampled_from(UUIDS), max_size=6), st.lists(st.sampled_from(UUIDS + ODD), max_size=6))


@examples(500)
@given(IDS)
def test_owners_come_to_the_same_from_texts_and_from_states(ids: list[str]) -> None:
    assert joined([one.encode() for one in ids]) == joined_packed([pack_id(one) for one in ids])


@examples(500)
@given(st.lists(st.tuples(st.integers(1, 20_000), st.sampled_from(UUIDS + ODD)), max_size=8, unique=True))
def test_what_a_database_says_in_any_order_of_equal_numbers_is_digested_as_texts_are(
    pairs: list[tuple[int, str]],
) -> None:
    by_number = sorted(pairs, key=lambda pair: pair[0])
    owners = put_together([one.encode() for _, one in by_number], are_uuids=False)
    found = of_database(array("q", [number for number, _ in by_number]), owners, are_uuids=False)
    ordered = sorted(pairs)
    expected = digest([number for number, _ in ordered], [one for _, one in ordered]) if pairs else 0
    assert found == expected


@examples(300)
@given(st.lists(st.tuples(st.integers(1, 6), st.sampled_from(UUIDS)), min_size=1, max_size=8, unique=True))
def test_uuids_in_sixteen_bytes_are_digested_as_their_texts_are(pairs: list[tuple[int, str]]) -> None:
    by_number = sorted(pairs, key=lambda pair: pair[0])
    owners = put_together([uuid.UUID(one).bytes for _, one in by_number], are_uuids=True)
    ordered = sorted(pairs)
    found = of_database(array("q", [number for number, _ in by_number]), owners, are_uuids=True)
    assert found == digest([number for number, _ in ordered], [one for _, one in ordered])
