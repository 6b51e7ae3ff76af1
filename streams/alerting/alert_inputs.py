"""What a rule was judged by, for its alert."""

from typing import Any

from models.alert import AlertInputs
from streams.alerting import wilson
from streams.alerting.alert_state import AlertState
from streams.alerting.rule import Rule
from streams.alerting.rule_state import RuleState, state_of
from streams.alerting.verdict import Verdict
from streams.rates.operation_series import rate_percentage

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
    if rule.measure.has_window:
        inputs |= _of_share(rule, verdict)
    return AlertInputs(**inputs)


def _of_share(rule: Rule, verdict: Verdict) -> dict[str, Any]:
    return {
        "rate": rate_percentage(verdict.bad, verdict.whole),
        "interval": wilson.interval(verdict.bad, verdict.whole),
        "confidence": _PERCENT_95,
        "window_minutes": rule.window_minutes,
    }
