"""A topic that has a past, and one that several monitors share, on a real broker: who is told what."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from agents.config import AgentsConfig
from alert_sinks.digest import Digest
from alert_sinks.sink import Attempt, Delivered, Destinations, Outcome
from models.alert import Alert
from testbed.worker_process import names
from tests.agents.support import Rig, config_for, created, make_topics, now_ms, producing, running, send, until

pytestmark = pytest.mark.broker
MINUTE_MS = 60_000


class Notebook:
    """A destination that writes down what it is told."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.told: list[str] = []
        self.digests: list[list[str]] = []

    async def deliver(self, alert: Alert, attempt: Attempt) -> Outcome:
        self.told.append(f"{alert.project_id} {alert.rule_id} {alert.status.value}")
        return Delivered()

    async def deliver_digest(self, digest: Digest, attempt: Attempt) -> Outcome:
        self.digests.append(sorted(f"{alert.project_id} {alert.rule_id}" for alert in digest.alerts))
        return Delivered()

    async def aclose(self) -> None:
        """Nothing to close."""


class Desk:
    """A worker with a team and those on call."""

    def __init__(self, config: AgentsConfig) -> None:
        self.team, self.on_call = Notebook("team"), Notebook("on_call")
        self.rig = Rig(config, destinations=Destinations((self.team,), (self.on_call,)))

    @property
    def told(self) -> list[Any]:
        return [*self.team.told, *self.team.digests, *self.on_call.told, *self.on_call.digests]

    @property
    def is_settled(self) -> bool:
        """Whether nothing is behind, held or under way."""
        runtime = self.rig.runtime
        is_behind = any(owned.is_behind for owned in self.rig.owned.values())
        return (
            self.rig.is_live(2)
            and not is_behind
            and not runtime.dispatching.status(now_ms()).held
            and not runtime.notifications.pending
        )


def failed(project: str, number: int, minutes_ago: float) -> bytes:
    at_ms = now_ms() - round(minutes_ago * MINUTE_MS)
    return created(project, number, type="episode.creation_failed", occurred_at=at_ms, error="no room")


async def give_a_past(producer: AIOKafkaProducer, topic: str) -> list[str]:
    """Six projects whose alerts ended long ago, and seven whose alerts are on; one of them escalated long ago."""
    for project in [f"over-{number}" for number in range(6)]:
        await send(producer, topic, 0, project.encode(), failed(project, 1, 40))
    await send(producer, topic, 0, b"gap", created("gap", 2, occurred_at=now_ms() - 30 * MINUTE_MS))
    on = [f"on-{number}" for number in range(6)]
    for project in on:
        await send(producer, topic, 1, project.encode(), failed(project, 1, 8))
    return ["gap episode_integrity", *(f"{project} episode_failure_rate" for project in on)]


async def test_connecting_to_a_topic_with_a_past_tells_what_is_on_once_and_pages_nobody(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = config_for(broker, topic_prefix, tmp_path)
    await make_topics(broker, config)
    async with producing(broker) as producer:
        on = await give_a_past(producer, config.topics.events)
        desk = Desk(config)
        async with running(desk.rig):
            await until(lambda: bool(desk.team.digests))
            await until(lambda: desk.is_settled)
            assert desk.team.digests == [on]
            assert (desk.team.told, desk.on_call.told, desk.on_call.digests) == ([], [], [])
            await send(producer, config.topics.events, 0, b"now", failed("now", 1, 0))
            await until(lambda: bool(desk.team.told))
            assert desk.team.told == ["now episode_failure_rate firing"], "what is live is told at once"
        assert len(desk.told) == 2

        topics = names(f"{topic_prefix}two-")
        topics = msgspec.structs.replace(topics, alerts=config.topics.alerts)
        shared = config_for(broker, f"{topic_prefix}two-", tmp_path, topics=topics)
        other = Desk(shared)
        async with running(other.rig):
            await until(lambda: other.is_settled and other.rig.runtime.ours.foreign != {})
            await send(producer, topics.events, 0, b"mine", failed("mine", 1, 0))
            await until(lambda: bool(other.team.told))
            await until(lambda: bool(other.rig.history))
        assert other.told == ["mine episode_failure_rate firing"], "nothing of the other monitor"
        assert [alert.project_id for alert, _, _ in other.rig.history] == ["mine"]


@pytest.mark.apache
async def test_a_restart_while_an_escalation_waits_repeats_nothing_without_a_database(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = config_for(broker, topic_prefix, tmp_path)
    await make_topics(broker, config)
    async with producing(broker) as producer:
        await give_a_past(producer, config.topics.events)
        desk, again = Desk(config), Desk(config)
        async with running(desk.rig):
            await until(lambda: bool(desk.team.digests) and desk.is_settled)
            await send(producer, config.topics.events, 0, b"now", failed("now", 1, 0))
            await until(lambda: bool(desk.team.told) and desk.is_settled)
        async with running(again.rig):
            await until(lambda: again.is_settled)
            await send(producer, config.topics.events, 0, b"then", failed("then", 1, 0))
            await until(lambda: bool(again.told) and again.is_settled)
    assert again.told == ["then episode_failure_rate firing"]
