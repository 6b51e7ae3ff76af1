"""Which sinks a configuration makes, what stands in for the others, and how a wrong setting is refused."""

from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from alert_sinks import kinds
from alert_sinks.destinations import KINDS, build_destinations
from alert_sinks.fanout import Fanout
from alert_sinks.kinds.log import LogSink
from alert_sinks.ledger import MemoryLedger
from alert_sinks.settings import SinkSettings
from alert_sinks.sink import Attempt, Delivered, Destinations
from episode_monitor.settings.settings import Settings, SettingsError, load_settings
from models.alert import Alert, AlertStatus, Severity
from tests.alert_sinks.receiver import Receiver
from tests.alert_sinks.support import NOW_MS, an_alert, sink_settings

FIRST = Attempt(1, NOW_MS)


def names(destinations: Destinations) -> tuple[list[str], list[str]]:
    """The names of the sinks: of the team, of on-call."""
    return [sink.name for sink in destinations.team], [sink.name for sink in destinations.on_call]


def test_every_file_of_a_kind_is_found_and_its_settings_with_it() -> None:
    files = {path.stem for path in Path(kinds.__path__[0]).glob("*.py")} - {"__init__", "log"}
    assert {kind.build.__module__.rpartition(".")[2] for kind in KINDS} == files
    for kind in KINDS:
        assert kind.settings.model_fields.keys() <= Settings.model_fields.keys()


def test_all_that_is_configured_becomes_a_sink(client: httpx.AsyncClient) -> None:
    config = sink_settings(
        slack_webhook_url="https://hooks.example/a",
        monitoring_webhook_url="https://hooks.example/b",
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
        (sink_settings(), ["log"], ["SLACK_WEBHOOK_URL", "MONITORING_WEBHOOK_URL"]),
        (sink_settings(slack_webhook_url="https://hooks.example/a"), ["slack", "log"], ["MONITORING_WEBHOOK_URL"]),
        (sink_settings(monitoring_webhook_url="https://hooks.example/b"), ["webhook", "log"], ["SLACK_WEBHOOK_URL"]),
    ],
    ids=["nothing set", "only Slack", "only the webhook"],
)
def test_the_log_stands_in_for_what_is_not_configured_and_says_so_once(
    client: httpx.AsyncClient, config: SinkSettings, team: list[str], missing: list[str]
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
        ("monitoring_webhook_url", "MONITORING_WEBHOOK_URL"),
        ("oncall_slack_webhook_url", "ONCALL_SLACK_WEBHOOK_URL"),
        ("oncall_webhook_url", "ONCALL_WEBHOOK_URL"),
    ],
)
def test_a_wrong_address_is_refused_by_the_name_of_its_setting(field: str, setting: str) -> None:
    with pytest.raises(SettingsError, match=f"^{setting} must be an address that begins with http:// or https://"):
        load_settings({field.upper(): "hooks.example/token"})


@pytest.mark.parametrize("own", [None, "whsec_b3duIHNlY3JldA=="])
async def test_the_on_call_webhook_signs_with_its_own_secret_if_it_has_one(
    client: httpx.AsyncClient, receiver: Receiver, own: str | None
) -> None:
    config = sink_settings(
        monitoring_webhook_url=receiver.url,
        oncall_webhook_url=receiver.url,
        monitoring_webhook_secret="whsec_dGVhbSBzZWNyZXQ=",
        oncall_webhook_secret=own,
    )
    destinations = build_destinations(config, client)
    for sink in (destinations.team[0], destinations.on_call[0]):
        await sink.deliver(an_alert(), FIRST)

    signatures = [request.headers["webhook-signature"] for request in receiver.requests]
    assert (signatures[0] == signatures[1]) is (own is None)


def test_a_configuration_does_not_show_its_secrets() -> None:
    config = sink_settings(slack_webhook_url="https://hooks.example/token", monitoring_webhook_secret="token")

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
