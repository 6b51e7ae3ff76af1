"""Rules from a decoded rules file. Each fault is one sentence that names the rule and the key."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from models.alert import Severity
from streams.alerting.rule import STATISTICS, Rule, RuleType, Scope
from streams.alerting.rule_types import RULE_TYPES
from streams.alerting.rules import RuleError, RuleFault, shared_id
from streams.alerting.statistics_parsing import burn_rate_of, confidence_of, cusum_of

RESERVED_IDS = frozenset({"integrity_drift"})  # of the monitor's own alerts: their keys would be the rule's
T = TypeVar("T")
_SCOPES = {scope.value: scope for scope in Scope}
_SEVERITIES = {severity.value: severity for severity in Severity}


def _wanted(kind: inspect.Type) -> str:
    match kind:
        case inspect.IntType(ge=low, le=high):
            return f"be an integer from {low} to {high}"
        case inspect.DictType():
            return "map texts to texts"
    return "be a text"


_WANTED = {field.name: _wanted(field.type) for field in inspect.type_info(Rule).fields}  # type: ignore[attr-defined]
KEYS = _WANTED.keys() - {"measure"} | {"alert_type", "scope", "enabled"}


def parse_rules(document: object, overrides: Mapping[RuleType, Decimal] | None = None) -> tuple[Rule, ...]:
    """Rules from `{"rules": [...]}`. `overrides` replace thresholds by type. Raises RuleError with every fault."""
    rules: list[Rule] = []
    faults: list[RuleFault] = []
    for position, raw in enumerate(_listed(document), 1):
        if not isinstance(raw, dict):
            faults.append(RuleFault(f"Rule number {position} must be a mapping of keys to values.", position))
            continue
        is_enabled = raw.get("enabled", True)
        if not isinstance(is_enabled, bool):
            sentence = f"Rule number {position} needs `enabled` to be true or false, without quotes."
            faults.append(RuleFault(sentence, position, "enabled"))
        elif is_enabled:
            reading = _Reading(raw, position)
            rule = reading.rule(overrides or {})
            if rule is not None and any(rule.rule_id == other.rule_id for other in rules):
                reading.fault(shared_id(rule.rule_id), "rule_id")
            rules += [] if rule is None else [rule]
            faults += reading.faults
    if faults:
        raise RuleError(faults)
    return tuple(rules)


def _listed(document: object) -> list[Any]:
    """The raw rules: a list under the key `rules`, or a single rule."""
    found = document.get("rules") if isinstance(document, dict) else None
    if found is None and isinstance(document, dict) and "rule_id" in document:
        return [document]
    if not isinstance(found, list):
        sentence = (
            "The rules file must hold a list under the key `rules`: a line `rules:`, then `- rule_id: …` for each rule."
        )
        raise RuleError([RuleFault(sentence)])
    return found


class _Reading:
    """One rule of the file, and all that is wrong with it."""

    def __init__(self, raw: dict[str, Any], position: int) -> None:
        self.faults: list[RuleFault] = []
        self._raw, self._position = raw, position
        self._name = f"number {position}"

    def fault(self, sentence: str, key: str = "") -> None:
        """Note it."""
        self.faults.append(RuleFault(sentence, self._position, key))

    def rule(self, overrides: Mapping[RuleType, Decimal]) -> Rule | None:
        """The rule; None where it has faults."""
        raw = self._raw
        if not self._is_text() or not self._check_name():
            return None
        for key in sorted(str(key) for key in raw.keys() - KEYS):
            self.fault(f"Rule {self._name} has the unknown key `{key}`; remove it or correct its spelling.", key)
        measure = self._one_of(RULE_TYPES, raw.get("alert_type"), "alert_type")
        severity = self._one_of(_SEVERITIES, str(raw.get("severity", "")).lower(), "severity")
        self._check_scope(raw.get("scope", "project"), measure)
        rule = self._converted(measure or RuleType(""), severity or Severity.INFO)
        has_own = rule.burn_rate is not None or rule.cusum is not None or rule.scope is Scope.FLEET
        if self.faults or rule.measure not in overrides or has_own:
            return None if self.faults else rule
        threshold = overrides[rule.measure]
        description = _with_threshold(rule.description, rule.threshold, threshold, rule.measure)
        return msgspec.structs.replace(rule, threshold=threshold, description=description)

    def _fault_of(self, key: str, what: str) -> None:
        self.fault(f"Rule {self._name}: `{key}` {what}.", key)

    def _threshold(self, measure: RuleType) -> Decimal:
        threshold = measure.parse_threshold(self._raw.get("threshold"))
        if threshold is None and measure.name:
            self.fault(f"Rule {self._name} needs `threshold` to be {measure.wanted}.", "threshold")
        return Decimal(0) if threshold is None else threshold

    def _converted(self, measure: RuleType, severity: Severity) -> Rule:
        """What cannot be used is noted and left out."""
        fields: dict[str, Any] = {"description": None, "window_minutes": None}
        fields |= {key: value for key, value in self._raw.items() if key in _WANTED.keys() - STATISTICS - {"scope"}}
        scope = _SCOPES.get(str(self._raw.get("scope", "project")), Scope.PROJECT)
        confidence = confidence_of(self._raw, measure, self._fault_of)
        burn_rate = burn_rate_of(self._raw, measure, self._fault_of)
        cusum = cusum_of(self._raw, measure, self._fault_of)
        if fields["description"] in (None, ""):
            fields["description"] = self._name
        if not measure.has_window:
            del fields["window_minutes"]
        if self._raw.get("burn_rate") is None and self._raw.get("cusum") is None:
            threshold = self._threshold(measure)
        else:
            threshold = burn_rate.threshold if burn_rate else cusum.in_control if cusum else Decimal(0)
            fields["window_minutes"] = 1
        fields |= {"measure": measure, "severity": severity.value, "threshold": threshold}
        while True:
            try:
                rule = msgspec.convert(fields, Rule)
                minutes = burn_rate.long_minutes if burn_rate else 0 if cusum else rule.window_minutes
                return msgspec.structs.replace(
                    rule, window_minutes=minutes, confidence=confidence, burn_rate=burn_rate, cusum=cusum, scope=scope
                )
            except msgspec.ValidationError as error:
                key = str(error).partition("`$.")[2].partition("`")[0].partition("[")[0]
                self.fault(f"Rule {self._name} needs `{key}` to {_WANTED[key]}.", key)
                del fields[key]
                fields.setdefault("description", self._name)

    def _is_text(self) -> bool:
        try:
            json.dumps(self._raw, ensure_ascii=False, default=str, skipkeys=True).encode()
        except UnicodeEncodeError:
            name = self._raw.get("rule_id")
            self.fault(f"Rule {name!a} holds half a surrogate pair, which is no text; remove the escape `\\ud8…`.")
            return False
        return True

    def _check_name(self) -> bool:
        name = self._raw.get("rule_id")
        if not isinstance(name, str) or not name or ":" in name or len(name) > 100:
            text = "a text of 1 to 100 characters without a colon"
            self.fault(f"Rule {self._name} needs a `rule_id`: {text}.", "rule_id")
        elif name in RESERVED_IDS:
            sentence = f"Rule {self._name} has the `rule_id` {name}, which the monitor itself uses; rename it."
            self.fault(sentence, "rule_id")
        else:
            self._name = name
        return not self.faults

    def _one_of(self, known: Mapping[str, T], value: object, key: str) -> T | None:
        found = known.get(value) if isinstance(value, str) else None
        if found is None:
            self.fault(f"Rule {self._name} has an unknown `{key}`; it must be one of {', '.join(known)}.", key)
        return found

    def _check_scope(self, scope: object, measure: RuleType | None) -> None:
        if not isinstance(scope, str) or scope not in _SCOPES:
            self.fault(f"Rule {self._name} has an unknown `scope`; it must be one of {', '.join(_SCOPES)}.", "scope")
        elif _SCOPES[scope] is Scope.FLEET and measure is not None and not measure.has_window:
            self.fault(
                f"Rule {self._name} has the `scope` fleet, which is for rates and durations; {measure.name} counts the "
                f"findings of a project. Remove `scope`, or group the alerts of projects in the alerting file.",
                "scope",
            )


_NUMBER_AND_UNIT = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)(\s*)(%|percent\b|seconds?\b|secs?\b|s\b|초)")


def _with_threshold(description: str, before: Decimal, after: Decimal, measure: RuleType) -> str:
    """A description that names the threshold of the file, with the one that replaces it."""

    def replaced(found: re.Match[str]) -> str:
        number, space, unit = found.groups()
        if Decimal(number) != before or (unit in ("%", "percent")) != (measure.suffix == "%"):
            return found.group()
        if unit in ("second", "seconds"):
            unit = "second" if after == 1 else "seconds"
        return f"{after.normalize():f}{space}{unit}"

    return _NUMBER_AND_UNIT.sub(replaced, description)
