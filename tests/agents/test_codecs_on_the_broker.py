"""Topics that the broker itself compresses, with each codec: everybody who reads one of them reads it."""

import asyncio
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from agents.fleet_topic.reader import FleetReader
from agents.fleet_topic.record import encode_record
from agents.kafka.topics import TopicNames
from episode_monitor.replay.run import replay
from episode_monitor.replay.topic_source import TopicSource
from models.alert import AlertStatus
from testbed.batches import CODECS
from testbed.worker_process import make_core
from tests.agents.support import Rig, config_for, created, now_ms, producing, running, send, until
from tests.fleet.test_fleet_record import record

pytestmark = [pytest.mark.broker, pytest.mark.apache]

EPISODES = [1, 2, 3, 4, 5, 5]  # the last one a duplicate: an alert, once its time has come
LONG_AGO_MS = 600_000


async def make_compressed(broker: str, names: TopicNames, codec: str) -> None:
    compacted = {"cleanup.policy": "compact", "max.message.bytes": "16777216"}
    topics = [
        NewTopic(name, partitions, 1, topic_configs={"compression.type": codec} | config)
        for name, partitions, config in (
            (names.events, 1, {}), (names.alerts, 1, {}), (names.dead_letters, 1, {}),
            (names.alert_dead_letters, 1, {}), (names.changelog, 1, compacted), (names.fleet, 1, compacted),
        )
    ]  # fmt: skip
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        await admin.create_topics(topics)
    finally:
        await admin.close()


@pytest.mark.parametrize("codec", CODECS)
async def test_what_the_broker_compresses_is_read_by_worker_recovery_history_fleet_and_replay(
    broker: str, topic_prefix: str, tmp_path: Path, codec: str
) -> None:
    config = config_for(broker, topic_prefix, tmp_path)
    names, began = config.topics, now_ms() - LONG_AGO_MS
    await make_compressed(broker, names, codec)
    rig = Rig(config, 1)
    async with running(rig, 1), producing(broker, linger_ms=20) as producer:
        sending = [
            send(producer, names.events, 0, b"p", created("p", number, event_id=f"e{at}", episode_id=f"ep{at}",
                                                          occurred_at=began + at))
            for at, number in enumerate(EPISODES)
        ]  # fmt: skip
        await asyncio.gather(*sending)
        await send(producer, names.events, 0, b"p", b"no event")
        await send(producer, names.events, 0, b"p", created("p", 6, occurred_at=began + LONG_AGO_MS))
        await until(lambda: rig.outcome("applied") == 7 and rig.is_stored(), "all taken")
        await until(lambda: any(alert.status is AlertStatus.FIRING for alert, _, _ in rig.history), "history")
        await until(lambda: rig.runtime.notifications.pending == 0, "delivered")
        await send(producer, names.fleet, 0, b"0", encode_record(record()))
    again = Rig(config, 1)
    async with running(again, 1), producing(broker) as producer:
        assert again.episodes("p") == 7
        await send(producer, names.events, 0, b"p", created("p", 7))
        await until(lambda: again.outcome("applied") == 1)
    assert rig.stops == again.stops == []
    fleet = FleetReader(names.fleet, broker, lambda: 1, now_ms)
    following = asyncio.create_task(fleet.run())
    try:
        await until(lambda: len(fleet.known) == 1, "the fleet")
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    report = await replay(make_core(), TopicSource(broker, names.events), None)
    assert (report.applied, report.dead_letters, report.duplicates) == (8, {"malformed_json": 1}, 1)
