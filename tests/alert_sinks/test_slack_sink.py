"""Slack: the message as it goes over the wire, and Slack's several ways of saying no."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alert_sinks.kinds.slack import SlackSink, slack_outcome
from alert_sinks.posting import HttpAnswer
from alert_sinks.sink import Attempt, Delivered, Disabled, Outcome, Rejected, Retry
from alert_sinks.slack_message import escaped, slack_payload
from models.alert import AlertStatus, Severity
from tests.alert_sinks.receiver import Receiver, answers, sends
from tests.alert_sinks.support import NOW_MS, an_alert

FIRST = Attempt(1, NOW_MS)


async def test_a_critical_alert_as_slack_gets_it(client: httpx.AsyncClient, receiver: Receiver) -> None:
    alert = an_alert(
        alert_type="HIGH_CONFLICT_RATE",
        severity=Severity.CRITICAL,
        project_id="<proj> & co",
        title="Conflicts in <proj> & co",
        description="5 % < 7.5 % <!channel>",
        value=7.5,
        threshold=5.0,
        window_minutes=10,
        runbook_url="https://runbooks.example/conflicts?a=1&b=2",
    )

    assert await SlackSink(client, receiver.url).deliver(alert, FIRST) == Delivered()

    (request,) = receiver.requests
    assert (request.method, request.path) == ("POST", "/hook")
    assert request.headers["content-type"] == "application/json"
    assert request.json == {
        "text": "[CRITICAL] Conflicts in &lt;proj&gt; &amp; co",
        "attachments": [
            {
                "color": "danger",
                "title": "Conflicts in &lt;proj&gt; &amp; co",
                "text": "5 % &lt; 7.5 % &lt;!channel&gt;",
                "fields": [
                    {"title": "Project", "value": "&lt;proj&gt; &amp; co", "short": True},
                    {"title": "Severity", "value": "CRITICAL", "short": True},
                    {"title": "Status", "value": "firing", "short": True},
                    {"title": "Value", "value": "7.5 %", "short": True},
                    {"title": "Threshold", "value": "5 %", "short": True},
                    {"title": "Window", "value": "10 min", "short": True},
                    {"title": "Since", "value": "2025-10-09 08:53:20 UTC", "short": True},
                    {"title": "Runbook", "value": "https://runbooks.example/conflicts?a=1&amp;b=2", "short": False},
                ],
                "ts": 1_760_000_000,
            }
        ],
    }


def test_a_resolved_integrity_alert_is_good_and_shows_only_what_it_has() -> None:
    payload = slack_payload(
        an_alert(
            alert_type="INTEGRITY_VIOLATION",
            severity=Severity.CRITICAL,
            status=AlertStatus.RESOLVED,
            title="Gaps in its numbers",
            description="",
            value=None,
            threshold=0.0,
            window_minutes=None,
            dashboard_url="https://monitor.example/?project=proj_1",
        )
    )

    assert payload == {
        "text": "[RESOLVED] Gaps in its numbers (project proj_1)",
        "attachments": [
            {
                "color": "good",
                "title": "Gaps in its numbers",
                "text": "",
                "fields": [
                    {"title": "Project", "value": "proj_1", "short": True},
                    {"title": "Severity", "value": "CRITICAL", "short": True},
                    {"title": "Status", "value": "resolved", "short": True},
                    {"title": "Value", "value": "no data", "short": True},
                    {"title": "Threshold", "value": "0 findings", "short": True},
                    {"title": "Since", "value": "2025-10-09 08:53:20 UTC", "short": True},
                    {"title": "Dashboard", "value": "https://monitor.example/?project=proj_1", "short": False},
                ],
                "ts": 1_760_000_000,
            }
        ],
    }


@pytest.mark.parametrize(
    ("severity", "status", "color"),
    [
        (Severity.CRITICAL, AlertStatus.FIRING, "danger"),
        (Severity.WARNING, AlertStatus.FIRING, "warning"),
        (Severity.INFO, AlertStatus.FIRING, "good"),
        (Severity.CRITICAL, AlertStatus.RESOLVED, "good"),
        (Severity.WARNING, AlertStatus.RESOLVED, "good"),
    ],
)
def test_the_color_follows_severity_and_resolution(severity: Severity, status: AlertStatus, color: str) -> None:
    payload = slack_payload(an_alert(severity=severity, status=status))

    assert payload["attachments"][0]["color"] == color  # type: ignore[index]


@pytest.mark.parametrize(
    ("alert_type", "value", "shown"),
    [
        ("HIGH_FAILURE_RATE", 2.0, "2 %"),
        ("HIGH_FAILURE_RATE", 1.0042, "1.004 %"),
        ("SLOW_CREATION", 6.25, "6.25 s"),
        ("INTEGRITY_VIOLATION", 12000.0, "12000 findings"),
        ("SOMETHING_LATER", 0.5, "0.5"),
        ("INTEGRITY_VIOLATION", 0.0, "0 findings"),
        ("INTEGRITY_VIOLATION", 100.0, "100 findings"),
    ],
)
def test_values_are_shown_with_their_unit_and_without_idle_digits(alert_type: str, value: float, shown: str) -> None:
    payload = slack_payload(an_alert(alert_type=alert_type, value=value))

    fields = payload["attachments"][0]["fields"]  # type: ignore[index]
    assert {"title": "Value", "value": shown, "short": True} in fields


def test_every_text_stays_within_what_slack_takes() -> None:
    long = "&" * 50_000
    payload = slack_payload(an_alert(title=long, description=long, project_id=long, runbook_url=long))

    attachment = payload["attachments"][0]  # type: ignore[index]
    assert len(payload["text"]) <= 4000  # type: ignore[arg-type]
    assert len(attachment["title"]) <= 256
    assert len(attachment["text"]) <= 3000
    assert max(len(field["value"]) for field in attachment["fields"]) <= 2000


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("a&b", 7, "a&amp;b"),
        ("a&bcd", 8, "a&amp;b…"),
        ("a&bcd", 6, "a…"),
        ("&<>", 12, "&amp;&lt;…"),
        ("", 5, ""),
    ],
)
def test_a_text_is_cut_between_entities(text: str, limit: int, shown: str) -> None:
    assert escaped(text, limit) == shown


@given(st.text("&<>;ab", max_size=60), st.integers(1, 60))
def test_no_cut_leaves_a_broken_entity_or_a_bare_bracket(text: str, limit: int) -> None:
    safe = escaped(text, limit)

    assert len(safe) <= limit
    rest = safe.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    assert not set("&<>") & set(rest)


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (b"ok", Delivered()),
        (b" ok\n", Delivered()),
        (b'{"ok": true}', Delivered()),
        (b'{"ok": true, "warning": "x"}', Delivered()),
        (b"", Rejected("Slack answered nothing")),
        (b"OK", Rejected("Slack answered OK")),
        (b"not ok", Rejected("Slack answered not ok")),
        (b"invalid_payload", Rejected("Slack answered invalid_payload")),
        (b"<html>Sign in</html>", Rejected("Slack answered <html>Sign in</html>")),
        (b'{"ok": false}', Rejected("Slack answered not ok")),
        (b'{"ok": false, "error": "channel_not_found"}', Rejected("Slack answered channel_not_found")),
        (b'{"ok": "true"}', Rejected('Slack answered {"ok": "true"}')),
        (b'{"ok": tr', Rejected('Slack answered {"ok": tr')),
        (b'{"error": "ok"}', Rejected('Slack answered {"error": "ok"}')),
        (b'{"ok": false, "error": "internal_error"}', Retry(None, "Slack answered internal_error")),
        (b"fatal_error", Retry(None, "Slack answered fatal_error")),
        (b"rollup_error", Retry(None, "Slack answered rollup_error")),
        (b"rate_limited", Retry(30.0, "Slack answered rate_limited", holds_sink=True)),
        (b'{"ok": false, "error": "ratelimited"}', Retry(30.0, "Slack answered ratelimited", holds_sink=True)),
    ],
)
async def test_a_200_counts_only_if_its_body_is_ok(
    client: httpx.AsyncClient, receiver: Receiver, body: bytes, outcome: Outcome
) -> None:
    limited = b"limited" in body
    receiver.script.append(answers(200, body, retry_after="30") if limited else answers(200, body))

    assert await SlackSink(client, receiver.url).deliver(an_alert(), FIRST) == outcome


async def test_a_200_that_breaks_off_is_tried_again(client: httpx.AsyncClient, receiver: Receiver) -> None:
    receiver.script.append(sends(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no"))

    outcome = await SlackSink(client, receiver.url).deliver(an_alert(), FIRST)

    assert outcome == Retry(None, "Slack's answer was cut off")


def test_json_nested_without_end_is_a_refusal() -> None:
    body = b'{"ok":' + b"[" * 4000

    assert isinstance(slack_outcome(HttpAnswer(200, None, body), NOW_MS), Rejected)


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (410, b"channel_is_archived", Disabled("HTTP 410: channel_is_archived")),
        (404, b"no_service", Rejected("HTTP 404: no_service")),
        (403, b"action_prohibited", Rejected("HTTP 403: action_prohibited")),
        (500, b"rollup_error", Retry(None, "HTTP 500: rollup_error")),
    ],
)
async def test_other_statuses_mean_what_they_mean_everywhere(
    client: httpx.AsyncClient, receiver: Receiver, status: int, body: bytes, outcome: Outcome
) -> None:
    receiver.script.append(answers(status, body))

    assert await SlackSink(client, receiver.url).deliver(an_alert(), FIRST) == outcome
