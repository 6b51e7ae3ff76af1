"""Sliding windows hold what a count by hand holds, at every second; durations come back within 1 %."""

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from streams.base import packed_counts
from streams.base.outcome_flags import CLEAN, FAILED, OPEN, TIMED, tally_of
from streams.base.packed_counts import rate_percentage
from streams.base.sketch import Sketch, bin_of, merge, quantile_seconds
from streams.rates.leaving import next_to_leave
from streams.rates.operation_series import OperationSeries
from streams.rates.windows import Window, place_of
from tests.streams.driving import START_MS, examples

START = START_MS // 1000
ONE = (1 << packed_counts.ATTEMPTED) | (1 << packed_counts.ENDED)
Counted = tuple[int, int, int]  # second, kind, duration


def operation(microseconds: int | None, failed: bool) -> tuple[int, int]:
    """An ended operation's kind and duration."""
    return (FAILED if failed else 0) | (0 if microseconds is None else TIMED), microseconds or 0


def counts_for(kind: int, microseconds: int) -> int:
    """Its tally, by hand."""
    counts = ONE | (1 << packed_counts.FAILED if kind & FAILED else 0) | microseconds << packed_counts.MICROSECONDS
    return counts | 1 << packed_counts.TIMED if kind & TIMED else counts


def bin_in(kind: int, microseconds: int) -> int | None:
    """Its bin."""
    return bin_of(microseconds) if kind & TIMED else None


def counts_of(tally: int) -> list[int]:
    """The counts of a tally, durations apart."""
    return [packed_counts.field(tally, shift) for shift in packed_counts.FIELDS]


def counts_in(window: Window) -> list[int]:
    """The same of a window."""
    return [int(window.field(place_of(shift))) for shift in packed_counts.FIELDS]


operations = st.tuples(
    st.one_of(st.none(), st.sampled_from((0, 250_000, 251_000, 5_000_000)), st.integers(0, 10**8)), st.booleans()
).map(lambda drawn: operation(*drawn))


@st.composite
def doings(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    """What is done to a series: (`advance`, by so many seconds), (`add`, so many seconds ago) or (`remove`, which)."""
    waits = st.sampled_from((0, 1, 1, 2, 17, 59, 60, 61, 64, 65, 130, 299, 300, 3600, 90_000))
    kinds = st.one_of(
        st.tuples(st.just("advance"), waits, st.just(0)),
        st.tuples(st.just("add"), st.integers(0, 60), st.integers(0, 3)),
        st.tuples(st.just("add"), st.integers(0, 60), st.integers(0, 12)),
        st.tuples(st.just("remove"), st.integers(0, 1000), st.just(0)),
    )
    return draw(st.lists(kinds, max_size=40))


@examples(200)
@given(doings=doings(), kinds=st.lists(operations, min_size=4, max_size=4), store=st.booleans())
def test_windows_hold_what_a_count_by_hand_holds_at_every_second(
    doings: list[tuple[str, int, int]], kinds: list[tuple[int, int]], store: bool
) -> None:
    lengths = (60, 300)
    series = OperationSeries(lengths, 300 + 60, 25)
    now = START
    series.advance(now)
    counted: list[Counted] = []
    busy: Counter[int] = Counter()  # durations ever counted by second

    def check() -> None:
        for window in series.windows:
            inside = [at for at, _, _ in counted if now - window.length_seconds < at <= now]
            if inside:
                assert next_to_leave(series, window) == min(inside) + window.length_seconds
            by_hand = sum(counts_for(*told) for at, *told in counted if now - window.length_seconds < at <= now)
            assert counts_in(window) == counts_of(by_hand), (window.length_seconds, now - START)
            bins = [bin_in(*told) for at, *told in counted if now - window.length_seconds < at <= now]
            total, sketch = series.between(now - window.length_seconds, now)
            assert total == by_hand
            if max(busy.values(), default=0) <= 8:
                assert sketch == Counter(b for b in bins if b is not None)

    for kind, first, second in doings:
        if kind == "advance":
            step = 1 if first <= 130 else first
            for _ in range(first // step):
                now += step
                series.advance(now)
                check()
        elif kind == "add":
            for i in range(second):
                counted.append((now - first, *kinds[i % 4]))
                series.add(*counted[-1])
                busy[now - first] += kinds[i % 4][0] & TIMED > 0
            check()
        elif counted:
            gone = counted.pop(first % len(counted))
            series.remove(*gone)
            check()
        if store:
            encoded = series.encode()
            series = OperationSeries(lengths, 300 + 60, 25)
            series.decode(encoded)
            assert series.encode() == encoded
            check()


@examples(100)
@given(doings=doings(), kinds=st.lists(operations, min_size=4, max_size=4), store=st.booleans())
def test_nothing_is_lost_when_seconds_become_minutes_and_minutes_hours(
    doings: list[tuple[str, int, int]], kinds: list[tuple[int, int]], store: bool
) -> None:
    series = OperationSeries((60,), 120, 25)
    now = START
    series.advance(now)
    counted: list[Counted] = []
    for kind, first, second in doings:
        if kind == "advance":
            now += first
            series.advance(now)
        elif kind == "add":
            for i in range(second):
                counted.append((now - first, *kinds[i % 4]))
                series.add(*counted[-1])
        elif counted:
            series.remove(*counted.pop(first % len(counted)))
        if store:
            encoded = series.encode()
            series = OperationSeries((60,), 120, 25)
            series.decode(encoded)
        kept_from = (now // 3600 - 24) * 3600
        kept = [one for one in counted if one[0] >= kept_from]
        hours = series.by_hour(0)
        for hour in {at // 3600 for at, _, _ in kept}:
            total, sketch = hours[hour]
            assert total == sum(counts_for(*told) for at, *told in kept if at // 3600 == hour)
            assert sketch == Counter(bin_in(*told) for at, *told in kept if at // 3600 == hour and told[0] & TIMED)
        minutes = series.by_minute(now // 60 - 120)
        assert {minute: total for minute, (total, _) in minutes.items()} == {
            minute: sum(counts_for(*told) for at, *told in kept if at // 60 == minute)
            for minute in {at // 60 for at, _, _ in kept if at // 60 > now // 60 - 120}
        }


def test_a_window_counts_every_kind_of_operation_as_its_tally_does() -> None:
    for kind in range(OPEN + 1):
        one_by_one, by_tally = Window(60), Window(60)
        one_by_one.add(kind, 7, +1)
        by_tally.add_tally(tally_of(kind, 7), +1)
        assert counts_in(one_by_one) == counts_in(by_tally) == counts_of(tally_of(kind, 7))
        assert (one_by_one.attempted, by_tally.attempted) == (1, 1)
        one_by_one.add_tally(tally_of(kind, 7), -1)
        assert not any(counts_in(one_by_one))
        assert not one_by_one.attempted


def test_counts_beside_rules_that_changed_their_latency_limits_stay() -> None:
    window = Window(60)
    window.add(TIMED | FAILED | 16, 7_000_000, +1)
    window.add(CLEAN, 7, +1)
    window.forget_slow()
    assert counts_in(window) == [2, 2, 1, 0, 0, 2, 0, 0, 0, 0]


def test_an_operation_leaves_exactly_when_its_second_is_as_old_as_the_window() -> None:
    series = OperationSeries((600,), 660, 25)
    series.advance(START + 30)
    series.add(START + 30, 0, 0)
    series.advance(START + 629)
    assert counts_in(series.windows[0]) == counts_of(ONE)
    assert next_to_leave(series, series.windows[0]) == START + 630
    series.advance(START + 630)
    assert not any(counts_in(series.windows[0]))


def test_a_second_with_more_than_eight_durations_keeps_its_counts_and_rounds_only_the_sketch_to_the_minute() -> None:
    series = OperationSeries((60,), 120, 25)
    series.advance(START)
    for i in range(9):
        series.add(START + 5, TIMED, i + 1)
    series.add(START + 50, 0, 0)
    series.advance(START + 50)
    total, sketch = series.between(START + 40, START + 50)
    assert (packed_counts.field(total, packed_counts.ENDED), sum(sketch.values())) == (1, 0)
    total, sketch = series.between(START + 4, START + 50)
    assert (packed_counts.field(total, packed_counts.ENDED), sum(sketch.values())) == (10, 9)


# --- the sketch

durations_us = st.one_of(st.integers(0, 100), st.integers(0, 10**7), st.integers(0, 10**13))


@examples(300)
@given(
    parts=st.lists(st.lists(durations_us, max_size=30), min_size=1, max_size=4),
    quantile=st.sampled_from((0.0, 0.5, 0.95, 0.99, 1.0)),
)
def test_a_quantile_of_merged_sketches_is_within_one_percent_of_the_exact_one(
    parts: list[list[int]], quantile: float
) -> None:
    merged = merge(Counter(map(bin_of, part)) for part in parts)
    values = sorted(value for part in parts for value in part)
    found = quantile_seconds(merged, quantile)
    if not values:
        assert found is None
        return
    exact = values[rank_of(len(values), quantile)] / 1e6
    assert found is not None
    assert abs(found - exact) <= 0.01 * exact + 1e-15


def rank_of(count: int, quantile: float) -> int:
    """The place, from 0, of the smallest value that at least `quantile` of all do not exceed."""
    return max(0, math.ceil(round(quantile * count, 9)) - 1)


def test_without_durations_there_is_no_quantile_no_average_and_no_rate() -> None:
    empty: Sketch = {}
    assert quantile_seconds(empty, 0.95) is None
    assert packed_counts.average_seconds(ONE) is None
    assert rate_percentage(0, 0) is None
    assert rate_percentage(1, 100) == 1.0


def test_a_tally_survives_packing_whatever_it_counts() -> None:
    counts = (
        (3 << packed_counts.ATTEMPTED)
        | (2 << packed_counts.FAILED)
        | (1 << packed_counts.SLOW[3])
        | (12345678 << packed_counts.MICROSECONDS)
    )
    assert packed_counts.pack(packed_counts.unpack(counts)) == counts
    assert packed_counts.pack(packed_counts.unpack(0)) == 0
