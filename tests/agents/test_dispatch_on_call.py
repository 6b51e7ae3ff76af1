"""Chains of an on-call file in the running dispatcher: receiver, wait, page; an acknowledgement ends them."""

from pathlib import Path

import msgspec
import pytest

from agents.config import AgentsConfig
from episode_monitor.settings.oncall_file import parse_on_call
from models.alert import AlertStatus, Severity
from streams.dispatch.config import DispatchConfig, default_config
from streams.dispatch.inputs import Acknowledge, RemoveOverride, SetOverride
from streams.dispatch.outputs import Notification
from streams.dispatch.table import NotifyReason
from streams.routing.chain import Wait
from tests.agents.dispatch_desk import (
    make_all_topics,
    notifications,
    owning,
    put_act,
    put_alert,
    until_notified,
)
from tests.agents.support import config_for, now_ms, producing, until
from tests.streams.dispatch.scripts import alert

pytestmark = pytest.mark.broker

FILE = parse_on_call(b"""
chains: [{name: all, steps: [{wait: 1m}, {notify: leads}, {wait: 1m}, {page: primary}]}]
schedules:
  - name: primary
    time_zone: Asia/Seoul
    receiver: on-call
    receivers: {kim: kim}
    layers:
      - {name: nobody-yet, people: [kim], start: 2098-01-06 09:00, rotation: weekly}
      - {name: always, people: [kim], start: 2026-01-05 09:00, rotation: weekly}
  - name: empty
    time_zone: Asia/Seoul
    receiver: on-call
    layers: [{name: later, people: [kim], start: 2098-01-06 09:00, rotation: weekly}]
""", "oncall.yaml")  # fmt: skip
P1 = alert("p1", severity=Severity.CRITICAL)


def quick(schedule: str = "primary", *, page_after_ms: int = 500) -> DispatchConfig:
    """The file, with waits of half a second, and a page to this schedule."""
    (chain,) = FILE.chains
    steps = (Wait(500), chain.steps[1], Wait(page_after_ms))
    page = msgspec.structs.replace(chain.steps[-1], schedule=schedule)
    on_call = msgspec.structs.replace(FILE, chains=(msgspec.structs.replace(chain, steps=(*steps, page)),))
    base = default_config()
    receivers = ("team", "leads", "on-call", "kim", "eve")
    return msgspec.structs.replace(
        base, on_call=on_call, alerting=msgspec.structs.replace(base.alerting, receivers=receivers)
    )


async def a_monitor(broker: str, prefix: str, folder: Path) -> AgentsConfig:
    config = config_for(broker, prefix, folder)
    await make_all_topics(config)
    return config


def in_order(found: list[Notification]) -> list[str]:
    unique = {each.notification_id: each for each in sorted(found, key=lambda one: one.at_ms)}
    return [f"{each.receiver} {each.alerts[0].project_id} {each.reason.value}" for each in unique.values()]


async def test_a_chain_notifies_a_receiver_waits_and_pages_who_is_on_call(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = await a_monitor(broker, topic_prefix, tmp_path)
    async with producing(broker) as producer, owning(config, quick()) as desk:
        await put_alert(producer, config, P1)
        found = await until_notified(config, 3)
        assert in_order(found) == [
            "team p1 first_notification", "leads p1 escalated_unacknowledged", "kim p1 escalated_unacknowledged",
        ]  # fmt: skip
        times = {each.receiver: each.at_ms for each in found}
        assert (times["leads"] - times["team"], times["kim"] - times["leads"]) == (500, 500), "each when it was due"
        (paged,) = [each for each in found if each.receiver == "kim"]
        assert (paged.person, paged.note) == ("kim", "Layer nobody-yet is empty: it has not begun.")
        assert desk.owner.counts.empty_shifts == 1
        await put_alert(producer, config, alert("p1", AlertStatus.RESOLVED, Severity.CRITICAL))
        ends = [each for each in await until_notified(config, 6) if each.reason is NotifyReason.ALL_RESOLVED]
        assert {each.receiver for each in ends} == {"team", "leads", "kim"}, "who was notified hears of the end"


async def test_an_acknowledgement_ends_a_chain(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    config = await a_monitor(broker, topic_prefix, tmp_path)
    async with producing(broker) as producer, owning(config, quick(page_after_ms=5000)) as desk:
        await put_alert(producer, config, P1)
        await until_notified(config, 2)
        offset = await put_act(producer, config, Acknowledge(alert_key=P1.alert_key, by="kim"), "a1")
        await until(lambda: desk.has_read(f"{config.topics.acts}/0", offset))
        await put_alert(producer, config, alert("p2", severity=Severity.CRITICAL), 1)
        found = in_order(await until_notified(config, 5))
        assert [line for line in found if " p2 " in line] == [
            "team p2 first_notification", "leads p2 escalated_unacknowledged", "kim p2 escalated_unacknowledged",
        ]  # fmt: skip
        assert "kim p1 escalated_unacknowledged" not in found


async def test_an_override_is_paged_and_after_its_removal_the_layers_are(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = await a_monitor(broker, topic_prefix, tmp_path)
    async with producing(broker) as producer, owning(config, quick()) as desk:
        made = SetOverride(override_id="o", schedule="primary", person="eve", since_ms=now_ms() - 1000,
                           until_ms=now_ms() + 3_600_000, by="eve")  # fmt: skip
        offset = await put_act(producer, config, made, "a1")
        await until(lambda: desk.has_read(f"{config.topics.acts}/0", offset))
        await put_alert(producer, config, P1)
        (paged,) = [each for each in await until_notified(config, 3) if each.receiver == "on-call"]
        assert (paged.person, paged.note) == ("eve", "")
    async with producing(broker) as producer, owning(config, quick()) as desk:
        offset = await put_act(producer, config, RemoveOverride(override_id="o"), "a2")
        await until(lambda: desk.has_read(f"{config.topics.acts}/0", offset))
        await put_alert(producer, config, alert("p2", severity=Severity.CRITICAL), 1)
        persons = [each.person for each in await until_notified(config, 6) if each.receiver == "kim"]
        assert persons == ["kim"]


async def test_a_schedule_with_nobody_is_paged_at_its_receiver_and_said_loudly(
    broker: str, topic_prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = await a_monitor(broker, topic_prefix, tmp_path)
    async with producing(broker) as producer, owning(config, quick("empty")) as desk:
        await put_alert(producer, config, P1)
        (paged,) = [each for each in await until_notified(config, 3) if each.receiver == "on-call"]
        assert paged.note == "Nobody is on call in empty. Layer later is empty: it has not begun."
        assert desk.owner.counts.empty_shifts == 1
        assert desk.owner.counts.explanations["nobody on call"] == 1
    assert "a shift of the on-call schedule is empty" in capsys.readouterr().out
    assert len(await notifications(config)) == 3
