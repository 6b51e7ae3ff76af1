"""Numbers as people read them: for every type of alert, in every place that shows one."""

import re
from decimal import Decimal
from typing import Any

import pytest
from structlog.testing import capture_logs

from alert_sinks.digest import digest_of
from alert_sinks.kinds.log import LogSink
from alert_sinks.kinds.slack import slack_digest, slack_payload
from alert_sinks.kinds.webhook import webhook_payload
from alert_sinks.sink import Attempt
from episode_monitor.cli.rules import sentence
from models.alert import Severity
from models.measures import ALERT_TYPES, alert_type, apart, number
from streams.alerting.rules import Measure, Rule, parse_rules
from streams.partition.drift_alerts import ALERT_TYPE as DRIFT
from tests.alert_sinks.support import NOW_MS, an_alert

# type, value, threshold -> as it is read
READ = [
    ("HIGH_FAILURE_RATE", 2.0, 1.0, "2 %", "1 %"),
    ("HIGH_FAILURE_RATE", 100 / 99.99, 1.0, "1.0001 %", "1 %"),
    ("HIGH_CONFLICT_RATE", 20 / 3, 5.0, "6.67 %", "5 %"),
    ("HIGH_CONFLICT_RATE", 99.996, 5.0, "99.996 %", "5 %"),
    ("HIGH_RETRY_RATE", 63.0123, 62.5, "63 %", "62.5 %"),
    ("SLOW_CREATION", 1530.4, 5.0, "1530 s", "5 s"),
    ("SLOW_CREATION", 5.004, 5.0, "5.004 s", "5 s"),
    ("SLOW_CREATION", 0.000123, 0.0001, "0.000123 s", "0.0001 s"),
    ("INTEGRITY_VIOLATION", 1.0, 0.0, "1 finding", "0 findings"),
    ("INTEGRITY_VIOLATION", 1234567.0, 0.0, "1234567 findings", "0 findings"),
    ("INTEGRITY_DRIFT", 3.0, 0.0, "3 differences", "0 differences"),
]


@pytest.mark.parametrize(("name", "value", "threshold", "value_text", "threshold_text"), READ)
def test_every_type_is_read_the_same_in_every_place(
    name: str, value: float, threshold: float, value_text: str, threshold_text: str
) -> None:
    said = alert_type(name)
    assert (said.value(value, threshold), said.threshold(threshold)) == (value_text, threshold_text)

    alert = an_alert(alert_type=name, value=value, threshold=threshold)
    message: Any = slack_payload(alert)
    fields = {field["title"]: field["value"] for field in message["attachments"][0]["fields"]}
    assert (fields["Value"], fields["Threshold"]) == (value_text, threshold_text)
    digest: Any = slack_digest(digest_of([alert]))
    assert f": {value_text}, since" in digest["attachments"][0]["text"]


async def test_the_log_shows_units_too() -> None:
    with capture_logs() as lines:
        await LogSink().deliver(an_alert(alert_type="HIGH_RETRY_RATE", value=2.5), Attempt(1, NOW_MS))
    assert (lines[0]["value"], lines[0]["threshold"]) == ("2.5 %", "1 %")


@pytest.mark.parametrize(
    ("kind", "threshold", "minutes", "said"),
    [
        ("HIGH_RETRY_RATE", "1.0", 1,
         "more than 1 % of the creations that ended in the last 1 minute needed a retry"),
        ("SLOW_CREATION", "0.5", 15,
         "more than 5 % of the creations that ended in the last 15 minutes took longer than 0.5 s"),
        ("INTEGRITY_VIOLATION", "0", 0, "a project has more than 0 findings (missing or duplicate numbers)"),
    ],
)  # fmt: skip
def test_the_command_line_says_rules_in_the_same_words(kind: str, threshold: str, minutes: int, said: str) -> None:
    rule = Rule(
        rule_id="r", measure=Measure(kind), severity=Severity.CRITICAL, threshold=Decimal(threshold),
        window_minutes=minutes, description="",
    )  # fmt: skip
    assert sentence(rule, 1) == (
        f"critical when {said}; fires at once; unacknowledged for 1 minute it goes to those on call."
    )


def test_there_is_an_object_for_every_type() -> None:
    assert set(ALERT_TYPES) == {measure.value for measure in Measure} | {DRIFT}
    assert all(said.units for said in ALERT_TYPES.values())


def test_a_type_of_a_newer_version_is_a_bare_number() -> None:
    assert alert_type("NEW").value(2.5, 1.0) == "2.5"


@pytest.mark.parametrize("value", [0.0, 1e-9, 0.1, 1 / 3, 99.999999, 12345.678, 1e15, 2**31])
def test_no_number_takes_an_exponent(value: float) -> None:
    assert re.fullmatch(r"\d+(\.\d+)?", number(value))
    assert re.fullmatch(r"\d+(\.\d+)?", apart(value, 1.0, True))


def test_what_is_above_the_threshold_never_reads_as_equal() -> None:
    for whole in (101, 999, 10_007, 99_991, 10**6 + 3):
        bad = whole // 100 + 1
        assert apart(100 * bad / whole, 1.0) != "1"


@pytest.mark.parametrize(
    ("kind", "threshold", "override", "before", "after"),
    [
        (Measure.FAILURE_RATE, "1.0%", "50", "Episode creation failure rate exceeds 1%",
         "Episode creation failure rate exceeds 50%"),
        (Measure.SLOW_CREATION, "5s", "1", "95th percentile of creation time exceeds 5 seconds",
         "95th percentile of creation time exceeds 1 second"),
        (Measure.SLOW_CREATION, "5s", "0.5", "p95 above 5 s", "p95 above 0.5 s"),
        (Measure.FAILURE_RATE, "5%", "7.5", "team 5 of 15: more than 5.0 % fail", "team 5 of 15: more than 7.5 % fail"),
    ],
)  # fmt: skip
def test_a_description_names_the_threshold_that_is_in_force(
    kind: Measure, threshold: str, override: str, before: str, after: str
) -> None:
    raw = {
        "rule_id": "r", "alert_type": kind.value, "severity": "WARNING", "threshold": threshold, "window_minutes": 15,
        "description": before,
    }  # fmt: skip
    (rule,) = parse_rules({"rules": [raw]}, {kind: Decimal(override)})
    assert rule.description == after
    (same,) = parse_rules({"rules": [raw]})
    assert same.description == before


def test_a_message_says_when_why_and_who() -> None:
    alert = an_alert(
        severity=Severity.CRITICAL, reason="resolved_by_person", starts_at_ms=NOW_MS - 60_000, updated_at_ms=NOW_MS,
        ends_at_ms=NOW_MS, annotations={"acted_by": "kim", "comment": "a known restart"},
    )  # fmt: skip
    message: Any = slack_payload(alert)
    (attachment,) = message["attachments"]
    fields = {field["title"]: field["value"] for field in attachment["fields"]}
    assert attachment["ts"] == NOW_MS // 1000
    assert fields["Since"] == "2025-10-09 08:52:20 UTC"
    assert fields["Ended"] == "2025-10-09 08:53:20 UTC"
    assert fields["Reason"] == "resolved by hand; it may still be bad"
    assert (fields["By"], fields["Comment"]) == ("kim", "a known restart")


def test_the_webhook_bears_the_sentence_of_the_rule() -> None:
    body: Any = webhook_payload(an_alert(description="Project p: 2 % of 100 operations"), Attempt(1, NOW_MS))
    assert body["alert"]["description"] == "Project p: 2 % of 100 operations"
