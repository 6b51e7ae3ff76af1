"""A Bernoulli CUSUM for very low volume, after M. R. Reynolds and Z. G. Stoumbos, "A CUSUM chart for monitoring a
proportion when inspecting continuously" (1999), which goes back to E. S. Page, "Continuous inspection schemes" (1954).

A score begins at 0. A good operation takes 1 from it, at least to 0; a bad one adds a weight, the ratio of the two
log-likelihoods in whole numbers. At the limit the rule is crossed, until the score is back at 0.

Operations are taken in the order of their seconds, in a second the good ones first. What is older than two graces
no longer changes and is folded into the stored score; the rest is taken anew at every look. So the score follows from
the operations alone, in whatever order they came.
"""

from collections.abc import Iterable, Iterator, Mapping
from math import inf, log, log1p
from typing import Final

import msgspec

from streams.alerting.verdict import Reason, Verdict
from streams.base import packed_counts
from streams.rates.panes import Pane

MAX_LIMIT: Final = 100_000
_MAX_GROWTH: Final = 9  # rounding errors of a run length grow with the limit: e^9 is 8000 times


class Score(msgspec.Struct, array_like=True):
    """Where a rule stands. Stored of a project while its score is above 0 or may become so."""

    score: int = 0
    bad: int = 0  # since the score was 0
    whole: int = 0
    is_over: bool = False  # the limit was reached, and the score was not 0 since
    last_second: int = 0  # of the newest operation
    folded_second: int = 0  # what happened before it is in the score


class CusumRule:
    """Made ready to be judged. `bad_shift`: of the bad ones in a tally of a second; whole are the ended ones."""

    __slots__ = ("bad_mask", "bad_shift", "forget_seconds", "key", "limit", "rule_id", "weight")

    def __init__(
        self, rule_id: str, version: str, bad_shift: int, weight: int, limit: int, forget_seconds: int
    ) -> None:
        self.rule_id, self.bad_shift, self.weight, self.limit = rule_id, bad_shift, weight, limit
        self.key = f"{rule_id}:{version}"  # of what is stored: another version begins at 0
        self.bad_mask = packed_counts.mask(bad_shift)
        self.forget_seconds = forget_seconds

    def take(self, at: Score, second: int, tally: int) -> None:
        """The operations of one second."""
        bad = packed_counts.field(tally, self.bad_shift)
        good = packed_counts.field(tally, packed_counts.ENDED) - bad
        if not bad and not good:
            return
        if second - at.last_second > self.forget_seconds:
            _clear(at)
        at.last_second = second
        at.score -= good
        at.whole += good
        if at.score <= 0:
            _clear(at)
        if bad:
            at.bad += bad
            at.whole += bad
            at.score = min(at.score + self.weight * bad, self.limit)
            at.is_over = at.is_over or at.score == self.limit

    def fold(self, at: Score, minutes: Mapping[int, Pane], until_second: int) -> None:
        """Take everything that happened before a second: nothing of it may change any more."""
        for second, tally in _seconds(minutes, at.folded_second, until_second):
            self.take(at, second, tally)
        at.folded_second = max(at.folded_second, until_second)
        if not at.score:
            at.last_second = 0  # nothing is left that could be forgotten, so that equal scores are stored alike

    def look(self, scores: dict[str, Score], minutes: Mapping[int, Pane], until_second: int) -> Score:
        """The score with everything that has happened. What is needed to know it later is kept in `scores`: nothing
        if it is 0 and no bad operation is left to fold."""
        at = scores.pop(self.key, None) or Score(folded_second=until_second)
        self.fold(at, minutes, until_second)
        now, has_bad = msgspec.structs.replace(at), False
        for second, tally in _seconds(minutes, at.folded_second, None):
            self.take(now, second, tally)
            has_bad = has_bad or tally & self.bad_mask != 0
        if at.score or has_bad:
            scores[self.key] = at
        return now

    def verdict(self, at: Score, now_second: int) -> Verdict:
        """Crossed from the limit on until 0; a score whose last operation is too long ago is forgotten."""
        if now_second - at.last_second > self.forget_seconds:
            return Verdict(False, 0, Reason.NO_OPERATIONS, score=0)
        return Verdict(at.is_over, at.bad, Reason.BACK_TO_NORMAL, at.whole, at.is_over, score=at.score)


def _clear(at: Score) -> None:
    at.score = at.bad = at.whole = 0
    at.is_over = False


def _seconds(minutes: Mapping[int, Pane], first: int, until: int | None) -> Iterator[tuple[int, int]]:
    """Second -> tally in order; a minute whose seconds were dropped is left out, for it was folded before."""
    for minute in sorted(minute for minute in minutes if minute * 60 + 59 >= first):
        if until is not None and minute * 60 >= until:
            return
        seconds = minutes[minute].seconds
        for place in sorted(seconds):
            second = minute * 60 + place
            if second >= first and (until is None or second < until):
                yield second, seconds[place]


def fold_all(cusums: Iterable[CusumRule], scores: Mapping[str, Score], minutes: Mapping[int, Pane], until: int) -> None:
    """Fold what happened before an epoch second, as must be done before single seconds are dropped."""
    for cusum in cusums:
        at = scores.get(cusum.key)
        if at is not None:
            cusum.fold(at, minutes, until)


# --- choosing the parameters


def weight_of(in_control: float, out_of_control: float) -> int:
    """What a bad operation adds, for shares below 1: ln(p1/p0) over -ln((1-p1)/(1-p0)), rounded, at least 1."""
    return max(1, round(log(out_of_control / in_control) / log((1 - in_control) / (1 - out_of_control))))


def average_run_length(share: float, weight: int, limit: int) -> float:
    """How many operations it takes on average until the limit is reached from 0, where such a share is bad.

    E(s) = 1 + (1-p) E(max(s-1, 0)) + p E(s+w), E = 0 from the limit on; solved from the top down, with
    E(limit-1) = x and every E(s) = a + b x.
    """
    known: list[tuple[float, float]] = [(0.0, 0.0)] * (limit + weight)
    known[limit - 1] = (0.0, 1.0)
    for score in range(limit - 1, 0, -1):
        (a, b), (above_a, above_b) = known[score], known[score + weight]
        known[score - 1] = (a - 1 - share * above_a) / (1 - share), (b - share * above_b) / (1 - share)
    (a, b), (above_a, above_b) = known[0], known[weight]
    if b - above_b < 1e-8 * b:
        return inf  # longer than floats can tell
    return a + b * (1 / share - a + above_a) / (b - above_b)


def limit_for(share: float, weight: int, run_length: float) -> int | None:
    """The lowest limit with at least this average run length; None where it is too high to be computed."""
    most = max(1, min(MAX_LIMIT, int(-_MAX_GROWTH / log1p(-share))))
    high = 1
    while average_run_length(share, weight, high) < run_length:
        if high == most:
            return None
        high = min(2 * high, most)
    low = high // 2 + 1
    while low < high:
        middle = (low + high) // 2
        if average_run_length(share, weight, middle) < run_length:
            low = middle + 1
        else:
            high = middle
    return high
