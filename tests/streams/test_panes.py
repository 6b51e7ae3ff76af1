"""A minute holds the same whether its operations are kept one by one or folded into seconds."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from streams.base import packed_counts
from streams.base.outcome_flags import CLEAN, FAILED, OPEN, RETRIED, SAID_CONFLICT, SLOW, TIMED, Sums, watched
from streams.base.sketch import bin_of
from streams.rates.pane_codec import decode, encode
from streams.rates.panes import Pane
from tests.streams.driving import examples

Operation = tuple[int, int, int]  # second, kind, duration

kinds = st.one_of(
    st.just(CLEAN),
    st.sampled_from((0, FAILED, FAILED | TIMED, RETRIED | TIMED, SAID_CONFLICT | TIMED, TIMED | SLOW[3])),
)
ended = st.tuples(st.integers(0, 5), kinds, st.integers(0, 10**13)).map(
    lambda one: one if one[1] & TIMED else (*one[:2], 0)
)
operations = st.lists(st.one_of(ended, st.tuples(st.integers(0, 5), st.just(OPEN), st.just(0))), max_size=60)


def pane_of(counted: list[Operation]) -> Pane:
    """A minute with these operations."""
    pane = Pane()
    for operation in counted:
        pane.add(*operation)
    return pane


def counts_for(kind: int, duration_us: int) -> int:
    """An operation's tally, field by field."""
    flags = {
        FAILED: packed_counts.FAILED,
        RETRIED: packed_counts.RETRIED,
        TIMED: packed_counts.TIMED,
        SAID_CONFLICT: packed_counts.CONFLICTED,
    }
    flags |= {SLOW[3]: packed_counts.SLOW[3]}
    if kind == OPEN:
        return (1 << packed_counts.ATTEMPTED) + (1 << packed_counts.CONFLICTED)
    ended = (1 << packed_counts.ATTEMPTED) + (1 << packed_counts.ENDED) + (duration_us << packed_counts.MICROSECONDS)
    return ended + sum(1 << shift for flag, shift in flags.items() if kind & flag)


@examples(200)
@given(counted=operations, gone=st.lists(st.integers(0, 1000), max_size=10), reverse=st.booleans())
def test_operations_one_by_one_and_folded_are_written_alike_and_say_the_same(
    counted: list[Operation], gone: list[int], reverse: bool
) -> None:
    one, other = pane_of(counted), pane_of(list(reversed(counted)) if reverse else counted)
    other.forget(0)  # which folds everything and drops nothing
    for place in gone:
        if counted and place < 900:
            operation = counted.pop(place % len(counted))
            one.remove(*operation)
            other.remove(*operation)
    assert encode(one) == encode(other)
    assert encode(decode(encode(one))) == encode(one)
    by_second: Counter[int] = Counter()
    for second, kind, duration_us in counted:
        by_second[second] += counts_for(kind, duration_us)
    bins = Counter(bin_of(duration_us) for _, kind, duration_us in counted if kind & TIMED)
    for pane in (one, other, decode(encode(one))):
        assert (pane.total, pane.seconds) == (by_second.total(), by_second)
        assert pane.sketch == bins
        assert pane.is_empty == (not counted)
        assert pane.attempted == len(counted)
        for second in range(7):
            assert pane.next_second(second) == min((one for one in by_second if one >= second), default=60)
            failed = packed_counts.mask(packed_counts.FAILED)
            bad = (one for one, total in by_second.items() if one >= second and total & failed)
            assert pane.next_bad_second(second, FAILED, failed) == min(bad, default=60)
            part = Sums()
            pane.put(part, second, 4, +1)
            assert part.total == sum(count for at, count in by_second.items() if second <= at <= 4)


@examples(100)
@given(counted=operations)
def test_whatever_the_order_the_same_operations_are_the_same_minute(counted: list[Operation]) -> None:
    assert encode(pane_of(counted)) == encode(pane_of(sorted(counted))) == encode(pane_of(counted[::-1]))


def test_sums_of_durations_beyond_sixty_four_bits_are_exact() -> None:
    sums = Sums()
    for _ in range(2_000_000):
        sums.add(CLEAN, 10**13, +1)
    assert packed_counts.microseconds(sums.total) == 2 * 10**19
    assert packed_counts.field(sums.total, packed_counts.TIMED) == 2_000_000


def test_what_was_counted_in_one_part_may_be_taken_out_of_another() -> None:
    sums, pane = Sums(), pane_of([(0, CLEAN, 100 + i) for i in range(9)])  # too busy to be kept one by one
    for i in range(9):
        sums.add(CLEAN, 100 + i, +1)
    pane.put(sums, 0, 59, -1)
    assert (sums.total, sums.is_empty) == (0, True)


def test_kinds_are_watched_by_the_fields_they_count_for() -> None:
    assert watched(packed_counts.mask(packed_counts.FAILED)) == FAILED
    assert watched(packed_counts.mask(packed_counts.CONFLICTED)) == SAID_CONFLICT | OPEN
    assert (
        watched(packed_counts.mask(packed_counts.SLOW[1]) | packed_counts.mask(packed_counts.RETRIED))
        == SLOW[1] | RETRIED
    )
    assert watched(0) == 0
