"""The receivers of a file as sinks: which names they have, and what is refused."""

import httpx
import pytest
from pydantic import SecretStr

from alert_sinks.destinations import KINDS
from alert_sinks.kinds.slack import SlackConfig
from alert_sinks.kinds.webhook import WebhookConfig
from alert_sinks.receiver_sinks import build_receivers
from alert_sinks.receivers import Receiver

ONE = WebhookConfig(url=SecretStr("http://one.example/hook"))
TWO = WebhookConfig(url=SecretStr("http://two.example/hook"), send_resolved=False)
SLACK = SlackConfig(api_url=SecretStr("http://slack.example/hook"))


async def test_each_config_of_a_receiver_is_a_sink_with_a_name_of_its_own() -> None:
    receivers = [Receiver(name="team", configs=(ONE, SLACK, TWO)), Receiver(name="quiet")]
    async with httpx.AsyncClient() as client:
        found = build_receivers(receivers, client, 10)
    assert [each.sink.name for each in found["team"]] == ["team/webhook", "team/slack", "team/webhook/2"]
    assert [each.config for each in found["team"]] == [ONE, SLACK, TWO]
    assert [each.sends_resolved for each in found["team"]] == [True, True, False]
    assert found["quiet"] == []


async def test_no_sink_of_a_file_has_the_name_of_a_sink_of_the_settings() -> None:
    receivers = [Receiver(name=name, configs=(ONE, SLACK)) for name in ("team", "on-call", "webhook", "oncall_slack")]
    async with httpx.AsyncClient() as client:
        found = build_receivers(receivers, client, 10)
    assert all("/" in each.sink.name for sinks in found.values() for each in sinks)


async def test_every_config_that_cannot_be_a_sink_is_named_with_receiver_kind_and_place() -> None:
    bad = WebhookConfig(url=SecretStr("http://one.example/hook"), secret=SecretStr("whsec_*"))
    async with httpx.AsyncClient() as client:
        with pytest.raises(ValueError, match="after 'whsec_' is not base64") as raised:
            build_receivers([Receiver(name="team", configs=(ONE, bad)), Receiver(name="b", configs=(bad,))], client, 10)
    assert [line.partition(": ")[0] for line in str(raised.value).splitlines()] == [
        "receiver team, webhook_configs 2", "receiver b, webhook_configs 1",
    ]  # fmt: skip


def test_no_two_kinds_make_the_sinks_of_the_same_config() -> None:
    configs = [kind.receiver.config for kind in KINDS if kind.receiver is not None]
    assert len(configs) == len(set(configs))
    assert [kind.receiver.config for kind in KINDS if kind.receiver and kind.of_config] == configs
