"""Every type of rule: verdict, value, sentence, unit, threshold and meaning of each, for every place that shows one.

A new type is added only here: a rate as one more `_Rate`, any other type as a class with the same methods.
"""

from collections.abc import Sequence
from decimal import Decimal

from models.wording import counted, number
from streams.alerting import wilson
from streams.alerting.cusum import CusumRule
from streams.alerting.findings_rules import FindingsRule
from streams.alerting.rate_rules import RateRule
from streams.alerting.rule import JudgedProject, Rule, RuleType
from streams.alerting.statistics import Cusum
from streams.alerting.verdict import Measurement, Verdict
from streams.base import packed_counts
from streams.base.packed_counts import rate_percentage
from streams.base.sketch import RELATIVE_ACCURACY, quantile_seconds

ALL_PROJECTS = "All projects"
MORE_THAN_ANY = Decimal(10**15)  # findings; a threshold may be written with any exponent
SLOW_SHARE = Decimal(5)  # percent: p95 is above a limit when more than this share of the endings is


class _Rate(RuleType):
    """The share of the operations in a window that are bad, in percent."""

    page_unit = ("{0} %", "{0} %")
    wanted = "a percentage from 0% to 100%, such as 1.0%"
    suffix = "%"
    max_threshold = Decimal(100)
    has_window = True

    def __init__(self, name: str, bad: int, whole: int, meaning: str) -> None:
        """`bad` and `whole` are shifts of a tally."""
        super().__init__(name, "%")
        self._counts, self.meaning = (bad, whole), meaning

    def rate_rule(self, rule: Rule, windows: Sequence[int], latency_limits: tuple[float, ...]) -> RateRule:
        """Too much is a share strictly above the threshold."""
        return _rate_rule(rule, windows, self._counts, rule.threshold)

    def cusum_rule(self, rule: Rule, version: str) -> CusumRule | None:
        """Of ended operations alone: one without an ending may change after any time."""
        bad, whole = self._counts
        cusum = rule.cusum
        if cusum is None or whole != packed_counts.ENDED:
            return None
        return CusumRule(rule.rule_id, version, bad, cusum.weight, cusum.limit, cusum.forget_minutes * 60)

    def measurement(self, rule: Rule, project: JudgedProject, verdict: Verdict) -> Measurement:
        """The share."""
        return self._measured(rule, f"Project {project.project_id}", verdict)

    def fleet_measurement(self, rule: Rule, verdict: Verdict) -> Measurement:
        """The share."""
        return self._measured(rule, ALL_PROJECTS, verdict)

    def _measured(self, rule: Rule, subject: str, verdict: Verdict) -> Measurement:
        value = rate_percentage(verdict.bad, verdict.whole)
        if rule.cusum is not None:
            return Measurement(value, verdict.whole, _score_sentence(rule.cusum, subject, verdict))
        if value is None:
            return _no_operations(rule, subject)
        sentence = (
            f"{subject}: {self.format_value(value, float(rule.threshold))} of "
            f"{counted(verdict.whole, 'operation', 'operations')} in the last {_window(rule)}; "
            f"{self._limit(rule, verdict)}."
        )
        return Measurement(value, verdict.whole, sentence)

    def _limit(self, rule: Rule, verdict: Verdict) -> str:
        limit = self.format_threshold(float(rule.threshold))
        said = f"the threshold is {limit}"
        burn = rule.burn_rate
        if burn is not None and verdict.short is not None:
            bad, whole = verdict.short
            share = self.format_value(rate_percentage(bad, whole), float(rule.threshold))
            said = (
                f"{share} in the last {counted(burn.short_minutes, 'minute', 'minutes')}; {burn.factor:f} times what "
                f"the objective of {burn.objective:f} % allows is {limit}"
            )
        return said + _sure(rule, verdict)


class _Latency(RuleType):
    """The 95th percentile of creation times in a window, in seconds; judged by the exact count of the slower ones."""

    page_unit = ("{0} s", "{0}초")
    meaning = "more than 5 % of the creations that ended in the last {1} took longer than {0}"
    wanted = "a number of seconds, such as 5s"
    suffix = "s"
    has_window = True

    def rate_rule(self, rule: Rule, windows: Sequence[int], latency_limits: tuple[float, ...]) -> RateRule:
        """Too much is a share of slower ones strictly above 5 %."""
        slower = packed_counts.SLOW[latency_limits.index(float(rule.threshold))]
        return _rate_rule(rule, windows, (slower, packed_counts.ENDED), SLOW_SHARE)

    def measurement(self, rule: Rule, project: JudgedProject, verdict: Verdict) -> Measurement:
        """The percentile."""
        now, limit = project.now_ms // 1000, float(rule.threshold)
        _, sketch = project.series.between(now - rule.window_minutes * 60, max(now, project.latest_ms // 1000))
        value = _beside_limit(quantile_seconds(sketch, 0.95), limit, verdict.is_above)
        if value is None:
            return _no_operations(rule, f"Project {project.project_id}", verdict.whole)
        sentence = (
            f"Project {project.project_id}: 95th percentile {self.format_value(value, limit)} of "
            f"{counted(verdict.whole, 'creation', 'creations')} in the last {_window(rule)}, {verdict.bad} of them "
            f"slower than {self.format_threshold(limit)}; the limit is {self.format_threshold(limit)}"
            f"{_sure(rule, verdict)}."
        )
        return Measurement(value, verdict.whole, sentence)

    def fleet_measurement(self, rule: Rule, verdict: Verdict) -> Measurement:
        """Without a percentile: partitions send counts, and how many were slower is exact."""
        if not verdict.whole:
            return _no_operations(rule, ALL_PROJECTS)
        limit, share = self.format_threshold(float(rule.threshold)), rate_percentage(verdict.bad, verdict.whole)
        sentence = (
            f"{ALL_PROJECTS}: {FAILURE_RATE.format_value(share, float(SLOW_SHARE))} of "
            f"{counted(verdict.whole, 'creation', 'creations')} in the last {_window(rule)} took longer than {limit}; "
            f"the 95th percentile is above {limit} when more than {SLOW_SHARE} % do{_sure(rule, verdict)}."
        )
        return Measurement(None, verdict.whole, sentence)


class _Numbers(RuleType):
    """Open gaps and duplicates of a project, as a count."""

    page_unit = ("findings: {0}", "발견 {0}건")
    meaning = "a project has more than {0} (missing or duplicate numbers)"
    wanted = "a count"
    default_threshold = "0"

    def findings_rule(self, rule: Rule) -> FindingsRule:
        """More than the threshold are too many."""
        return FindingsRule(rule.rule_id, int(min(rule.threshold, MORE_THAN_ANY)))

    def measurement(self, rule: Rule, project: JudgedProject, verdict: Verdict) -> Measurement:
        """The count."""
        numbering = project.numbering
        if project.split:
            where = ", ".join(map(str, project.split))
            sentence = (
                f"Events of project {project.project_id} are in the partitions {where}: what one of them lacks may be "
                f"in another, so its numbers are not judged. The view of the project names the cause."
            )
        else:
            sentence = (
                f"Project {project.project_id} has {numbering.anomalies.open_gaps.count} missing and "
                f"{counted(len(numbering.anomalies.open_duplicates), 'duplicate number', 'duplicate numbers')} among "
                f"{counted(verdict.whole, 'episode', 'episodes')} (highest number {numbering.max_number})."
            )
        return Measurement(float(verdict.bad), verdict.whole, sentence)


class _Drift(RuleType):
    """Numbers that differ between stream and database; `streams.partition.drift_alerts` evaluates it."""

    page_unit = ("differences: {0}", "차이 {0}건")


FAILURE_RATE = _Rate(
    "HIGH_FAILURE_RATE", packed_counts.FAILED, packed_counts.ENDED,
    "more than {0} of the creations that ended in the last {1} failed",
)  # fmt: skip
CONFLICT_RATE = _Rate(
    "HIGH_CONFLICT_RATE", packed_counts.CONFLICTED, packed_counts.ATTEMPTED,
    "more than {0} of the creations attempted in the last {1} met a conflict",
)  # fmt: skip
RETRY_RATE = _Rate(
    "HIGH_RETRY_RATE", packed_counts.RETRIED, packed_counts.ENDED,
    "more than {0} of the creations that ended in the last {1} needed a retry",
)  # fmt: skip
SLOW_CREATION = _Latency("SLOW_CREATION", "s")
INTEGRITY = _Numbers("INTEGRITY_VIOLATION", "finding", "findings")
DRIFT = _Drift("INTEGRITY_DRIFT", "difference", "differences")

RULE_TYPES: dict[str, RuleType] = {
    one.name: one for one in (FAILURE_RATE, CONFLICT_RATE, RETRY_RATE, SLOW_CREATION, INTEGRITY)
}
ALERT_TYPES: dict[str, RuleType] = {**RULE_TYPES, DRIFT.name: DRIFT}  # with those that no rule can name


def alert_type(name: str) -> RuleType:
    """The type of this name; for one that a newer version wrote, numbers without a unit."""
    return ALERT_TYPES.get(name) or RuleType(name)


def _rate_rule(rule: Rule, windows: Sequence[int], counts: tuple[int, int], percent: Decimal) -> RateRule:
    ratio = (percent / 100).as_integer_ratio()
    short = None
    if rule.burn_rate is not None:
        index = windows.index(rule.burn_rate.short_minutes * 60)
        short = RateRule(rule.rule_id, index, counts, ratio, min_bad=1, min_samples=1)
    index = windows.index(rule.window_minutes * 60)
    z = 0 if rule.confidence is None else wilson.z_of(rule.confidence)
    return RateRule(rule.rule_id, index, counts, ratio, rule.min_bad, rule.min_samples, z, short)


def _score_sentence(cusum: Cusum, subject: str, verdict: Verdict) -> str:
    return (
        f"{subject}: the score is {verdict.score}, after {verdict.bad} bad of "
        f"{counted(verdict.whole, 'operation', 'operations')} since it was 0; the limit is {cusum.limit} "
        f"({cusum.in_control:f} % are normal, {cusum.out_of_control:f} % are too many)."
    )


def _sure(rule: Rule, verdict: Verdict) -> str:
    """The lower end of the interval, where that is judged."""
    if rule.confidence is None:
        return ""
    low, _ = wilson.interval(verdict.bad, verdict.whole, wilson.z_of(rule.confidence))
    return f"; the share is at least {number(low, 3)} % with a confidence of {rule.confidence:f} %"


def _window(rule: Rule) -> str:
    return counted(rule.window_minutes, "minute", "minutes")


def _no_operations(rule: Rule, subject: str, ended: int = 0) -> Measurement:
    return Measurement(None, ended, f"{subject} had no operations in the last {_window(rule)}.")


def _beside_limit(p95_seconds: float | None, limit_seconds: float, is_above: bool) -> float | None:
    """The estimate on that side of the limit on which the exact count is: it may err by 1 %."""
    if p95_seconds is None or (p95_seconds > limit_seconds) == is_above:
        return p95_seconds
    return limit_seconds * (1 + RELATIVE_ACCURACY / 2) if is_above else limit_seconds
