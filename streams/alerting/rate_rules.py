"""A rate rule made ready to be judged by a window's tally: shifts, and integers to compare."""

from typing import TYPE_CHECKING

from mypy_extensions import i64, mypyc_attr

from streams.base import packed_counts

if TYPE_CHECKING:
    from streams.alerting.rules import Rule


@mypyc_attr(acyclic=True)
class RateRule:
    """`bad` of `whole` is too much where `bad * denominator > whole * numerator`, and `bad` is at least `min_bad`."""

    __slots__ = (
        "bad_mask", "bad_shift", "denominator", "min_bad", "min_samples", "numerator", "rule", "rule_id",
        "whole_shift", "window_index",
    )  # fmt: skip

    def __init__(self, rule: "Rule", window_index: int, bad_shift: int, whole_shift: int) -> None:
        self.rule = rule
        self.rule_id: str = rule.rule_id
        self.min_bad: int = rule.min_bad
        self.min_samples: int = rule.min_samples
        self.window_index: i64 = window_index
        self.bad_shift, self.whole_shift = bad_shift, whole_shift
        self.bad_mask = packed_counts.mask(bad_shift)
        self.numerator, self.denominator = rule.ratio

    def is_crossed(self, bad: int, whole: int) -> bool:
        """Whether these counts are strictly above the threshold."""
        return bad * self.denominator > whole * self.numerator and bad >= self.min_bad
