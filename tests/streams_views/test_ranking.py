"""Which project is worse, and the worst few of many."""

import random

from streams.base.ranking import Lowest, Rank, rank


def test_a_lower_health_score_is_worse() -> None:
    assert rank("b", 3, 1, 28) < rank("a", 1, 0, 28)  # 85.7 against 96.4
    assert rank("b", 3, 1, 28) == (857, -4, "b")


def test_of_equal_scores_more_findings_are_worse_and_then_the_name_decides() -> None:
    assert rank("b", 10, 0, 100) < rank("a", 1, 0, 10)  # both 90.0
    assert rank("a", 1, 0, 10) < rank("b", 0, 1, 10)


def test_a_finding_that_rounding_hides_still_stands_before_the_healthy() -> None:
    assert rank("z", 1, 0, 100_000) == (1000, -1, "z")
    assert rank("z", 1, 0, 100_000) < rank("a", 0, 0, 100_000)


def test_the_lowest_of_many_are_kept_in_order() -> None:
    keys: list[Rank] = [(number, 0, f"p{number}") for number in range(1000)]
    random.Random(4).shuffle(keys)
    lowest: Lowest[Rank, int] = Lowest(3)
    for key in keys:
        lowest.offer(key, key[0] * 10)
    assert lowest.entries() == [((0, 0, "p0"), 0), ((1, 0, "p1"), 10), ((2, 0, "p2"), 20)]


def test_a_limit_of_none_keeps_none() -> None:
    lowest: Lowest[Rank, None] = Lowest(0)
    for number in range(200):
        lowest.offer((number, 0, ""), None)
    assert lowest.entries() == []
