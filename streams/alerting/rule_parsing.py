"""Rules from a decoded rules file. What cannot be used is refused with one sentence that names the rule and the key."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from models.alert import Severity
from streams.alerting.rule import Rule, RuleType
from streams.alerting.rule_types import RULE_TYPES
from streams.alerting.rules import RuleError

RESERVED_IDS = frozenset({"integrity_drift"})  # of the monitor's own alerts: their keys would be the rule's
T = TypeVar("T")
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
    """Rules from `{"rules": [...]}`. `overrides` replace thresholds by type. Raises RuleError."""
    rules = []
    for position, raw in enumerate(_listed(document), 1):
        if not isinstance(raw, dict):
            raise RuleError(f"Rule number {position} must be a mapping of keys to values.")
        is_enabled = raw.get("enabled", True)
        if not isinstance(is_enabled, bool):
            raise RuleError(f"Rule number {position} needs `enabled` to be true or false, without quotes.")
        if is_enabled:
            rules.append(_parse_rule(raw, _checked_name(raw, position), overrides or {}))
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


def _checked_name(raw: dict[str, Any], position: int) -> str:
    name = raw.get("rule_id")
    if not isinstance(name, str) or not name or ":" in name or len(name) > 100:
        raise RuleError(f"Rule number {position} needs a `rule_id`: a text of 1 to 100 characters without a colon.")
    if name in RESERVED_IDS:
        raise RuleError(f"Rule number {position} has the `rule_id` {name}, which the monitor itself uses; rename it.")
    try:
        json.dumps(raw, ensure_ascii=False, default=str, skipkeys=True).encode()
    except UnicodeEncodeError:
        raise RuleError(
            f"Rule {name!a} holds half a surrogate pair, which is no text; remove the escape `\\ud8…`."
        ) from None
    return name


def _parse_rule(raw: dict[str, Any], name: str, overrides: Mapping[RuleType, Decimal]) -> Rule:
    unknown = sorted(str(key) for key in raw.keys() - KEYS)
    if unknown:
        raise RuleError(f"Rule {name} has the unknown key `{unknown[0]}`; remove it or correct its spelling.")
    measure = _one_of(RULE_TYPES, raw.get("alert_type"), name, "alert_type")
    severity = _one_of(_SEVERITIES, str(raw.get("severity", "")).lower(), name, "severity")
    _check_scope(raw.get("scope", "project"), name)
    threshold = measure.parse_threshold(raw.get("threshold"))
    if threshold is None:
        raise RuleError(f"Rule {name} needs `threshold` to be {measure.wanted}.")
    fields = {"description": None, "window_minutes": None} | raw
    fields |= {"measure": measure, "severity": severity.value, "threshold": threshold}
    if fields["description"] in (None, ""):
        fields["description"] = name
    if not measure.has_window:
        del fields["window_minutes"]
    try:
        rule = msgspec.convert(fields, Rule)
    except msgspec.ValidationError as error:
        key = str(error).partition("`$.")[2].partition("`")[0].partition("[")[0]
        raise RuleError(f"Rule {name} needs `{key}` to {_WANTED[key]}.") from None
    if measure not in overrides:
        return rule
    description = _with_threshold(rule.description, threshold, overrides[measure], measure)
    return msgspec.structs.replace(rule, threshold=overrides[measure], description=description)


def _one_of(known: Mapping[str, T], value: object, name: str, key: str) -> T:
    found = known.get(value) if isinstance(value, str) else None
    if found is None:
        raise RuleError(f"Rule {name} has an unknown `{key}`; it must be one of {', '.join(known)}.")
    return found


def _check_scope(scope: object, name: str) -> None:
    if scope == "fleet":
        raise RuleError(
            f"Rule {name} has the `scope` fleet, which cannot be judged exactly here; leave it out for a rule on each "
            f"project, or let Prometheus watch the fleet."
        )
    if scope != "project":
        raise RuleError(f"Rule {name} has an unknown `scope`; the only one is `project`.")


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
