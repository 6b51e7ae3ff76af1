"""Which sinks a configuration makes, what stands in for the others, and how a wrong setting is refused."""

import httpx
import msgspec
import pytest
from structlog.testing import capture_logs

from alert_sinks.destinations import SinkConfig, build_destinations
from alert_sinks.fanout import Destinations, Fanout
from alert_sinks.kinds.log import LogSink
from alert_sinks.ledger import MemoryLedger
from alert_sinks.sink import Attempt, Delivered
from models.alert import Alert, AlertStatus, Severity
from tests.alert_sinks.receiver import Receiver
from tests.alert_sinks.support import NOW_MS, an_alert

FIRST = Attempt(1, NOW_MS)


def names(destinations: Destinations) -> tuple[list[str], list[str]]:
    """The names of the sinks: of the team, of on-call."""
    return [sink.name for sink in destinations.team], [sink.name for sink in destinations.on_call]


def test_all_that_is_configured_becomes_a_sink(client: httpx.AsyncClient) -> None:
    config = SinkConfig(
        slack_webhook_url="https://hooks.example/a",
        webhook_url="https://hooks.example/b",
        oncall_slack_webhook_url="https://hooks.example/c",
        oncall_webhook_url="https://hooks.example/d",
    )

    with capture_logs() as lines:
        destinations = build_destinations(config, client)

    assert names(destinations) == (["slack", "webhook"], ["oncall_slack", "oncall_webhook"])
    assert lines == []


@pytest.mark.parametrize(
    ("config", "team", "missing"),
    [
        (SinkConfig(), ["log"], ["SLACK_WEBHOOK_URL", "MONITORING_WEBHOOK_URL"]),
        (SinkConfig(slack_webhook_url="", webhook_url=""), ["log"], ["SLACK_WEBHOOK_URL", "MONITORING_WEBHOOK_URL"]),
        (SinkConfig(slack_webhook_url="https://hooks.example/a"), ["slack", "log"], ["MONITORING_WEBHOOK_URL"]),
        (SinkConfig(webhook_url="https://hooks.example/b"), ["webhook", "log"], ["SLACK_WEBHOOK_URL"]),
    ],
    ids=["nothing set", "all empty", "only Slack", "only the webhook"],
)
def test_the_log_stands_in_for_what_is_not_configured_and_says_so_once(
    client: httpx.AsyncClient, config: SinkConfig, team: list[str], missing: list[str]
) -> None:
    with capture_logs() as lines:
        destinations = build_destinations(config, client)

    assert names(destinations) == (team, [])
    (line,) = lines
    assert line["log_level"] == "warning"
    assert line["not_configured"] == missing


@pytest.mark.parametrize(
    ("field", "setting"),
    [
        ("slack_webhook_url", "SLACK_WEBHOOK_URL"),
        ("webhook_url", "MONITORING_WEBHOOK_URL"),
        ("oncall_slack_webhook_url", "ONCALL_SLACK_WEBHOOK_URL"),
        ("oncall_webhook_url", "ONCALL_WEBHOOK_URL"),
    ],
)
def test_a_wrong_address_is_refused_by_the_name_of_its_setting(
    client: httpx.AsyncClient, field: str, setting: str
) -> None:
    with pytest.raises(ValueError, match=f"^{setting} is not an http"):
        build_destinations(msgspec.structs.replace(SinkConfig(), **{field: "hooks.example/token"}), client)


@pytest.mark.parametrize("own", [None, "whsec_b3duIHNlY3JldA=="])
async def test_the_on_call_webhook_signs_with_its_own_secret_if_it_has_one(
    client: httpx.AsyncClient, receiver: Receiver, own: str | None
) -> None:
    config = SinkConfig(
        webhook_url=receiver.url,
        oncall_webhook_url=receiver.url,
        webhook_secret="whsec_dGVhbSBzZWNyZXQ=",
        oncall_webhook_secret=own,
    )
    destinations = build_destinations(config, client)
    for sink in (destinations.team[0], destinations.on_call[0]):
        await sink.deliver(an_alert(), FIRST)

    signatures = [request.headers["webhook-signature"] for request in receiver.requests]
    assert (signatures[0] == signatures[1]) is (own is None)


def test_a_configuration_does_not_show_its_secrets() -> None:
    config = SinkConfig(slack_webhook_url="https://hooks.example/token", webhook_secret="token")

    assert "token" not in repr(config)
    assert "token" not in str(config)


async def test_two_sinks_of_one_name_are_refused() -> None:
    async def on_dead_letter(alert: Alert, sink: str, reason: str) -> None:
        raise AssertionError

    with pytest.raises(ValueError, match="same name"):
        Fanout[int](
            Destinations([LogSink()], [LogSink()]),
            MemoryLedger(),
            on_done=lambda token: None,
            on_dead_letter=on_dead_letter,
        )


@pytest.mark.parametrize(
    ("severity", "status", "level"),
    [
        (Severity.CRITICAL, AlertStatus.FIRING, "error"),
        (Severity.WARNING, AlertStatus.FIRING, "warning"),
        (Severity.INFO, AlertStatus.FIRING, "info"),
        (Severity.CRITICAL, AlertStatus.RESOLVED, "info"),
    ],
)
async def test_the_log_sink_says_what_matters_at_its_level(severity: Severity, status: AlertStatus, level: str) -> None:
    with capture_logs() as lines:
        outcome = await LogSink().deliver(an_alert(severity=severity, status=status), FIRST)

    assert outcome == Delivered()
    assert lines == [
        {
            "event": f"alert {status.value}",
            "log_level": level,
            "title": "High failure rate in proj_1",
            "description": "Episode creation failure rate exceeds 1%",
            "project_id": "proj_1",
            "rule_id": "episode_failure_rate",
            "severity": severity.value,
            "value": "2.5 %",
            "threshold": "1 %",
            "reason": "",
            "alert_key": "episode_failure_rate:proj_1",
            "transition_id": f"a1b2:{status.value}:0",
        }
    ]
