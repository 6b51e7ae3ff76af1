"""The keys `confidence`, `burn_rate` and `cusum` of a rule. Each fault is a key and what it needs to be."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from streams.alerting.cusum import MAX_LIMIT, limit_for, weight_of
from streams.alerting.rule import RuleType
from streams.alerting.statistics import MAX_BURN_MINUTES, MAX_FORGET_MINUTES, PRESETS, BurnRate, Cusum

Fault = Callable[[str, str], None]  # key, what is wrong with it
_MINUTES = {"m": 1, "h": 60, "d": 1440}
_CUSUM_KEYS = frozenset(("in_control", "out_of_control", "average_run_length", "limit", "forget"))
_SCORED = ("HIGH_FAILURE_RATE", "HIGH_RETRY_RATE")
_BURN_KEYS = frozenset(("objective", "preset", "factor", "long", "short"))


def confidence_of(raw: Mapping[str, Any], measure: RuleType, fault: Fault) -> Decimal | None:
    """The confidence in percent; None where there is none."""
    if raw.get("confidence") is None:
        return None
    found = percentage(raw["confidence"])
    if measure.name and not measure.has_window:
        fault("confidence", f"has no meaning for {measure.name}, which counts findings; remove it")
    elif found is None or not 50 <= found <= Decimal("99.99"):
        fault("confidence", "must be a percentage from 50% to 99.99%, such as 95%")
    return found


def burn_rate_of(raw: Mapping[str, Any], measure: RuleType, fault: Fault) -> BurnRate | None:
    """The burn rate; None where there is none, or it has faults."""
    given = raw.get("burn_rate")
    if given is None:
        return None
    if measure.name and measure.suffix != "%":
        fault("burn_rate", f"is for rates; {measure.name} is none")
        return None
    for key in ("threshold", "window_minutes"):
        if key in raw:
            fault(key, "follows from `burn_rate`; remove one of them")
    if not isinstance(given, dict):
        fault("burn_rate", "must be a mapping such as {objective: 99.9%, preset: 1h}")
        return None
    return _BurnReading(given, fault).burn_rate()


class _BurnReading:
    """The keys under `burn_rate`."""

    def __init__(self, raw: Mapping[str, Any], fault: Fault) -> None:
        self._raw, self._fault = raw, fault
        self._is_good = True

    def burn_rate(self) -> BurnRate | None:
        """None where there are faults."""
        raw = self._raw
        for key in sorted(str(key) for key in raw.keys() - _BURN_KEYS):
            self._bad(key, f"is not known; the keys are {', '.join(sorted(_BURN_KEYS))}")
        objective = percentage(raw.get("objective"))
        if objective is None or not 0 < objective < 100:
            self._bad("objective", "must be the percentage of good operations, above 0% and below 100%, such as 99.9%")
        factor, long_minutes, short_minutes = self._preset() if "preset" in raw else self._by_hand()
        if not self._is_good or objective is None:
            return None
        found = BurnRate(objective=objective, factor=factor, long_minutes=long_minutes, short_minutes=short_minutes)
        if found.threshold >= 100:
            self._bad("objective", f"lets {factor} times the budget be {found.threshold.normalize():f} %, which no "
                                   "rate is above; lower the factor")  # fmt: skip
            return None
        return found

    def _bad(self, key: str, what: str) -> None:
        self._is_good = False
        self._fault(f"burn_rate.{key}", what)

    def _preset(self) -> tuple[Decimal, int, int]:
        for key in ("factor", "long", "short"):
            if key in self._raw:
                self._bad(key, "follows from `preset`; remove one of them")
        name = self._raw["preset"]
        if not isinstance(name, str) or name not in PRESETS:
            self._bad("preset", f"must be one of {', '.join(PRESETS)}, the length of the long window")
            return Decimal(1), 2, 1
        return PRESETS[name]

    def _by_hand(self) -> tuple[Decimal, int, int]:
        factor = _decimal(self._raw.get("factor"))
        if factor is None or factor <= 0:
            self._bad("factor", "must be a number above 0, such as 14.4, or give a `preset`")
        windows = [minutes_of(self._raw.get(key)) for key in ("long", "short")]
        for key, found in zip(("long", "short"), windows, strict=True):
            if found is None or not 1 <= found <= MAX_BURN_MINUTES:
                self._bad(key, "must be a duration from 1m to 3d in whole minutes, such as 5m or 1h; no longer one is "
                               "stored")  # fmt: skip
        long_minutes, short_minutes = windows[0] or 2, windows[1] or 1
        if self._is_good and short_minutes >= long_minutes:
            self._bad("short", "must be shorter than `long`")
        return factor or Decimal(1), long_minutes, short_minutes


def cusum_of(raw: Mapping[str, Any], measure: RuleType, fault: Fault) -> Cusum | None:
    """The CUSUM; None where there is none, or it has faults."""
    given = raw.get("cusum")
    if given is None:
        return None
    if measure.name and measure.name not in _SCORED:
        fault("cusum", f"is for {' and '.join(_SCORED)}, whose operations have ended")
        return None
    for key in ("threshold", "window_minutes", "burn_rate", "confidence", "min_samples", "min_bad"):
        if key in raw:
            fault(key, "has no meaning beside `cusum`; remove one of them")
    if not isinstance(given, dict):
        fault("cusum", "must be a mapping such as {in_control: 1%, out_of_control: 5%, average_run_length: 10000}")
        return None
    return _cusum(given, lambda key, what: fault(f"cusum.{key}", what))


def _cusum(raw: Mapping[str, Any], fault: Fault) -> Cusum | None:
    for key in sorted(str(key) for key in raw.keys() - _CUSUM_KEYS):
        fault(key, f"is not known; the keys are {', '.join(sorted(_CUSUM_KEYS))}")
    low, high = percentage(raw.get("in_control")), percentage(raw.get("out_of_control"))
    if low is None or not 0 < low < 100:
        fault("in_control", "must be the percentage of bad operations in good times, above 0%, such as 1%")
        return None
    if high is None or not low < high < 100:
        fault("out_of_control", "must be the percentage to be noticed, above `in_control` and below 100%, such as 5%")
        return None
    weight, limit = weight_of(float(low) / 100, float(high) / 100), raw.get("limit")
    forget = minutes_of(raw.get("forget", "7d"))
    if forget is None or not 1 <= forget <= MAX_FORGET_MINUTES:
        fault("forget", "must be a duration from 1m to 30d, such as 7d")
    if ("limit" in raw) == ("average_run_length" in raw):
        fault("limit", "or `average_run_length` must be given, and only one of them")
    elif "limit" in raw:
        if type(limit) is not int or not 1 <= limit <= MAX_LIMIT:
            fault("limit", f"must be a whole number from 1 to {MAX_LIMIT}")
    else:
        length = _decimal(raw["average_run_length"])
        limit = limit_for(float(low) / 100, weight, float(length)) if length is not None and length >= 1 else None
        if limit is None:
            fault("average_run_length", "must be the operations between two false alarms, such as 10000; for one "
                                        "as long as this give a `limit`")  # fmt: skip
    if type(limit) is not int or not 1 <= limit <= MAX_LIMIT or forget is None:
        return None
    return Cusum(in_control=low, out_of_control=high, weight=weight, limit=limit, forget_minutes=forget)


def percentage(raw: object) -> Decimal | None:
    """A percentage with or without its sign; None: it is none."""
    return _decimal(str(raw).strip().removesuffix("%")) if isinstance(raw, (str, int, float)) else None


def minutes_of(raw: object) -> int | None:
    """`5m`, `6h`, `3d` in minutes; None: it is no such duration."""
    found = re.fullmatch(r"([0-9]{1,6})([mhd])", raw) if isinstance(raw, str) else None
    return int(found[1]) * _MINUTES[found[2]] if found else None


def _decimal(raw: object) -> Decimal | None:
    if isinstance(raw, bool) or not isinstance(raw, (str, int, float)):
        return None
    try:
        found = Decimal(str(raw).strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
