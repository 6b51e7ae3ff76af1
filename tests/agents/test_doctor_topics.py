"""A broker that lets nobody create topics: `doctor`, `topics ensure` and the worker say it in one sentence, with the
commands that the cluster's administrator needs, and these commands are enough."""

import argparse
import asyncio
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from agents.kafka.access import KafkaAccess
from agents.kafka.rights import Missing, Needs, Right, may_create_topics
from agents.kafka.topic_shapes import TopicShape, create_commands, grant_commands, topic_shapes
from agents.kafka.topics import TopicMismatch, ensure_topics
from episode_monitor.access import topic_names
from episode_monitor.cli.diagnosis import DiagnosisLevel
from episode_monitor.cli.doctor_topics import topics
from episode_monitor.settings.settings import Settings, load_settings
from testbed.locked_kafka import SECRET, USER
from testbed.many_doors import Doors, kafka_with_many_doors
from testbed.monitor_settings import monitor_settings
from testbed.worker_process import names
from tests.agents.test_rights import ACCESS, Granting, login

SHAPES = topic_shapes(names("m"), 8)


def test_a_command_makes_a_topic_as_the_monitor_would() -> None:
    made = create_commands(ACCESS, [SHAPES["m-alerts"], TopicShape("odd name's", 2)], 3)
    assert made == [
        "kafka-topics.sh --bootstrap-server kafka:9092 --create --topic m-alerts --partitions 8 "
        "--replication-factor 3 --config retention.ms=2592000000",
        "kafka-topics.sh --bootstrap-server kafka:9092 --create --topic 'odd name'\"'\"'s' --partitions 2 "
        "--replication-factor 3",
    ]
    (without,) = create_commands("kafka:9092", [SHAPES["m-acts"]], None)
    assert "replication-factor" not in without, "the broker's default"


def test_a_command_grants_what_is_missing_and_of_a_hidden_topic_all_that_is_needed() -> None:
    missing = [
        Missing(Right.DESCRIBE, "topic", "alerts"),
        Missing(Right.WRITE, "topic", "letters"),
        Missing(Right.READ, "consumer group", "m"),
    ]
    needs = Needs({"alerts": (Right.READ, Right.WRITE), "letters": (Right.READ, Right.WRITE)}, "m")
    begin = f"kafka-acls.sh --bootstrap-server kafka:9092 --add --allow-principal User:{USER} --operation "
    assert grant_commands(ACCESS, missing, needs) == [
        f"{begin}Read --operation Write --topic alerts",
        f"{begin}Write --topic letters",
        f"{begin}Read --group m",
    ]


@pytest.mark.parametrize(
    ("access", "principal"),
    [
        ({"security_protocol": "PLAINTEXT"}, "User:ANONYMOUS"),
        ({"security_protocol": "SSL", "ssl_certfile": Path("m.pem")}, "User:SUBJECT-OF-THE-CERTIFICATE"),
        ({"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER"}, "User:SUBJECT-OF-THE-TOKEN"),
    ],
)
def test_a_client_without_a_user_name_is_named_as_the_broker_knows_it(access: dict[str, Any], principal: str) -> None:
    kafka = KafkaAccess(bootstrap_servers="kafka:9092", **access)
    (command,) = grant_commands(kafka, [Missing(Right.READ, "topic", "t")], Needs({"t": (Right.READ,)}))
    assert f"--allow-principal {principal} " in command


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    with kafka_with_many_doors(tmp_path_factory.mktemp("doors")) as made:
        yield made


def settings_of(doors: Doors, prefix: str) -> Settings:
    return load_settings(
        {
            **monitor_settings(doors.addresses["LOGIN"], prefix),
            "EVENTS_PARTITIONS": "3",
            "TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "KAFKA_SASL_USERNAME": USER,
            "KAFKA_SASL_PASSWORD": SECRET,
        }
    )


def run_as_administrator(commands: Sequence[str], address: str) -> None:
    """What `kafka-topics.sh` does with these words."""
    parser = argparse.ArgumentParser()
    for word in ("--bootstrap-server", "--topic"):
        parser.add_argument(word)
    parser.add_argument("--create", action="store_true")
    parser.add_argument("--partitions", type=int)
    parser.add_argument("--replication-factor", type=int)
    parser.add_argument("--config", action="append", default=[])
    made = []
    for command in commands:
        program, *words = shlex.split(command)
        given = parser.parse_args(words)
        assert (program, given.create) == ("kafka-topics.sh", True)
        config = dict(pair.split("=", 1) for pair in given.config)
        made.append(NewTopic(given.topic, given.partitions, given.replication_factor, config=config))
    administrator = AdminClient({"log_level": 2, "bootstrap.servers": address})
    for done in administrator.create_topics(made).values():
        done.result(20)


@pytest.mark.apache
@pytest.mark.broker
async def test_where_nobody_may_create_topics_the_commands_that_are_named_are_enough(
    doors: Doors, topic_prefix: str, tmp_path: Path
) -> None:
    settings = settings_of(doors, topic_prefix)
    wanted, access = topic_names(settings), login(doors)
    hidden = await topics(settings)
    assert hidden.verdict is DiagnosisLevel.WRONG
    assert f"gives the user {USER} no right to " in hidden.sentence
    assert f"DESCRIBE on the topic {wanted.events}" in hidden.sentence
    assert any(f"--operation Read --topic {wanted.events}" in command for command in hidden.commands)
    granting = Granting(doors)
    await asyncio.to_thread(granting.give, wanted, settings.monitor_id)
    async with asyncio.timeout(30):
        while "Missing: " not in (found := await topics(settings)).sentence:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.05)
    assert not await may_create_topics(access)
    assert found.verdict is DiagnosisLevel.WRONG
    assert f"; the user {USER} may not create topics (" in found.sentence
    assert found.sentence.endswith("): have the cluster's administrator run the commands below.")
    with pytest.raises(TopicMismatch, match=r"could not be created: .* have the cluster's administrator") as refused:
        await ensure_topics(access, wanted, 3, 1)
    assert set(found.commands) < set(refused.value.commands), "the audit's topic, which has a line of its own, as well"
    assert refused.value.text.splitlines()[1:] == [f"    {command}" for command in refused.value.commands]
    await asyncio.to_thread(run_as_administrator, refused.value.commands, doors.addresses["PLAINTEXT"])
    async with asyncio.timeout(30):
        while "Missing: " in (after := await topics(settings)).sentence:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.05)
    assert f"{wanted.events} has 3 partitions" in after.sentence
    assert await ensure_topics(access, wanted, 3, 1) == {
        name: topic_shapes(wanted, 3)[name].partitions for name in wanted.needed
    }  # fmt: skip


@pytest.mark.broker
async def test_a_broker_without_access_control_lets_everybody_create(broker: str) -> None:
    assert await may_create_topics(broker)
