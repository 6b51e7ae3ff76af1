"""What a rule was judged by, for its alert."""

from typing import Any

from models.alert import AlertInputs, ShortWindow
from streams.alerting import wilson
from streams.alerting.alert_state import AlertState
from streams.alerting.rule import Rule
from streams.alerting.rule_state import RuleState, state_of
from streams.alerting.statistics import BurnRate
from streams.alerting.verdict import Verdict
from streams.base.packed_counts import rate_percentage

_PERCENT_95 = 95.0


def inputs_of(rule: Rule, version: str, memory: AlertState | None, verdict: Verdict, *, is_over: bool) -> AlertInputs:
    """Of a verdict; `version` names the rule as it is, "" for an alert that no rule of a file causes."""
    state = RuleState.RESOLVED if is_over else state_of(memory, verdict)
    inputs: dict[str, Any] = {
        "state": state.value,
        "bad": verdict.bad,
        "whole": verdict.whole,
        "rate": None,
        "threshold": float(rule.threshold),
    }
    if version:
        inputs["rule_version"] = version
    if rule.cusum is not None:
        inputs |= {
            "rate": rate_percentage(verdict.bad, verdict.whole),
            "score": verdict.score,
            "limit": rule.cusum.limit,
        }
    elif rule.measure.has_window:
        inputs |= _of_share(rule, verdict)
    return AlertInputs(**inputs)


def _of_share(rule: Rule, verdict: Verdict) -> dict[str, Any]:
    rate = rate_percentage(verdict.bad, verdict.whole)
    z = wilson.Z95 if rule.confidence is None else wilson.z_of(rule.confidence)
    interval = wilson.interval(verdict.bad, verdict.whole, z)
    inputs: dict[str, Any] = {
        "rate": rate,
        "interval": interval,
        "confidence": _PERCENT_95 if rule.confidence is None else float(rule.confidence),
        "window_minutes": rule.window_minutes,
    }
    if rule.confidence is not None:
        inputs["lower_bound"] = interval[0]
    if rule.burn_rate is not None:
        inputs |= _of_burn(rule.burn_rate, rate, verdict.short or (0, 0))
    return inputs


def _of_burn(burn: BurnRate, rate: float | None, counts: tuple[int, int]) -> dict[str, Any]:
    bad, whole = counts
    short = ShortWindow(bad=bad, whole=whole, rate=rate_percentage(bad, whole), window_minutes=burn.short_minutes)
    times = None if rate is None else rate / float(burn.budget)
    return {"objective": float(burn.objective), "factor": float(burn.factor), "burn_rate": times, "short": short}
