"""From a transition by way of the dispatcher to the sinks: the team at once, on-call in time, each once, by one id."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.config import AgentsConfig
from alert_sinks.sink import Attempt, Delivered, Destinations, Outcome
from models.alert import Alert, AlertStatus, Severity
from tests.agents.dispatch_desk import Killed, KilledAt, make_all_topics, notifications, put_alert
from tests.agents.support import Rig, producing, running, until
from tests.agents.test_dispatch_fleet import dispatching
from tests.streams.dispatch.scripts import alert

pytestmark = pytest.mark.broker

P1 = alert("p1", severity=Severity.CRITICAL)


class Receiver:
    """A destination that keeps what it gets: name, project, status, reason, id of the message."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.got: list[tuple[Alert, str]] = []

    async def deliver(self, alert: Alert, attempt: Attempt) -> Outcome:
        self.got.append((alert, attempt.message_id))
        return Delivered()

    async def aclose(self) -> None:
        pass

    @property
    def lines(self) -> list[str]:
        return [f"{each.project_id} {each.status.value} {each.reason}" for each, _ in self.got]


class Two:
    """The team and those on call, as one worker sees them."""

    def __init__(self) -> None:
        self.team, self.on_call = Receiver("team-sink"), Receiver("on-call-sink")

    def rig(self, config: AgentsConfig, **options: Any) -> Rig:
        return Rig(config, destinations=Destinations([self.team], [self.on_call]), **options)


async def test_the_team_is_notified_at_once_and_on_call_if_nobody_acknowledges(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config, two = dispatching(broker, topic_prefix, tmp_path), Two()
    await make_all_topics(config)
    async with producing(broker) as producer, running(two.rig(config)) as rig:
        await put_alert(producer, config, P1)
        await until(lambda: len(two.on_call.got) == 1)
        assert two.team.lines == ["p1 firing threshold_crossed"]
        assert two.on_call.lines == ["p1 firing escalated_unacknowledged"]
        await put_alert(producer, config, alert("p1", AlertStatus.RESOLVED, Severity.CRITICAL))
        await until(lambda: len(two.team.got) == len(two.on_call.got) == 2)
        assert two.team.lines[1] == two.on_call.lines[1] == "p1 resolved threshold_crossed"
        await until(lambda: [each.alert_key for each, _, _ in rig.history] == ["rate:p1", "rate:p1"], "history")
        ids = [message_id for _, message_id in (*two.team.got, *two.on_call.got)]
        assert sorted(ids) == sorted(each.notification_id for each in await notifications(config))
    assert rig.stops == []


async def test_what_was_delivered_is_not_delivered_again_by_the_next_worker(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config, two = dispatching(broker, topic_prefix, tmp_path), Two()
    await make_all_topics(config)
    async with producing(broker) as producer:
        async with running(two.rig(config)):
            await put_alert(producer, config, alert("p1"))
            await until(lambda: len(two.team.got) == 1)
        async with running(two.rig(config)):
            await put_alert(producer, config, alert("p2"))
            await until(lambda: len(two.team.got) == 2)
    assert two.team.lines == ["p1 firing threshold_crossed", "p2 firing threshold_crossed"]


async def test_a_notification_that_is_sent_twice_is_delivered_once(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config, two = dispatching(broker, topic_prefix, tmp_path), Two()
    await make_all_topics(config)
    async with producing(broker) as producer:
        failing = two.rig(config, failpoint=KilledAt("dispatch sent", 1))
        async with running(failing):
            await put_alert(producer, config, alert("p1"))
            await until(lambda: bool(failing.stops))
        assert Killed.__name__ in failing.stops[0]
        two.team.got.clear()
        next_rig = two.rig(config)
        async with running(next_rig):
            await put_alert(producer, config, alert("p2"))
            await until(lambda: "p2 firing threshold_crossed" in two.team.lines)
    found = [each.notification_id for each in await notifications(config)]
    assert len(found) == 3
    assert len(set(found)) == 2
    got = [message_id for _, message_id in two.team.got]
    assert len(got) == len(set(got)), "the ledger knows the id"


async def test_many_at_once_are_one_message_with_all_of_them(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    config, two = dispatching(broker, topic_prefix, tmp_path), Two()
    await make_all_topics(config)
    async with producing(broker) as producer:
        for number in range(8):
            late = msgspec.structs.replace(alert(f"p{number}"), title=f"t{number}")
            await put_alert(producer, config, late, is_behind=True)
        async with running(two.rig(config)):
            await until(lambda: len(two.team.got) == 8, "the log's kind of sink gets them one by one")
    assert len(await notifications(config)) == 1
    assert {each.title for each, _ in two.team.got} == {f"t{number}" for number in range(8)}
