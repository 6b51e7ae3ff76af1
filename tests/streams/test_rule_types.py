"""Numbers as people read them: for every type of alert, in every place that shows one."""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from alert_sinks.kinds.log import LogSink
from alert_sinks.kinds.webhook import webhook_payload
from alert_sinks.sink import Attempt
from alert_sinks.slack_message import slack_digest, slack_payload
from alert_sinks.texts.korean import KOREAN
from alert_sinks.texts.translation import translated
from episode_monitor.cli.rules import check_rules, sentence, show_rules
from episode_monitor.web.routes.pages import page_files
from models.alert import Alert, Severity
from models.wording import apart, number
from streams.alerting import rule_types
from streams.alerting.rule import Rule, RuleType
from streams.alerting.rule_parsing import parse_rules
from streams.alerting.rule_types import ALERT_TYPES, RULE_TYPES, alert_type
from streams.base.steps import finish
from streams.partition.partition import Partition
from streams.partition.summary import alerts_of
from streams.project.rule_evaluator import active_alerts
from tests.alert_sinks.support import NOW_MS, an_alert, digest_of
from tests.streams.driving import PROJECT, Driven, core_with, rule
from tests.streams.stored import Stored

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


ON_THE_PAGE = {
    "HIGH_FAILURE_RATE": ["{0} %", "{0} %"],
    "HIGH_CONFLICT_RATE": ["{0} %", "{0} %"],
    "HIGH_RETRY_RATE": ["{0} %", "{0} %"],
    "SLOW_CREATION": ["{0} s", "{0}초"],
    "INTEGRITY_VIOLATION": ["findings: {0}", "발견 {0}건"],
    "INTEGRITY_DRIFT": ["differences: {0}", "차이 {0}건"],
}


@pytest.mark.parametrize(("name", "value", "threshold", "value_text", "threshold_text"), READ)
async def test_every_type_is_read_the_same_in_every_place(
    name: str, value: float, threshold: float, value_text: str, threshold_text: str
) -> None:
    shown = alert_type(name)
    assert (shown.format_value(value, threshold), shown.format_threshold(threshold)) == (value_text, threshold_text)

    alert = an_alert(alert_type=name, value=value, threshold=threshold)
    message: Any = slack_payload(alert)
    fields = {field["title"]: field["value"] for field in message["attachments"][0]["fields"]}
    assert (fields["Value"], fields["Threshold"]) == (value_text, threshold_text)
    line = await log_line_of(alert)
    assert (line["value"], line["threshold"]) == (value_text, threshold_text)
    digest: Any = slack_digest(digest_of([alert]))
    assert f": {value_text}, since" in digest["attachments"][0]["text"]


def test_every_type_stands_in_the_tables_of_this_test() -> None:
    assert {row[0] for row in READ} == set(ALERT_TYPES)
    assert {row[0] for row in EXPLAINED} == {row[0] for row in EMITTED} == set(RULE_TYPES)
    assert set(ON_THE_PAGE) == set(ALERT_TYPES)


async def log_line_of(alert: Alert) -> Any:
    with capture_logs() as lines:
        await LogSink().deliver(alert, Attempt(1, NOW_MS))
    (line,) = lines
    return line


def test_the_page_gets_the_units_of_every_type_in_both_languages() -> None:
    script = page_files()["alert-types.js"].decode()
    assert json.loads(script[script.index("{") : script.rindex("}") + 1]) == ON_THE_PAGE
    scripts = [body for name, body in page_files().items() if name.endswith(".js")]
    assert any(b'"./alert-types.js"' in script for script in scripts)


def fail(p: Driven) -> None:
    p.endings(0, 4, failed=1)


def meet_a_conflict(p: Driven) -> None:
    p.created(0, 1, had_conflict=True)


def retry(p: Driven) -> None:
    p.created(0, 1, retry_count=2)


def take_long(p: Driven) -> None:
    p.created(0, 1, duration_seconds=5.0)
    p.created(0, 2, duration_seconds=4.0)
    p.created(0, 3, duration_seconds=80.0)


def leave_a_gap(p: Driven) -> None:
    p.created(0, 1)
    p.created(0, 4)
    p.until(60)


# type, threshold, what happens -> sentence, value with its unit, and sample size of the alert
EMITTED: list[tuple[str, str, Callable[[Driven], None], str, str, int]] = [
    ("HIGH_FAILURE_RATE", "1", fail,
     "25 % of 4 operations in the last 15 minutes; the threshold is 1 %.", "25 %", 4),
    ("HIGH_CONFLICT_RATE", "5", meet_a_conflict,
     "100 % of 1 operation in the last 15 minutes; the threshold is 5 %.", "100 %", 1),
    ("HIGH_RETRY_RATE", "0.5", retry,
     "100 % of 1 operation in the last 15 minutes; the threshold is 0.5 %.", "100 %", 1),
    ("SLOW_CREATION", "5", take_long,
     "95th percentile 80.6 s of 3 creations in the last 15 minutes, 1 of them slower than 5 s; the limit is 5 s.",
     "80.6 s", 3),  # of 80 s; an estimate within 1 %
    ("INTEGRITY_VIOLATION", "0", leave_a_gap,
     "has 2 missing and 0 duplicate numbers among 2 episodes (highest number 4).", "2 findings", 2),
]  # fmt: skip


@pytest.mark.parametrize(("name", "threshold", "happens", "sentence", "value", "sample"), EMITTED)
async def test_an_alert_of_every_type_is_emitted_shown_and_counted(
    name: str, threshold: str, happens: Callable[[Driven], None], sentence: str, value: str, sample: int
) -> None:
    p = Driven(core_with(rule(RULE_TYPES[name], threshold)))
    happens(p)
    (alert,) = p.alerts
    assert (alert.alert_type, alert.sample_size) == (name, sample)
    assert alert.description in (f"Project {PROJECT}: {sentence}", f"Project {PROJECT} {sentence}")

    message: Any = slack_payload(alert)
    (attachment,) = message["attachments"]
    assert attachment["text"] == alert.description
    assert {field["title"]: field["value"] for field in attachment["fields"]}["Value"] == value
    body: Any = webhook_payload(alert, Attempt(1, NOW_MS))
    assert (body["alert"]["alert_type"], body["alert"]["description"]) == (name, alert.description)
    assert (await log_line_of(alert))["value"] == value
    (active,) = active_alerts(p.core, p.state)
    assert (active.value, active.description, active.reason) == (alert.value, alert.description, "threshold_crossed")


# type, threshold, window -> what the command line says of such a rule
EXPLAINED = [
    ("HIGH_FAILURE_RATE", "1", 15, "more than 1 % of the creations that ended in the last 15 minutes failed"),
    ("HIGH_CONFLICT_RATE", "5", 10,
         "more than 5 % of the creations attempted in the last 10 minutes met a conflict"),
    ("HIGH_RETRY_RATE", "1.0", 1,
         "more than 1 % of the creations that ended in the last 1 minute needed a retry"),
        ("SLOW_CREATION", "0.5", 15,
         "more than 5 % of the creations that ended in the last 15 minutes took longer than 0.5 s"),
        ("INTEGRITY_VIOLATION", "0", 0, "a project has more than 0 findings (missing or duplicate numbers)"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "threshold", "minutes", "said"), EXPLAINED)
def test_the_command_line_says_rules_in_the_same_words(kind: str, threshold: str, minutes: int, said: str) -> None:
    rule = Rule(
        rule_id="r", measure=alert_type(kind), severity=Severity.CRITICAL, threshold=Decimal(threshold),
        window_minutes=minutes, description="",
    )  # fmt: skip
    assert sentence(rule, 1) == (
        f"critical when {said}; fires at once; escalates to on-call when unacknowledged for 1 minute."
    )


@pytest.mark.parametrize(("name", "threshold", "happens"), [row[:3] for row in EMITTED])
def test_the_metrics_count_an_alert_of_every_type_under_its_name(
    name: str, threshold: str, happens: Callable[[Driven], None]
) -> None:
    p = Driven(core_with(rule(RULE_TYPES[name], threshold)))
    happens(p)
    partition = Partition(p.core, 0, Stored())
    for offset, event in enumerate(p.events):
        partition.take(event, offset)
    partition.advance_clock(p.state.now_ms)
    _, counts = finish(alerts_of(partition, 10))
    assert [(count.alert_type, count.count) for count in counts] == [(name, 1)]


def test_the_command_line_shows_every_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = [
        {"rule_id": f"r{place}", "alert_type": name, "severity": "info", "threshold": threshold, "window_minutes": 10}
        for place, (name, threshold, *_) in enumerate(EMITTED)
    ]
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"rules": rules}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RULES_FILE", str(file))
    show_rules(as_json=False)
    lines = capsys.readouterr().out.splitlines()
    for name, threshold, *_ in EMITTED:
        unit = next(threshold_text.split()[1] for type_name, *_, threshold_text in READ if type_name == name)
        (line,) = (line for line in lines if name in line)
        assert f"{threshold} {unit}" in line
    check_rules(file=None, as_json=False)
    assert len(capsys.readouterr().out.splitlines()) == len(RULE_TYPES)


def test_a_type_of_a_newer_version_is_a_bare_number() -> None:
    assert alert_type("NEW").format_value(2.5, 1.0) == "2.5"


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
        (rule_types.FAILURE_RATE, "1.0%", "50", "Episode creation failure rate exceeds 1%",
         "Episode creation failure rate exceeds 50%"),
        (rule_types.SLOW_CREATION, "5s", "1", "95th percentile of creation time exceeds 5 seconds",
         "95th percentile of creation time exceeds 1 second"),
        (rule_types.SLOW_CREATION, "5s", "0.5", "p95 above 5 s", "p95 above 0.5 s"),
        (rule_types.FAILURE_RATE, "5%", "7.5", "team 5 of 15: more than 5.0 % fail",
         "team 5 of 15: more than 7.5 % fail"),
    ],
)  # fmt: skip
def test_a_description_names_the_threshold_that_is_in_force(
    kind: RuleType, threshold: str, override: str, before: str, after: str
) -> None:
    raw = {
        "rule_id": "r", "alert_type": kind.name, "severity": "WARNING", "threshold": threshold, "window_minutes": 15,
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
    assert "Measured" not in fields  # that is the end
    assert fields["Ended"] == "2025-10-09 08:53:20 UTC"
    assert fields["Reason"] == "resolved manually; the condition may still hold"
    assert (fields["By"], fields["Comment"]) == ("kim", "a known restart")


def test_a_message_says_when_its_value_was_measured_where_that_is_later_than_the_beginning() -> None:
    alert = an_alert(reason="escalated_unacknowledged", starts_at_ms=NOW_MS - 60_000, updated_at_ms=NOW_MS)
    message: Any = slack_payload(alert)
    fields = {field["title"]: field["value"] for field in message["attachments"][0]["fields"]}
    assert (fields["Since"], fields["Measured"]) == ("2025-10-09 08:52:20 UTC", "2025-10-09 08:53:20 UTC")


async def test_in_korean_missing_and_duplicate_numbers_are_two_counts() -> None:
    p = Driven(core_with(rule(RULE_TYPES["INTEGRITY_VIOLATION"], "0")))
    leave_a_gap(p)
    (alert,) = p.alerts
    said = translated(alert, KOREAN).description
    assert said == f"프로젝트 {PROJECT}: 에피소드 2건에서 누락 번호 2개, 중복 번호 0개."


def test_the_webhook_bears_the_sentence_of_the_rule() -> None:
    body: Any = webhook_payload(an_alert(description="Project p: 2 % of 100 operations"), Attempt(1, NOW_MS))
    assert body["alert"]["description"] == "Project p: 2 % of 100 operations"
