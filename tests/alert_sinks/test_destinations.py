"""Which sinks a configuration makes, when the log takes the alerts, and how a wrong setting is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from alert_sinks import kinds
from alert_sinks.destinations import KINDS, AllSinkSettings, build_destinations, default_receivers
from alert_sinks.fanout import Fanout
from alert_sinks.kinds.log import LogSink
from alert_sinks.kinds.slack import SlackConfig
from alert_sinks.kinds.webhook import WebhookConfig
from alert_sinks.ledger import MemoryLedger
from alert_sinks.receivers import Receiver as FileReceiver
from alert_sinks.receivers import ReceiverConfig
from alert_sinks.settings import SinkSettings, sink_setting
from alert_sinks.sink import Attempt, Delivered, Destinations, SinkKind
from episode_monitor.cli.diagnosis import DiagnosisLevel
from episode_monitor.cli.doctor_sinks import sinks
from episode_monitor.settings.settings import Settings, SettingsError, load_settings
from models.alert import Alert, AlertStatus, Severity
from tests.alert_sinks.receiver import Receiver
from tests.alert_sinks.support import NOW_MS, an_alert, sink_settings

FIRST = Attempt(1, NOW_MS)


def names(destinations: Destinations) -> tuple[list[str], list[str]]:
    """The names of the sinks: of the team, of on-call."""
    return [sink.name for sink in destinations.team], [sink.name for sink in destinations.on_call]


def test_every_file_of_a_kind_is_found_and_its_settings_with_it() -> None:
    files = {path.stem for path in Path(kinds.__path__[0]).glob("*.py")} - {"__init__", "log", "slack_bot"}
    found = [kind.of_config or kind.build for kind in KINDS]
    assert {each.__module__.rpartition(".")[2] for each in found} == files
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


@pytest.mark.parametrize("field", ["slack_webhook_url", "monitoring_webhook_url"])
def test_one_sink_of_the_team_is_enough_and_nothing_is_said(client: httpx.AsyncClient, field: str) -> None:
    with capture_logs() as lines:
        destinations = build_destinations(sink_settings(**{field: "https://hooks.example/a"}), client)

    assert names(destinations) == ([field.split("_")[0].replace("monitoring", "webhook")], [])
    assert lines == []


@pytest.mark.parametrize(
    ("config", "on_call"),
    [(sink_settings(), []), (sink_settings(oncall_webhook_url="https://hooks.example/d"), ["oncall_webhook"])],
    ids=["nothing set", "only on-call"],
)
def test_the_log_takes_the_alerts_of_a_team_without_a_sink_and_says_so_once(
    client: httpx.AsyncClient, config: SinkSettings, on_call: list[str]
) -> None:
    with capture_logs() as lines:
        destinations = build_destinations(config, client)

    assert names(destinations) == (["log"], on_call)
    (line,) = lines
    assert line["log_level"] == "warning"
    assert {"ALERT_HANDLERS", "SLACK_WEBHOOK_URL", "MONITORING_WEBHOOK_URL"} <= set(line["not_configured"])


class PagerSettings(SinkSettings):
    """A kind with two settings, neither of them an address."""

    pager_number: str | None = sink_setting(None, "Whom to call.")
    pager_token: str | None = sink_setting(None, "What opens the line.")


def pager_sinks(settings: Any, client: httpx.AsyncClient) -> Destinations:
    if bool(settings.pager_number) is not bool(settings.pager_token):
        raise ValueError("PAGER_NUMBER and PAGER_TOKEN are set together or not at all.")
    return Destinations([LogSink("pager")]) if settings.pager_token else Destinations()


PAGER = SinkKind(PagerSettings, pager_sinks)


@pytest.fixture
def with_pager(monkeypatch: pytest.MonkeyPatch) -> Callable[..., SinkSettings]:
    """The settings, if there were one more kind."""
    monkeypatch.setattr("alert_sinks.destinations.KINDS", (*KINDS, PAGER))

    class AllWithPager(AllSinkSettings, PagerSettings):  # type: ignore[misc,valid-type]
        alert_on_issues: bool = True

    return AllWithPager


def test_a_kind_written_as_the_list_in_contributing_says_replaces_the_log_like_any_other(
    client: httpx.AsyncClient, with_pager: Callable[..., SinkSettings]
) -> None:
    with capture_logs() as lines:
        destinations = build_destinations(with_pager(pager_number="110", pager_token="t"), client)

    assert names(destinations) == (["pager"], [])
    assert lines == []


async def test_doctor_says_what_a_half_configured_sink_lacks_and_that_a_whole_one_can_be_created(
    with_pager: Callable[..., SinkSettings],
) -> None:
    whole: Any = with_pager(pager_number="110", pager_token="t")
    assert [(found.part, found.verdict) for found in await sinks(whole)] == [("sink pager", DiagnosisLevel.OK)]

    half: Any = with_pager(pager_number="110")
    (finding,) = await sinks(half)
    assert (finding.part, finding.verdict) == ("PAGER_NUMBER", DiagnosisLevel.WRONG)
    assert finding.sentence == "PAGER_NUMBER and PAGER_TOKEN are set together or not at all."


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
    config = sink_settings(slack_webhook_url="https://hooks.example/hushhush", monitoring_webhook_secret="hushhush")

    assert "hush" not in repr(config)
    assert "hush" not in str(config)


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


A, B, C, D = (SecretStr(f"https://hooks.example/{name}") for name in "abcd")


@pytest.mark.parametrize(
    ("given", "team", "on_call"),
    [
        ({}, (), ()),
        ({"slack_webhook_url": A}, (SlackConfig(api_url=A),), ()),
        ({"oncall_slack_webhook_url": C}, (), (SlackConfig(api_url=C),)),
        (
            {"monitoring_webhook_url": B, "oncall_webhook_url": D, "monitoring_webhook_secret": "team"},
            (WebhookConfig(url=B, secret=SecretStr("team")),),
            (WebhookConfig(url=D, secret=SecretStr("team")),),
        ),
        (
            {"slack_webhook_url": A, "monitoring_webhook_url": B, "oncall_slack_webhook_url": C,
             "oncall_webhook_url": D, "oncall_webhook_secret": "night"},
            (SlackConfig(api_url=A), WebhookConfig(url=B)),
            (SlackConfig(api_url=C), WebhookConfig(url=D, secret=SecretStr("night"))),
        ),
    ],
)  # fmt: skip
def test_the_settings_are_two_receivers_with_a_way_for_each_sink(
    client: httpx.AsyncClient,
    given: dict[str, Any],
    team: tuple[ReceiverConfig, ...],
    on_call: tuple[ReceiverConfig, ...],
) -> None:
    config = sink_settings(**given)
    assert default_receivers(config) == (
        FileReceiver(name="team", configs=team),
        FileReceiver(name="on-call", configs=on_call),
    )
    sinks = build_destinations(config, client)
    assert [sink.name.removeprefix("oncall_") for sink in (*sinks.team, *sinks.on_call) if sink.name != "log"] == [
        type(each).__name__.removesuffix("Config").lower() for each in (*team, *on_call)
    ]
