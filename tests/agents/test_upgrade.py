"""A worker of today takes over the topics of a monitor of a version without a dispatcher, where people acted on alerts.

`monitor_before_dispatcher.json` has what that version wrote: events, state and alerts of three projects
with a gap each, one that Kim acknowledged, one that Lee silenced (here until 2100), and one on which nobody acted.
"""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from agents.alerts.alert_headers import MONITOR_ID
from agents.config import AgentsConfig
from streams.dispatch.table import Status
from tests.agents.support import config_for, created, make_topics, now_ms, producing, running, send, until
from tests.agents.test_past_alerts import Desk

pytestmark = pytest.mark.broker

BEFORE: dict[str, list[dict[str, Any]]] = json.loads(
    Path(__file__).with_name("monitor_before_dispatcher.json").read_text()
)
AGO_MS = 60_000  # on-call is notified five minutes after a firing


async def write(producer: AIOKafkaProducer, config: AgentsConfig, what: str, topic: str) -> None:
    for record in BEFORE[what]:
        headers = [(name, value.encode()) for name, value in record["headers"]]
        if what == "alerts":
            headers.append((MONITOR_ID, config.monitor_id.encode()))
        key, value = (None if record[name] is None else b64decode(record[name]) for name in ("key", "value"))
        await producer.send_and_wait(
            topic,
            value,
            key,
            record["partition"],
            timestamp_ms=record.get("timestamp", now_ms() - AGO_MS),
            headers=headers,
        )


async def commit(config: AgentsConfig, broker: str) -> None:
    """The group has taken all of the events, and delivered all of the alerts."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, group_id=config.monitor_id, enable_auto_commit=False)
    await consumer.start()
    try:
        ends = {
            TopicPartition(topic, number): sum(record["partition"] == number for record in BEFORE[what])
            for what, topic in (("events", config.topics.events), ("alerts", config.topics.alerts))
            for number in range(2)
        }
        consumer.assign(list(ends))
        await consumer.commit(ends)
    finally:
        await consumer.stop()


async def test_what_people_did_before_is_kept_and_those_who_were_notified_hear_of_the_end(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = config_for(broker, topic_prefix, tmp_path)
    await make_topics(broker, config)
    async with producing(broker) as producer:
        for what in ("events", "changelog", "alerts"):
            await write(producer, config, what, getattr(config.topics, what))
        await commit(config, broker)
        desk = Desk(config)
        async with running(desk.rig):
            owner = desk.rig.runtime.dispatching.owner
            await until(lambda: owner.state is not None and len(owner.state.alerts) == 3, "the alerts")
            await until(lambda: desk.is_settled)
            state = owner.state
            assert state is not None
            alerts = {live.record.alert.project_id: live for live in state.alerts.values()}
            taken = alerts["acked"].record.acknowledgement
            assert taken is not None
            assert (alerts["acked"].record.status, taken.by, taken.comment) == (
                Status.ACKNOWLEDGED, "kim", "before the upgrade"
            )  # fmt: skip
            (silence_id,) = alerts["silent"].silenced_by
            assert state.silences[silence_id].record.created_by == "lee"
            assert alerts["plain"].record.status is Status.FIRING
            assert desk.told == [], "the version before has notified of all of it"

            assert [desk.rig.episodes(project) for project in ("acked", "silent", "plain")] == [2, 2, 2]
            for project, partition in (("acked", 1), ("silent", 0)):
                await send(producer, config.topics.events, partition, project.encode(), created(project, 2))
            await until(lambda: len(desk.told) == 2, "the ends")
            assert sorted(desk.told) == ["acked episode_integrity resolved", "silent episode_integrity resolved"]
    assert desk.rig.stops == []
