"""The Wilson score interval of a share, after E. B. Wilson, "Probable inference, the law of succession, and statistical
inference" (1927).

Its lower end is above a share p where p would be refused by the score test, so that this is decided with integers:
(k - n p)^2 > z^2 n p (1 - p) and k > n p, for k bad ones of n.
"""

from decimal import Decimal
from math import sqrt
from statistics import NormalDist
from typing import Final

SCALE: Final = 1_000_000  # z is a number of millionths
Z95: Final = 1_959_964


def z_of(confidence: Decimal) -> int:
    """The quantile of a two-sided interval of this confidence (percent, below 100), in millionths: 1959964 of 95."""
    return round(NormalDist().inv_cdf(0.5 + float(confidence) / 200) * SCALE)


def is_above(bad: int, whole: int, ratio: tuple[int, int], z: int) -> bool:
    """Whether the lower end for `bad` of `whole` is strictly above a ratio (numerator, denominator)."""
    part, of = ratio
    excess = bad * of - whole * part
    return excess > 0 and excess * excess * SCALE * SCALE > z * z * whole * part * (of - part)


def most_whole(bad: int, ratio: tuple[int, int], z: int) -> int:
    """The largest `whole` of which `bad` is still too many: with more the lower end is not above the ratio (over 0)."""
    part, of = ratio
    low, high = 0, (bad * of - 1) // part  # of more, not even the share itself is above the ratio
    while low < high:
        middle = (low + high + 1) // 2
        if is_above(bad, middle, ratio, z):
            low = middle
        else:
            high = middle - 1
    return low


def interval(bad: int, whole: int, z: int = Z95) -> tuple[float, float]:
    """Both ends in percent; from 0 to 100 where nothing is known."""
    if not whole:
        return 0.0, 100.0
    square = (z / SCALE) ** 2
    share = bad / whole
    middle = share + square / (2 * whole)
    reach = z / SCALE * sqrt(share * (1 - share) / whole + square / (4 * whole * whole))
    low, high = (middle - reach) / (1 + square / whole), (middle + reach) / (1 + square / whole)
    return (0.0 if not bad else 100 * low), (100.0 if bad == whole else 100 * high)
