"""A rate rule made ready to be judged by a window's tally: shifts, and integers to compare."""

from mypy_extensions import i64, mypyc_attr

from streams.base import packed_counts


@mypyc_attr(acyclic=True)
class RateRule:
    """`bad` of `whole` is too much where `bad * denominator > whole * numerator`, and `bad` is at least `min_bad`."""

    __slots__ = (
        "bad_mask", "bad_shift", "denominator", "min_bad", "min_samples", "numerator", "rule_id",
        "whole_shift", "window_index",
    )  # fmt: skip

    def __init__(
        self,
        rule_id: str,
        window_index: int,
        counts: tuple[int, int],
        ratio: tuple[int, int],
        min_bad: int,
        min_samples: int,
    ) -> None:
        """`counts`: the shifts of `bad` and `whole` in a tally. `ratio`: numerator and denominator."""
        self.rule_id = rule_id
        self.min_bad, self.min_samples = min_bad, min_samples
        self.window_index: i64 = window_index
        self.bad_shift, self.whole_shift = counts
        self.bad_mask = packed_counts.mask(self.bad_shift)
        self.numerator, self.denominator = ratio

    def is_crossed(self, bad: int, whole: int) -> bool:
        """Whether these counts are strictly above the threshold."""
        return bad * self.denominator > whole * self.numerator and bad >= self.min_bad
