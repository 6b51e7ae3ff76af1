"""Topics on a real broker: made before anything subscribes, in the right shape, and refused in a wrong one."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from agents.kafka.topics import TopicMismatch, describe_topics, ensure_all_topics, ensure_topics, kafka_trouble
from episode_monitor.access import topic_names
from episode_monitor.cli.diagnosis import DiagnosisLevel
from episode_monitor.cli.doctor_topics import topics as topics_of_doctor
from episode_monitor.demo.ports import free_port
from episode_monitor.settings.settings import load_settings
from testbed.monitor_settings import monitor_settings
from testbed.worker_process import names

pytestmark = pytest.mark.broker


@asynccontextmanager
async def admin(broker: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=broker)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def test_what_is_missing_is_made_and_asking_again_changes_nothing(broker: str, topic_prefix: str) -> None:
    topics = names(topic_prefix)
    made = {
        topics.events: 3, topics.alerts: 3, topics.changelog: 3,
        topics.dead_letters: 1, topics.alert_dead_letters: 1, topics.fleet: 1,
        topics.fleet_seconds: 1,
    }  # fmt: skip
    assert await ensure_topics(broker, topics, 3, None) == made
    assert await ensure_topics(broker, topics, 8, None) == made
    assert await describe_topics(broker, topics) == {**made, **dict.fromkeys(topics.of_dispatch, 0)}


async def test_the_command_that_makes_them_prints_its_answer_and_no_log(broker: str, topic_prefix: str) -> None:
    env = {"PATH": os.environ["PATH"], **monitor_settings(broker, topic_prefix), "TOPIC_REPLICATION_FACTOR": "1"}
    command = [sys.executable, "-P", "-m", "episode_monitor", "topics", "ensure", "--json"]
    done = await asyncio.to_thread(subprocess.run, command, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)[env["EVENTS_TOPIC"]] == 8


@pytest.mark.parametrize(("seconds", "topics_of_audit"), [("60", 1), ("0", 0)])
async def test_the_command_that_makes_them_and_doctor_speak_of_the_same_topics(
    broker: str, topic_prefix: str, seconds: str, topics_of_audit: int
) -> None:
    variables = monitor_settings(broker, topic_prefix) | {"AUDIT_CHECKPOINT_SECONDS": seconds}
    settings = load_settings(variables | {"TOPIC_REPLICATION_FACTOR": "1"})
    count = 10 + topics_of_audit
    absent = await topics_of_doctor(settings)
    assert absent.sentence.removeprefix("Missing: ").partition(";")[0].split(", ") == topic_names(settings).all
    made = await ensure_all_topics(broker, topic_names(settings), 8, 1)
    assert list(made) == topic_names(settings).all
    assert len(made) == count
    found = await topics_of_doctor(settings)
    assert found.sentence == f"All {count} are there; {settings.events_topic} has 8 partitions."


async def test_doctor_counts_the_topic_of_the_audit_where_it_is_the_only_one_missing(
    broker: str, topic_prefix: str
) -> None:
    settings = load_settings(monitor_settings(broker, topic_prefix) | {"TOPIC_REPLICATION_FACTOR": "1"})
    wanted = topic_names(settings)
    await ensure_all_topics(broker, msgspec.structs.replace(wanted, audit=""), 2, 1)
    found = await topics_of_doctor(settings)
    assert found.verdict is DiagnosisLevel.OK, "a worker can do without it"
    assert found.sentence == (
        f"10 of 11 are seen, all but {wanted.audit} (see audit); {wanted.events} has 2 partitions."
    )


async def test_an_events_topic_that_exists_says_how_many_partitions_there_are(broker: str, topic_prefix: str) -> None:
    topics = names(topic_prefix)
    async with admin(broker) as client:
        await client.create_topics([NewTopic(topics.events, 5, 1)])
    counts = await ensure_topics(broker, topics, 2, 1)
    assert (counts[topics.events], counts[topics.changelog], counts[topics.alerts]) == (5, 5, 5)


async def test_workers_that_start_together_make_each_topic_once(broker: str, topic_prefix: str) -> None:
    topics = names(topic_prefix)
    counts = await asyncio.gather(*(ensure_topics(broker, topics, 2, None) for _ in range(4)))
    assert all(each == counts[0] for each in counts)


async def test_a_changelog_of_another_shape_is_refused_with_what_to_do(broker: str, topic_prefix: str) -> None:
    topics = names(topic_prefix)
    async with admin(broker) as client:
        await client.create_topics([NewTopic(topics.events, 2, 1), NewTopic(topics.changelog, 4, 1)])
    with pytest.raises(TopicMismatch, match=f"{topics.events} has 2 partitions and {topics.changelog} has 4") as error:
        await ensure_topics(broker, topics, 4, None)
    assert "MONITOR_ID" in str(error.value)


async def test_topics_that_do_not_exist_are_described_as_such_and_not_made(broker: str, topic_prefix: str) -> None:
    topics = names(topic_prefix)
    assert set((await describe_topics(broker, topics)).values()) == {0}
    assert set((await describe_topics(broker, topics)).values()) == {0}


@pytest.mark.apache
async def test_partitions_added_later_get_their_logs_at_the_next_start(broker: str, topic_prefix: str) -> None:
    topics = names(topic_prefix)
    await ensure_topics(broker, topics, 2, None)
    async with admin(broker) as client:
        await client.create_partitions({topics.events: NewPartitions(3)})
    async with asyncio.timeout(20):  # the broker answers before it tells of them
        while (await describe_topics(broker, topics))[topics.events] != 3:  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.05)
    both = await asyncio.gather(*(ensure_topics(broker, topics, 2, None) for _ in range(2)))
    assert [(counts[topics.events], counts[topics.changelog]) for counts in both] == [(3, 3), (3, 3)]


@pytest.mark.apache
async def test_more_copies_than_there_are_brokers_are_refused_with_the_brokers_word(
    broker: str, topic_prefix: str
) -> None:
    with pytest.raises(TopicMismatch, match="replication factor") as error:
        await ensure_topics(broker, names(topic_prefix), 2, 3)
    assert "TOPIC_REPLICATION_FACTOR" in str(error.value)


@pytest.mark.apache
async def test_the_changelog_is_compacted_and_takes_large_records(broker: str, topic_prefix: str) -> None:
    topics = names(topic_prefix)
    await ensure_topics(broker, topics, 1, None)
    async with admin(broker) as client:
        (answer,) = await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topics.changelog)])
    config = {name: value for name, value, *_ in answer.resources[0][4]}
    assert config["cleanup.policy"] == "compact"
    assert int(config["max.message.bytes"]) == 16 * 1024 * 1024


async def test_nobody_at_the_address_is_told_from_a_broker(broker: str) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    assert await kafka_trouble(broker) == ""
    assert await kafka_trouble(nowhere)
    with pytest.raises(KafkaError):
        await ensure_topics(nowhere, names("x"), 1, None)
