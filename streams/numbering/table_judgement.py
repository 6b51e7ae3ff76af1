"""A project's numbers as a database table states them, all at once: which are missing, held twice or implausible.

The result must equal that of `streams.numbering.numbering` after one event for each episode and the settling time.
"""

from bisect import bisect_right
from collections.abc import Sequence

import msgspec

from streams.base.intervals import IntervalSet
from streams.base.numbering_rules import NumberingRules, health_score


class Judged(msgspec.Struct, frozen=True):
    """`max_number` 0: there is none. `aside` are numbers implausibly far above the others."""

    gaps: IntervalSet
    duplicates: list[int]
    aside: list[int]
    max_number: int

    @property
    def is_healthy(self) -> bool:
        """No gap and no duplicate."""
        return not self.gaps.count and not self.duplicates

    @property
    def health_score(self) -> float:
        """0.0 … 100.0."""
        return health_score(self.max_number, self.gaps.count, len(self.duplicates))


def judge_table(numbers: Sequence[int], rules: NumberingRules) -> Judged:
    """Judge numbers in ascending order, one entry for each episode, each from 1 to 2 147 483 647."""
    count, first = len(numbers), rules.first_number
    if count and numbers[0] == first and numbers[-1] == first + count - 1 and len(set(numbers)) == count:
        return Judged(IntervalSet(), [], [], numbers[-1])
    plausible, aside = _plausible(numbers, rules)
    duplicates: dict[int, None] = {}
    gaps: list[tuple[int, int]] = []
    last = (plausible[0] if first is None else first) - 1 if plausible else 0
    for at, number in enumerate(plausible):
        if at and plausible[at - 1] == number:
            duplicates[number] = None
        elif number > last:
            if number > last + 1:
                gaps.append((last + 1, number - 1))
            last = number
    return Judged(IntervalSet(gaps), list(duplicates), list(aside), plausible[-1] if plausible else 0)


def _plausible(numbers: Sequence[int], rules: NumberingRules) -> tuple[Sequence[int], Sequence[int]]:
    """The plausible numbers, and those that are far above the others and alone. Two that are near each other are
    plausible, and with them all below."""
    jump, first = rules.max_jump, rules.first_number
    peak = first - 1 if first is not None else numbers[0] if numbers else 0
    for at, number in enumerate(numbers):
        is_alone = at + 1 == len(numbers) or numbers[at + 1] - number > jump
        if number > peak and (number <= peak + jump or not is_alone):
            peak = number
    count = bisect_right(numbers, peak)
    return numbers[:count], numbers[count:]
