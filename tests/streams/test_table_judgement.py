"""A table's numbers judged at once say what the stream says of the same episodes told one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.base.numbering_rules import NumberingRules
from streams.numbering.numbering import Numbering
from streams.numbering.table_judgement import judge_table
from tests.streams.driving import START_MS, examples

RULES = NumberingRules(max_jump=20)


@pytest.mark.parametrize(
    ("numbers", "gaps", "duplicates", "aside", "highest"),
    [
        ([], [], [], [], 0),
        ([1], [], [], [], 1),
        ([1, 2, 3], [], [], [], 3),
        ([3], [(1, 2)], [], [], 3),
        ([1, 2, 4, 7], [(3, 3), (5, 6)], [], [], 7),
        ([1, 2, 2, 2, 3], [], [2], [], 3),
        ([1, 1, 4, 4], [(2, 3)], [1, 4], [], 4),
        ([1, 2, 50], [], [], [50], 2),
        ([1, 2, 50, 55], [(3, 49), (51, 54)], [], [], 55),
        ([1, 2, 50, 50], [(3, 49)], [50], [], 50),
        ([50], [], [], [50], 0),
        ([1, 50, 100], [], [], [50, 100], 1),
        ([2_147_483_647], [], [], [2_147_483_647], 0),
    ],
)
def test_by_hand(
    numbers: list[int], gaps: list[tuple[int, int]], duplicates: list[int], aside: list[int], highest: int
) -> None:
    judged = judge_table(numbers, RULES)
    assert (list(judged.gaps), judged.duplicates, judged.aside, judged.max_number) == (gaps, duplicates, aside, highest)
    assert judged.is_healthy == (not gaps and not duplicates)


def test_the_project_of_the_handbook_has_a_score_of_85_7() -> None:
    numbers = sorted([number for number in range(1, 29) if number not in (3, 7, 12)] + [5])
    judged = judge_table(numbers, NumberingRules())
    assert (list(judged.gaps), judged.duplicates, judged.health_score) == ([(3, 3), (7, 7), (12, 12)], [5], 85.7)


def test_numbering_may_begin_elsewhere() -> None:
    assert list(judge_table([5, 7], NumberingRules(first_number=None)).gaps) == [(6, 6)]
    assert list(judge_table([5, 7], NumberingRules(first_number=4)).gaps) == [(4, 4), (6, 6)]
    below = judge_table([2, 2, 5], NumberingRules(first_number=5))
    assert (list(below.gaps), below.duplicates, below.max_number) == ([], [2], 5)


@examples(400)
@given(st.lists(st.integers(1, 120), max_size=30))
def test_it_agrees_with_the_stream(numbers: list[int]) -> None:
    numbering = Numbering(RULES)
    for place, number in enumerate(numbers):
        numbering.hold(f"e{place}".encode(), number, START_MS, START_MS, START_MS - 60_000)
    numbering.settle(START_MS + 10_000_000)
    judged = judge_table(sorted(numbers), RULES)
    assert list(judged.gaps) == list(numbering.anomalies.open_gaps)
    assert judged.duplicates == sorted(numbering.anomalies.open_duplicates)
    assert judged.aside == sorted(number for number, _ in numbering.anomalies.aside.values())
    assert judged.max_number == numbering.max_number
