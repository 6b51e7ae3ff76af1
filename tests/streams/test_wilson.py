"""Wilson's interval: values worked out by hand, and what holds for any counts."""

from decimal import Decimal
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.alerting import wilson
from testbed.properties import examples

Z = st.sampled_from((wilson.z_of(Decimal(80)), wilson.Z95, wilson.z_of(Decimal("99.9"))))
RATIOS = st.tuples(st.integers(1, 999), st.just(1000))


@pytest.mark.parametrize(
    ("confidence", "z"), [("50", 674_490), ("80", 1_281_552), ("90", 1_644_854), ("95", 1_959_964), ("99", 2_575_829)]
)
def test_the_quantiles_are_those_of_the_tables(confidence: str, z: int) -> None:
    assert wilson.z_of(Decimal(confidence)) == z


@pytest.mark.parametrize(
    ("bad", "whole", "low", "high"),
    [
        # z = 2: (share + 2/n -+ 2 sqrt(share (1 - share) / n + 1/n^2)) / (1 + 4/n)
        (5, 10, 23.2739, 76.7261),  # (0.7 -+ 2 sqrt(0.035)) / 1.4
        (2, 4, 14.6447, 85.3553),  # (1 -+ 2 sqrt(0.125)) / 2
        (0, 4, 0.0, 50.0),  # (0.5 -+ 0.5) / 2
        (1, 1, 20.0, 100.0),  # (3 -+ 2) / 5
        (0, 0, 0.0, 100.0),
    ],
)
def test_the_interval_of_two_standard_deviations_by_hand(bad: int, whole: int, low: float, high: float) -> None:
    found = wilson.interval(bad, whole, 2 * wilson.SCALE)
    assert [round(end, 4) for end in found] == [low, high]


@pytest.mark.parametrize(
    ("bad", "whole", "is_above"),
    [
        # above 1/10 with z = 2: (10 bad - whole)^2 > 36 whole
        (2, 2, True),  # 18^2 = 324 > 72
        (1, 1, True),  # 81 > 36
        (1, 2, False),  # 64 < 72
        (3, 7, True),  # 23^2 = 529 > 252
        (3, 12, False),  # 18^2 = 324 < 432
        (4, 16, False),  # 24^2 = 576 = 576: not strictly above
        (5, 16, True),
        (0, 100, False),
    ],
)
def test_whether_the_lower_end_is_above_a_tenth_by_hand(bad: int, whole: int, is_above: bool) -> None:
    assert wilson.is_above(bad, whole, (1, 10), 2 * wilson.SCALE) is is_above


@examples(300)
@given(st.integers(0, 500), st.integers(0, 500), RATIOS, Z)
def test_integers_decide_what_the_formula_says(bad: int, good: int, ratio: tuple[int, int], z: int) -> None:
    low, limit = wilson.interval(bad, bad + good, z)[0], 100 * ratio[0] / ratio[1]
    if not isclose(low, limit, rel_tol=1e-9):
        assert wilson.is_above(bad, bad + good, ratio, z) is (low > limit)


@examples(200)
@given(st.integers(0, 10**6), st.integers(0, 10**6), Z)
def test_the_lower_end_is_at_most_the_rate_and_grows_with_the_bad_ones(bad: int, good: int, z: int) -> None:
    whole = bad + good + 1
    low, high = wilson.interval(bad, whole, z)
    assert 0 <= low <= 100 * bad / whole <= high <= 100 + 1e-9
    assert low < wilson.interval(bad + 1, whole, z)[0]


@examples(100)
@given(st.integers(1, 99), Z)
def test_it_tends_to_the_rate(percent: int, z: int) -> None:
    distances = [percent - wilson.interval(percent * 10**n, 100 * 10**n, z)[0] for n in range(8)]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.02


@examples(200)
@given(st.integers(1, 200), RATIOS, Z)
def test_with_one_more_than_most_whole_it_is_no_longer_above(bad: int, ratio: tuple[int, int], z: int) -> None:
    most = wilson.most_whole(bad, ratio, z)
    assert not wilson.is_above(bad, most + 1, ratio, z)
    assert most < bad or wilson.is_above(bad, most, ratio, z)
