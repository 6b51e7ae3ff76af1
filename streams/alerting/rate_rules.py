"""A rule on a window made ready to be judged by the window's tally: shifts, and integers to compare.

Thresholds are exact ratios of integers; whether one is crossed is decided by multiplication, never by a rounded rate.
"""

from collections.abc import Sequence
from typing import Final

from mypy_extensions import i64, mypyc_attr

from streams.alerting import wilson
from streams.alerting.verdict import Reason, Verdict
from streams.base import packed_counts
from streams.base.outcome_flags import watched
from streams.rates.leaving import earliest_after_leaving, next_bad_to_leave
from streams.rates.operation_series import OperationSeries
from streams.rates.past_windows import tally_between
from streams.rates.windows import Window, place_of

_NO_OPERATIONS: Final = Reason.NO_OPERATIONS  # compiled code finds what is final without asking the enumeration
_INSUFFICIENT_DATA: Final = Reason.INSUFFICIENT_DATA
_BACK_TO_NORMAL: Final = Reason.BACK_TO_NORMAL


@mypyc_attr(acyclic=True)
class RateRule:
    """`bad` of `whole` is too much where `bad * denominator > whole * numerator`, and `bad` is at least `min_bad`."""

    __slots__ = (
        "bad_flags", "bad_mask", "bad_place", "bad_shift", "denominator", "min_bad", "min_samples", "numerator",
        "ratio", "rule_id", "short", "whole_place", "whole_shift", "window_index", "z",
    )  # fmt: skip

    def __init__(
        self,
        rule_id: str,
        window_index: int,
        counts: tuple[int, int],
        ratio: tuple[int, int],
        min_bad: int,
        min_samples: int,
        z: int = 0,
        short: "RateRule | None" = None,
    ) -> None:
        """`counts`: the shifts of `bad` and `whole` in a tally. `ratio`: numerator and denominator. `z`: in millionths,
        the quantile of Wilson's interval whose lower end is judged; 0: the rate is. `short` must be crossed as well."""
        self.rule_id = rule_id
        self.min_bad, self.min_samples = min_bad, min_samples
        self.window_index: i64 = window_index
        self.bad_shift, self.whole_shift = counts
        self.bad_place: i64 = place_of(self.bad_shift)
        self.whole_place: i64 = place_of(self.whole_shift)
        self.bad_mask = packed_counts.mask(self.bad_shift)
        self.bad_flags: i64 = watched(self.bad_mask)
        self.ratio, self.z, self.short = ratio, z, short
        self.numerator, self.denominator = ratio

    def _verdict(self, is_empty: bool, bad: int, whole: int) -> Verdict:
        if is_empty:
            return Verdict(False, 0, _NO_OPERATIONS)
        is_above = self._is_above(bad, whole)
        if whole < self.min_samples:
            return Verdict(False, bad, _INSUFFICIENT_DATA, whole, is_above)
        return Verdict(is_above and self._is_sure(bad, whole), bad, _BACK_TO_NORMAL, whole, is_above)

    def _is_above(self, bad: int, whole: int) -> bool:
        return bad >= self.min_bad and bad * self.denominator > whole * self.numerator

    def _is_sure(self, bad: int, whole: int) -> bool:
        return not self.z or wilson.is_above(bad, whole, self.ratio, self.z)

    def _verdict_on(self, tally: int) -> Verdict:
        bad, whole = packed_counts.field(tally, self.bad_shift), packed_counts.field(tally, self.whole_shift)
        return self._verdict(not tally, bad, whole)

    def _verdict_of(self, window: Window) -> Verdict:
        bad, whole = int(window.field(self.bad_place)), int(window.field(self.whole_place))
        return self._verdict(not window.attempted, bad, whole)

    def judged(self, series: OperationSeries) -> Verdict:
        """On the windows of a project."""
        verdict, short = self._verdict_of(series.windows[self.window_index]), self.short
        return verdict if short is None else _both(verdict, short.judged(series))

    def judged_on(self, totals: Sequence[int]) -> Verdict:
        """On the tallies of all windows, in the order of their lengths."""
        verdict, short = self._verdict_on(totals[self.window_index]), self.short
        return verdict if short is None else _both(verdict, short.judged_on(totals))

    def was_crossed(self, series: OperationSeries, second: int) -> bool:
        """Whether the window that ended with an epoch second is crossed, by all that has come since."""
        length = int(series.windows[self.window_index].length_seconds)
        is_crossed = self._verdict_on(tally_between(series, second - length + 1, second)).crossed
        return is_crossed and (self.short is None or self.short.was_crossed(series, second))

    def waits_for_samples(self, verdict: Verdict) -> bool:
        """Whether bad operations are in the window, but too few in all: even a good one may make it cross."""
        return verdict.whole < self.min_samples and verdict.bad >= self.min_bad

    def has_bad(self, series: OperationSeries) -> bool:
        """Whether a bad operation is in its window: without one it is not crossed."""
        return series.windows[self.window_index].field(self.bad_place) != 0

    def is_crossed(self, series: OperationSeries) -> bool:
        """`judged(series).crossed` without a verdict, for each event of a project that is watched."""
        window, short = series.windows[self.window_index], self.short
        bad, whole = int(window.field(self.bad_place)), int(window.field(self.whole_place))
        if whole < self.min_samples or not self._is_above(bad, whole) or not self._is_sure(bad, whole):
            return False
        return short is None or short.is_crossed(series)

    def next_check_second(self, series: OperationSeries, verdict: Verdict, is_active: bool) -> int | None:
        """Until then no operation that leaves a window changes the verdict; None: none does. What is counted meanwhile
        may change it: that is seen when it is counted. `is_active`: it has an alert."""
        if self.short is None:
            return self._next_check_second(series, verdict)
        lasting = self._verdict_of(series.windows[self.window_index])
        found = []
        if is_active or not lasting.crossed:
            found.append(self._next_check_second(series, lasting))
        if is_active or lasting.crossed:
            short = self.short.judged(series)
            found.append(self.short.next_check_second(series, short, is_active))
        return min((second for second in found if second is not None), default=None)

    def _next_check_second(self, series: OperationSeries, verdict: Verdict) -> int | None:
        window, bad, whole = series.windows[self.window_index], verdict.bad, verdict.whole
        if verdict.crossed:  # while no bad one leaves, the others that do only raise the rate
            second = next_bad_to_leave(series, window, self.bad_flags, self.bad_mask)
            if bad < self.min_samples:
                too_few = earliest_after_leaving(series, window, whole - self.min_samples + 1)
                second = min(second, too_few)
            return second
        if bad < self.min_bad or whole < self.min_samples or not self.numerator:
            return None
        above = (bad * self.denominator - 1) // self.numerator  # with this many or fewer, `bad` is too many
        if self.z:
            above = wilson.most_whole(bad, self.ratio, self.z)
        if above < self.min_samples:
            return None
        return earliest_after_leaving(series, window, whole - above)


def _both(lasting: Verdict, short: Verdict) -> Verdict:
    """The verdict on a long window, under which the short one must be crossed as well."""
    return Verdict(
        lasting.crossed and short.crossed, lasting.bad, lasting.calm_reason, lasting.whole, lasting.is_above,
        short=(short.bad, short.whole),
    )  # fmt: skip
