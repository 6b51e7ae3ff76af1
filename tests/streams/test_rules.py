"""The proof table of the rules file: what is accepted, and for everything else the sentence that says what to do."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.alert import Severity
from streams.alerting import rule_types
from streams.alerting.rule_parsing import parse_rules
from streams.alerting.rules import RuleError, RuleSet

GOOD: dict[str, Any] = {
    "rule_id": "r",
    "alert_type": "HIGH_FAILURE_RATE",
    "severity": "WARNING",
    "threshold": "1.0%",
    "window_minutes": 15,
    "description": "Too many failures",
}
SLOW = GOOD | {"alert_type": "SLOW_CREATION", "threshold": "5s"}
BROKEN = GOOD | {"alert_type": "INTEGRITY_VIOLATION", "threshold": 0}


def without(raw: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in raw.items() if name not in names}


PERCENT = "Rule r needs `threshold` to be a percentage from 0% to 100%, such as 1.0%."
SECONDS = "Rule r needs `threshold` to be a number of seconds, such as 5s."
COUNT = "Rule r needs `threshold` to be a count."
WINDOW = "Rule r needs `window_minutes` to be an integer from 1 to 1440."
NAME = "Rule number 1 needs a `rule_id`: a text of 1 to 100 characters without a colon."
TYPES = (
    "Rule r has an unknown `alert_type`; it must be one of HIGH_FAILURE_RATE, HIGH_CONFLICT_RATE, HIGH_RETRY_RATE, "
    "SLOW_CREATION, INTEGRITY_VIOLATION."
)
SEVERITIES = "Rule r has an unknown `severity`; it must be one of info, warning, critical."
CONFIDENCE = "Rule r: `confidence` must be a percentage from 50% to 99.99%, such as 95%."
COUNTS_FINDINGS = "Rule r: `confidence` has no meaning for INTEGRITY_VIOLATION, which counts findings; remove it."
OBJECTIVE = (
    "Rule r: `burn_rate.objective` must be the percentage of good operations, above 0% and below 100%, such as 99.9%."
)
PRESET = "Rule r: `burn_rate.preset` must be one of 1h, 6h, 1d, 3d, the length of the long window."
FACTOR = "Rule r: `burn_rate.factor` must be a number above 0, such as 14.4, or give a `preset`."
DURATION = "must be a duration from 1m to 3d in whole minutes, such as 5m or 1h; no longer one is stored."
UNKNOWN_KEY = "Rule r: `burn_rate.windows` is not known; the keys are factor, long, objective, preset, short."
NEVER = "Rule r: `burn_rate.objective` lets 14.4 times the budget be 144 %, which no rate is above; lower the factor."
BURN = without(GOOD, "threshold", "window_minutes") | {"burn_rate": {"objective": "99.9%", "preset": "1h"}}
CUSUM = "Rule r: `cusum` must be a mapping such as {in_control: 1%, out_of_control: 5%, average_run_length: 10000}."
IN_CONTROL = "Rule r: `cusum.in_control` must be the percentage of bad operations in good times, above 0%, such as 1%."
OUT_OF_CONTROL = (
    "Rule r: `cusum.out_of_control` must be the percentage to be noticed, above `in_control` and below 100%, such as "
    "5%."
)
ONE_LIMIT = "Rule r: `cusum.limit` or `average_run_length` must be given, and only one of them."
CUSUM_KEY = (
    "Rule r: `cusum.h` is not known; the keys are average_run_length, forget, in_control, limit, out_of_control."
)
SCORED = without(GOOD, "threshold", "window_minutes") | {"cusum": {"in_control": 1, "out_of_control": 5, "limit": 90}}
CONFLICTS = SCORED | {"alert_type": "HIGH_CONFLICT_RATE"}


def scoring(**keys: Any) -> dict[str, Any]:
    """A rule with these keys under `cusum`."""
    return SCORED | {"cusum": SCORED["cusum"] | keys}


def burning(**keys: Any) -> dict[str, Any]:
    """A rule with these keys under `burn_rate`; its objective is 99.9 % unless given."""
    return BURN | {"burn_rate": {"objective": "99.9%"} | keys}


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (GOOD | {"confidence": "95"} | {"confidence": "49%"}, CONFIDENCE),
        (GOOD | {"confidence": "100%"}, CONFIDENCE),
        (GOOD | {"confidence": True}, CONFIDENCE),
        (GOOD | {"confidence": [95]}, CONFIDENCE),
        (BROKEN | {"confidence": 95}, COUNTS_FINDINGS),
        (CONFLICTS, "Rule r: `cusum` is for HIGH_FAILURE_RATE and HIGH_RETRY_RATE, whose operations have ended."),
        (SCORED | {"cusum": 5}, CUSUM),
        (SCORED | {"threshold": "1%"}, "Rule r: `threshold` has no meaning beside `cusum`; remove one of them."),
        (SCORED | {"min_bad": 2}, "Rule r: `min_bad` has no meaning beside `cusum`; remove one of them."),
        (scoring(in_control="0%"), IN_CONTROL),
        (scoring(out_of_control="1%"), OUT_OF_CONTROL),
        (scoring(limit=0), "Rule r: `cusum.limit` must be a whole number from 1 to 100000."),
        (scoring(average_run_length=10), ONE_LIMIT),
        (scoring(forget="31d"), "Rule r: `cusum.forget` must be a duration from 1m to 30d, such as 7d."),
        (scoring(h=4), CUSUM_KEY),
        (SLOW | {"burn_rate": {"objective": 99}}, "Rule r: `burn_rate` is for rates; SLOW_CREATION is none."),
        (BURN | {"burn_rate": 14.4}, "Rule r: `burn_rate` must be a mapping such as {objective: 99.9%, preset: 1h}."),
        (BURN | {"threshold": "1%"}, "Rule r: `threshold` follows from `burn_rate`; remove one of them."),
        (BURN | {"window_minutes": 5}, "Rule r: `window_minutes` follows from `burn_rate`; remove one of them."),
        (burning(preset="2h"), PRESET),
        (burning(preset="1h", factor=2), "Rule r: `burn_rate.factor` follows from `preset`; remove one of them."),
        (burning(objective="100%", preset="1h"), OBJECTIVE),
        (burning(objective=None, preset="1h"), OBJECTIVE),
        (burning(long="1h", short="5m"), FACTOR),
        (burning(factor=0, long="1h", short="5m"), FACTOR),
        (burning(factor=2, long="4d", short="5m"), "Rule r: `burn_rate.long` " + DURATION),
        (burning(factor=2, long="1h", short="5 minutes"), "Rule r: `burn_rate.short` " + DURATION),
        (burning(factor=2, long="1h", short="60m"), "Rule r: `burn_rate.short` must be shorter than `long`."),
        (burning(preset="1h", windows=2), UNKNOWN_KEY),
        (burning(objective="90%", preset="1h"), NEVER),
        (without(GOOD, "rule_id"), NAME),
        (GOOD | {"rule_id": ""}, NAME),
        (GOOD | {"rule_id": 7}, NAME),
        (GOOD | {"rule_id": "a:b"}, NAME),
        (GOOD | {"rule_id": "r" * 101}, NAME),
        (without(GOOD, "alert_type"), TYPES),
        (GOOD | {"alert_type": "FAILURE"}, TYPES),
        (GOOD | {"alert_type": ["HIGH_FAILURE_RATE"]}, TYPES),
        (without(GOOD, "severity"), SEVERITIES),
        (GOOD | {"severity": "FATAL"}, SEVERITIES),
        (GOOD | {"severity": 1}, SEVERITIES),
        (without(GOOD, "threshold"), PERCENT),
        (GOOD | {"threshold": "one"}, PERCENT),
        (GOOD | {"threshold": ""}, PERCENT),
        (GOOD | {"threshold": "5s"}, PERCENT),
        (GOOD | {"threshold": "-1%"}, PERCENT),
        (GOOD | {"threshold": "100.1%"}, PERCENT),
        (GOOD | {"threshold": "nan"}, PERCENT),
        (GOOD | {"threshold": float("nan")}, PERCENT),
        (GOOD | {"threshold": "sNaN%"}, PERCENT),
        (GOOD | {"threshold": "inf%"}, PERCENT),
        (GOOD | {"threshold": True}, PERCENT),
        (GOOD | {"threshold": ["1%"]}, PERCENT),
        (without(SLOW, "threshold"), SECONDS),
        (SLOW | {"threshold": "5%"}, SECONDS),
        (SLOW | {"threshold": "5m"}, SECONDS),
        (SLOW | {"threshold": -5}, SECONDS),
        (BROKEN | {"threshold": "1%"}, COUNT),
        (BROKEN | {"threshold": -1}, COUNT),
        (without(GOOD, "window_minutes"), WINDOW),
        (GOOD | {"window_minutes": 0}, WINDOW),
        (GOOD | {"window_minutes": 1441}, WINDOW),
        (GOOD | {"window_minutes": 1.5}, WINDOW),
        (GOOD | {"window_minutes": "15"}, WINDOW),
        (GOOD | {"window_minutes": True}, WINDOW),
        (GOOD | {"min_samples": 0}, "Rule r needs `min_samples` to be an integer from 1 to 1000000000."),
        (GOOD | {"min_bad": 0}, "Rule r needs `min_bad` to be an integer from 1 to 1000000000."),
        (GOOD | {"for_seconds": -1}, "Rule r needs `for_seconds` to be an integer from 0 to 86400."),
        (GOOD | {"keep_firing_seconds": 86_401}, 
            "Rule r needs `keep_firing_seconds` to be an integer from 0 to 86400."),
        (GOOD | {"description": 5}, "Rule r needs `description` to be a text."),
        (GOOD | {"runbook_url": 5}, "Rule r needs `runbook_url` to be a text."),
        (GOOD | {"labels": ["team"]}, "Rule r needs `labels` to map texts to texts."),
        (GOOD | {"labels": {"team": 5}}, "Rule r needs `labels` to map texts to texts."),
        (GOOD | {"annotations": {5: "a"}}, "Rule r needs `annotations` to map texts to texts."),
        (GOOD | {"alert_type": "INTEGRITY_VIOLATION", "threshold": 0, "scope": "fleet"},
            "Rule r has the `scope` fleet, which is for rates and durations; INTEGRITY_VIOLATION counts the findings "
            "of a project. Remove `scope`, or group the alerts of projects in the alerting file."),
        (GOOD | {"scope": ["fleet"]}, "Rule r has an unknown `scope`; it must be one of project, fleet."),
        (GOOD | {"scope": "world"}, "Rule r has an unknown `scope`; it must be one of project, fleet."),
        (GOOD | {"enabled": "false"}, "Rule number 1 needs `enabled` to be true or false, without quotes."),
        (GOOD | {"enabled": 0}, "Rule number 1 needs `enabled` to be true or false, without quotes."),
        (GOOD | {"enabled": None}, "Rule number 1 needs `enabled` to be true or false, without quotes."),
        (GOOD | {"description": "x\ud800y"},
            "Rule 'r' holds half a surrogate pair, which is no text; remove the escape `\\ud8…`."),
        (GOOD | {"labels": {"team": "\udfff"}},
            "Rule 'r' holds half a surrogate pair, which is no text; remove the escape `\\ud8…`."),
        (GOOD | {"rule_id": "r\ud800"},
            "Rule 'r\\ud800' holds half a surrogate pair, which is no text; remove the escape `\\ud8…`."),
        (GOOD | {"rule_id": "integrity_drift"},
            "Rule number 1 has the `rule_id` integrity_drift, which the monitor itself uses; rename it."),
        (GOOD | {"treshold": "1%"}, "Rule r has the unknown key `treshold`; remove it or correct its spelling."),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_used_is_refused_with_one_sentence_that_names_rule_and_key(
    raw: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(RuleError) as refused:
        parse_rules({"rules": [raw]})
    assert str(refused.value) == sentence


@pytest.mark.parametrize("document", [None, [], "rules", {}, {"rules": None}, {"rules": {"a": 1}}])
def test_a_file_without_a_list_of_rules_is_refused(document: object) -> None:
    with pytest.raises(RuleError, match="must hold a list under the key `rules`"):
        parse_rules(document)


def test_a_file_that_is_one_rule_is_a_list_of_that_rule() -> None:
    assert parse_rules(GOOD) == parse_rules({"rules": [GOOD]})


def test_a_rule_that_is_no_mapping_is_refused_by_its_place() -> None:
    with pytest.raises(RuleError, match="Rule number 2 must be a mapping"):
        parse_rules({"rules": [GOOD, "HIGH_FAILURE_RATE"]})


def test_two_rules_of_one_name_are_refused_by_that_name() -> None:
    with pytest.raises(RuleError, match="Two rules have the `rule_id` r; give each its own"):
        RuleSet(parse_rules({"rules": [GOOD, GOOD]}))


def test_five_different_latency_limits_are_one_too_many() -> None:
    slow = [SLOW | {"rule_id": f"s{i}", "threshold": i} for i in range(1, 6)]
    assert RuleSet(parse_rules({"rules": slow[:4]})).latency_limits == (1.0, 2.0, 3.0, 4.0)
    with pytest.raises(RuleError, match="The rules name 5 latency limits; only 4 can be counted"):
        RuleSet(parse_rules({"rules": slow}))


@pytest.mark.parametrize(
    ("raw", "threshold"),
    [
        (GOOD, "1.0"),
        (GOOD | {"threshold": "1 %"}, "1"),
        (GOOD | {"threshold": 1}, "1"),
        (GOOD | {"threshold": 0.1}, "0.1"),
        (GOOD | {"threshold": "0%"}, "0"),
        (GOOD | {"threshold": "100%"}, "100"),
        (SLOW, "5"),
        (SLOW | {"threshold": "5.0 s"}, "5.0"),
        (SLOW | {"threshold": 2.5}, "2.5"),
        (BROKEN, "0"),
        (without(BROKEN, "threshold"), "0"),
        (BROKEN | {"threshold": "3"}, "3"),
    ],
)
def test_thresholds_may_be_written_with_or_without_their_unit(raw: dict[str, Any], threshold: str) -> None:
    (found,) = parse_rules({"rules": [raw]})
    assert found.threshold == Decimal(threshold)


def test_severity_may_be_written_in_either_case_and_integrity_needs_no_window() -> None:
    (found,) = parse_rules({"rules": [without(BROKEN, "window_minutes") | {"severity": "critical"}]})
    assert (found.severity, found.window_minutes) == (Severity.CRITICAL, 0)


def test_a_disabled_rule_is_left_out() -> None:
    assert parse_rules({"rules": [GOOD | {"enabled": False}]}) == ()


def test_an_override_replaces_the_threshold_of_every_rule_of_its_measure() -> None:
    found = parse_rules({"rules": [GOOD, SLOW | {"rule_id": "s"}]}, {rule_types.FAILURE_RATE: Decimal("2.5")})
    assert [one.threshold for one in found] == [Decimal("2.5"), Decimal("5")]


def test_the_shipped_rules_are_the_three_of_the_seed_and_the_one_of_p95() -> None:
    text = (Path(__file__).parents[2] / "rules.yaml").read_text(encoding="utf-8")
    found = parse_rules(yaml.safe_load(text))
    assert [(r.measure.name, r.severity.value, str(r.threshold), r.window_minutes) for r in found] == [
        ("HIGH_FAILURE_RATE", "warning", "1.0", 15),
        ("HIGH_CONFLICT_RATE", "critical", "5.0", 10),
        ("SLOW_CREATION", "warning", "5.0", 15),
        ("INTEGRITY_VIOLATION", "critical", "0", 0),
    ]


def test_rules_that_differ_in_anything_have_another_fingerprint() -> None:
    first, same, other = (
        RuleSet(parse_rules({"rules": [raw]})).fingerprint for raw in (GOOD, dict(GOOD), GOOD | {"threshold": "1.1%"})
    )
    assert first == same != other
