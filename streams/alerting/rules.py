"""Alert rules: what is measured, over which window, and from where on it is too much.

Thresholds are exact ratios of integers; whether one is crossed is decided by multiplication, never by a rounded rate.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from enum import Enum
from hashlib import blake2b
from typing import Any

import msgspec

from models.alert import Severity
from streams.alerting.rate_rules import RateRule
from streams.base import packed_counts

SLOW_SHARE = Decimal(5)  # percent: p95 is above a limit when more than this share of the endings is
MAX_WINDOW_MINUTES = 1440  # a day of single seconds a project


class RuleError(ValueError):
    """A rule that cannot be used; the message is one sentence that names rule and key."""


class Measure(Enum):
    """What a rule looks at, by the alert type of the contract."""

    FAILURE_RATE = "HIGH_FAILURE_RATE"
    CONFLICT_RATE = "HIGH_CONFLICT_RATE"
    RETRY_RATE = "HIGH_RETRY_RATE"
    SLOW_CREATION = "SLOW_CREATION"
    INTEGRITY = "INTEGRITY_VIOLATION"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. `threshold` is a percentage for rates, seconds for SLOW_CREATION, a count for INTEGRITY_VIOLATION."""

    rule_id: str
    measure: Measure
    severity: Severity
    threshold: Decimal
    window_minutes: int  # 0 for integrity, which knows no window
    description: str
    min_samples: int = 1
    min_bad: int = 1
    for_seconds: int = 0
    keep_firing_seconds: int = 0
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    runbook_url: str | None = None

    @property
    def ratio(self) -> tuple[int, int]:
        """`(numerator, denominator)`: too much is `bad * denominator > whole * numerator`."""
        percent = SLOW_SHARE if self.measure is Measure.SLOW_CREATION else self.threshold
        return (percent / 100).as_integer_ratio()


_RATES = {
    Measure.FAILURE_RATE: (packed_counts.FAILED, packed_counts.ENDED),
    Measure.CONFLICT_RATE: (packed_counts.CONFLICTED, packed_counts.ATTEMPTED),
    Measure.RETRY_RATE: (packed_counts.RETRIED, packed_counts.ENDED),
}


class RuleSet:
    """All rules of a monitor, with the windows and latency limits they share."""

    __slots__ = (
        "by_id", "fingerprint", "integrity", "latency_limits", "packed", "rate_of", "watched_anywhere",
        "window_lengths",
    )  # fmt: skip

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        """Raises RuleError where two rules share an id or there are more latency limits than a tally can count."""
        self.by_id = {rule.rule_id: rule for rule in rules}
        for rule in rules:
            if self.by_id[rule.rule_id] is not rule:
                raise RuleError(f"Two rules have the `rule_id` {rule.rule_id}; give each its own.")
        limits = sorted({float(r.threshold) for r in rules if r.measure is Measure.SLOW_CREATION})
        if len(limits) > packed_counts.MAX_LATENCY_LIMITS:
            raise RuleError(
                f"The rules name {len(limits)} latency limits; only {packed_counts.MAX_LATENCY_LIMITS} can be counted."
            )
        lengths = sorted({rule.window_minutes * 60 for rule in rules if rule.measure is not Measure.INTEGRITY})
        self.latency_limits = tuple(limits)
        self.window_lengths = tuple(lengths)
        self.integrity = tuple(rule for rule in rules if rule.measure is Measure.INTEGRITY)
        self.rate_of = {
            rule.rule_id: RateRule(
                rule.rule_id,
                lengths.index(rule.window_minutes * 60),
                (packed_counts.SLOW[limits.index(float(rule.threshold))], packed_counts.ENDED)
                if rule.measure is Measure.SLOW_CREATION
                else _RATES[rule.measure],
                rule.ratio,
                rule.min_bad,
                rule.min_samples,
            )
            for rule in rules
            if rule.measure is not Measure.INTEGRITY
        }
        self.fingerprint = blake2b(msgspec.json.encode(rules), digest_size=8).hexdigest()
        pack = msgspec.msgpack.Encoder().encode
        self.packed = pack(self.fingerprint) + pack(limits)  # as two fields of every stored state
        self.watched_anywhere = 0  # an operation without any of these counts cannot raise a rate
        for rate in self.rate_of.values():
            self.watched_anywhere |= rate.bad_mask

    @property
    def longest_window_seconds(self) -> int:
        """Of all rate rules; 0 without any."""
        return max(self.window_lengths, default=0)


RESERVED_IDS = frozenset({"integrity_drift"})  # of the monitor's own alerts: their keys would be the rule's
_KEYS = {
    "rule_id", "alert_type", "severity", "threshold", "window_minutes", "description", "min_samples", "min_bad",
    "for_seconds", "keep_firing_seconds", "scope", "labels", "annotations", "runbook_url", "enabled",
}  # fmt: skip


def parse_rules(document: object, overrides: Mapping[Measure, Decimal] | None = None) -> tuple[Rule, ...]:
    """Rules from a decoded rules file (`{"rules": [...]}`). `overrides` replace thresholds by measure.

    Raises RuleError with one sentence that names the rule and the key.
    """
    rules = []
    for position, raw in enumerate(_listed(document), 1):
        if not isinstance(raw, dict):
            raise RuleError(f"Rule number {position} must be a mapping of keys to values.")
        is_enabled = raw.get("enabled", True)
        if not isinstance(is_enabled, bool):
            raise RuleError(f"Rule number {position} needs `enabled` to be true or false, without quotes.")
        if is_enabled:
            rules.append(_parse_rule(raw, position, overrides or {}))
    return tuple(rules)


def _listed(document: object) -> list[Any]:
    """The raw rules: a list under the key `rules`, or a single rule."""
    found = document.get("rules") if isinstance(document, dict) else None
    if found is None and isinstance(document, dict) and "rule_id" in document:
        return [document]
    if not isinstance(found, list):
        raise RuleError(
            "The rules file must hold a list under the key `rules`: a line `rules:`, then `- rule_id: …` for each rule."
        )
    return found


def _parse_rule(raw: dict[str, Any], position: int, overrides: Mapping[Measure, Decimal]) -> Rule:
    name = raw.get("rule_id")
    if not isinstance(name, str) or not name or ":" in name or len(name) > 100:
        raise RuleError(f"Rule number {position} needs a `rule_id`: a text of 1 to 100 characters without a colon.")
    if name in RESERVED_IDS:
        raise RuleError(f"Rule number {position} has the `rule_id` {name}, which the monitor itself uses; rename it.")
    if not all(map(_is_unicode, _texts_in(raw))):
        raise RuleError(f"Rule {name!a} holds half a surrogate pair, which is no text; remove the escape `\\ud8…`.")
    unknown = sorted(str(key) for key in raw.keys() - _KEYS)
    if unknown:
        raise RuleError(f"Rule {name} has the unknown key `{unknown[0]}`; remove it or correct its spelling.")
    measure = _member(Measure, raw.get("alert_type"), name, "alert_type")
    severity = _member(Severity, str(raw.get("severity", "")).lower(), name, "severity")
    if raw.get("scope", "project") == "fleet":
        raise RuleError(
            f"Rule {name} has the `scope` fleet, which cannot be judged exactly here; leave it out for a rule on each "
            f"project, or let Prometheus watch the fleet."
        )
    if raw.get("scope", "project") != "project":
        raise RuleError(f"Rule {name} has an unknown `scope`; the only one is `project`.")
    window = 0 if measure is Measure.INTEGRITY else _integer(raw, name, "window_minutes", None, 1, MAX_WINDOW_MINUTES)
    threshold = _threshold(raw.get("threshold"), name, measure)
    description = _text(raw, name, "description", name) or name
    if measure in overrides:
        description = _with_threshold(description, threshold, overrides[measure], measure)
        threshold = overrides[measure]
    return Rule(
        rule_id=name,
        measure=measure,
        severity=severity,
        threshold=threshold,
        window_minutes=window,
        description=description,
        min_samples=_integer(raw, name, "min_samples", 1, 1, 10**9),
        min_bad=_integer(raw, name, "min_bad", 1, 1, 10**9),
        for_seconds=_integer(raw, name, "for_seconds", 0, 0, 86_400),
        keep_firing_seconds=_integer(raw, name, "keep_firing_seconds", 0, 0, 86_400),
        labels=_texts(raw, name, "labels"),
        annotations=_texts(raw, name, "annotations"),
        runbook_url=_text(raw, name, "runbook_url", None),
    )


def _texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts_in(key)
            yield from _texts_in(inner)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _member(kind: Any, value: object, name: str, key: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(member.value for member in kind)
        raise RuleError(f"Rule {name} has an unknown `{key}`; it must be one of {known}.") from None


def _integer(raw: dict[str, Any], name: str, key: str, default: int | None, low: int, high: int) -> int:
    value = raw.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise RuleError(f"Rule {name} needs `{key}` to be an integer from {low} to {high}.")
    return value


def _text(raw: dict[str, Any], name: str, key: str, default: str | None) -> str | None:
    value = raw.get(key, default)
    if value is not None and not isinstance(value, str):
        raise RuleError(f"Rule {name} needs `{key}` to be a text.")
    return value


def _texts(raw: dict[str, Any], name: str, key: str) -> dict[str, str]:
    value = raw.get(key, {})
    if not isinstance(value, dict) or not all(isinstance(k, str) and isinstance(v, str) for k, v in value.items()):
        raise RuleError(f"Rule {name} needs `{key}` to map texts to texts.")
    return dict(value)


_NUMBER_AND_UNIT = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)(\s*)(%|percent\b|seconds?\b|secs?\b|s\b|초)")


def _with_threshold(description: str, before: Decimal, after: Decimal, measure: Measure) -> str:
    """A description that names the threshold of the file, with the one that replaces it."""
    is_rate = measure is not Measure.SLOW_CREATION

    def told(found: re.Match[str]) -> str:
        number, space, unit = found.groups()
        if Decimal(number) != before or (unit in ("%", "percent")) != is_rate:
            return found.group()
        if unit in ("second", "seconds"):
            unit = "second" if after == 1 else "seconds"
        return f"{after.normalize():f}{space}{unit}"

    return _NUMBER_AND_UNIT.sub(told, description)


_UNITS = {Measure.SLOW_CREATION: "s", Measure.INTEGRITY: ""}


def _threshold(value: object, name: str, measure: Measure) -> Decimal:
    unit = _UNITS.get(measure, "%")
    wanted = {"%": "a percentage from 0% to 100%, such as 1.0%", "s": "a number of seconds, such as 5s", "": "a count"}
    default = "0" if measure is Measure.INTEGRITY else ""
    try:
        number = Decimal(str(default if value is None else value).strip().removesuffix(unit).strip())
    except InvalidOperation:
        number = Decimal(-1)
    if isinstance(value, bool) or not number.is_finite() or number < 0 or (unit == "%" and number > 100):
        raise RuleError(f"Rule {name} needs `threshold` to be {wanted[unit]}.")
    return number
