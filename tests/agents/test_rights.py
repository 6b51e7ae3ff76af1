"""A right that is missing is named at the start, with who lacks it and for what; one taken away later as well."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from agents.kafka.access import KafkaAccess
from agents.kafka.rights import (
    MayNot,
    Missing,
    Needs,
    Right,
    missing_rights,
    needs_of_dead_letters,
    needs_of_worker,
    sentence,
)
from agents.kafka.topics import TopicNames, ensure_dispatch_topics, ensure_topics
from episode_monitor.demo.ports import free_port
from testbed.locked_kafka import SECRET, USER
from testbed.many_doors import Doors, kafka_with_many_doors
from testbed.worker_process import names
from tests.agents.support import Rig, config_for, make_topics

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = {Right.READ: AclOperation.READ, Right.WRITE: AclOperation.WRITE, Right.DESCRIBE: AclOperation.DESCRIBE}
ACCESS = KafkaAccess(
    bootstrap_servers="kafka:9092", security_protocol="SASL_PLAINTEXT", sasl_username=USER, sasl_password=SECRET
)


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    with kafka_with_many_doors(tmp_path_factory.mktemp("doors")) as made:
        yield made


def binding(kind: ResourceType, name: str, operation: AclOperation) -> AclBinding:
    return AclBinding(kind, name, ResourcePatternType.LITERAL, f"User:{USER}", "*", operation, AclPermissionType.ALLOW)


class Granting:
    """Gives the user of the LOGIN door all rights that a worker needs but some, and takes others away."""

    def __init__(self, doors: Doors) -> None:
        # It lives on behind its broker, and would log each try to connect.
        self._admin = AdminClient({"log_level": 2, "bootstrap.servers": doors.addresses["PLAINTEXT"]})

    def give(self, topics: TopicNames, group: str, without: Sequence[tuple[Right, str]] = ()) -> None:
        needs = needs_of_worker(topics, group)
        wanted = [
            binding(ResourceType.TOPIC, name, OPERATIONS[right])
            for name, rights in needs.topics.items()
            for right in rights
            if (right, name) not in without
        ]
        if (Right.READ, group) not in without:
            wanted.append(binding(ResourceType.GROUP, group, AclOperation.READ))
        for done in self._admin.create_acls(wanted).values():
            done.result(20)

    def take(self, topic: str) -> None:
        anybody: Any = None
        chosen = AclBindingFilter(
            ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, anybody, anybody, AclOperation.READ,
            AclPermissionType.ANY,
        )  # fmt: skip
        for done in self._admin.delete_acls([chosen]).values():
            done.result(20)


def login(doors: Doors) -> KafkaAccess:
    return KafkaAccess(
        bootstrap_servers=doors.addresses["LOGIN"], security_protocol="SASL_PLAINTEXT", sasl_username=USER,
        sasl_password=SECRET,
    )  # fmt: skip


async def granted(access: KafkaAccess, needs: Needs, lacking: int) -> list[Missing]:
    """What lacks, once the broker knows of what was granted: it learns that a moment after it has answered."""
    async with asyncio.timeout(30):
        while len(found := await missing_rights(access, needs)) != lacking:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.05)
    return found


def test_all_that_is_missing_is_named_in_one_sentence() -> None:
    one = [Missing(Right.READ, "consumer group", "episode-monitor")]
    two = [Missing(Right.WRITE, "topic", "letters"), *one]
    assert sentence(one, ACCESS) == (
        f"Kafka at kafka:9092 gives the user {USER} no right to READ on the consumer group episode-monitor; grant it."
    )
    assert sentence(two, ACCESS) == (
        f"Kafka at kafka:9092 gives the user {USER} no right to WRITE on the topic letters and READ on the consumer "
        f"group episode-monitor; grant them."
    )


async def test_a_broker_without_access_control_lacks_nothing(broker: str, topic_prefix: str) -> None:
    config = config_for(broker, topic_prefix, Path())
    await make_topics(broker, config)
    assert await missing_rights(broker, needs_of_worker(config.topics, config.monitor_id)) == []
    assert await missing_rights(broker, Needs({f"{topic_prefix}none": (Right.READ,)})) == []


@pytest.mark.apache
@pytest.mark.broker
@pytest.mark.parametrize(
    ("without", "named"),
    [
        ([(Right.READ, "events")], "DESCRIBE on the topic {events}"),  # its only right: it is hidden
        ([(Right.WRITE, "dead_letters")], "WRITE on the topic {dead_letters}"),
        ([(Right.WRITE, "changelog")], "WRITE on the topic {changelog}"),
        ([(Right.READ, "changelog")], "READ on the topic {changelog}"),
        ([(Right.READ, "alerts"), (Right.WRITE, "fleet")], "READ on the topic {alerts}"),
        ([(Right.READ, "group")], "READ on the consumer group {group}"),
    ],
)
async def test_a_start_without_a_right_ends_with_one_sentence(
    doors: Doors, topic_prefix: str, tmp_path: Path, without: list[tuple[Right, str]], named: str
) -> None:
    topics = names(topic_prefix)
    config = config_for(login(doors), topic_prefix, tmp_path)
    real = {"events": topics.events, "dead_letters": topics.dead_letters, "changelog": topics.changelog,
            "alerts": topics.alerts, "fleet": topics.fleet, "group": config.monitor_id}  # fmt: skip
    await make_topics(doors.addresses["PLAINTEXT"], config)
    granting = Granting(doors)
    await asyncio.to_thread(granting.give, topics, config.monitor_id, [(right, real[name]) for right, name in without])
    lacking = await granted(login(doors), needs_of_worker(topics, config.monitor_id), len(without))
    assert named.format(**real) in [str(each) for each in lacking]
    rig = Rig(config)
    with pytest.raises(MayNot, match="gives the user") as error:
        await rig.runtime.start()
    await rig.runtime.close()
    assert named.format(**real) in str(error.value)
    assert SECRET not in str(error.value)


@pytest.mark.apache
@pytest.mark.broker
async def test_with_just_its_rights_a_worker_works_and_one_taken_away_is_said(
    doors: Doors, topic_prefix: str, tmp_path: Path
) -> None:
    topics = TopicNames.of(topic_prefix, *(f"{topic_prefix}{name}" for name in ("e", "a", "d", "ad")))
    await ensure_topics(doors.addresses["PLAINTEXT"], topics, 2, None)
    await ensure_dispatch_topics(doors.addresses["PLAINTEXT"], topics, 2, None)
    granting = Granting(doors)
    await asyncio.to_thread(granting.give, topics, topic_prefix)
    await granted(login(doors), needs_of_worker(topics, topic_prefix), 0)
    lacking = await missing_rights(login(doors), needs_of_dead_letters(topics))
    assert [str(each) for each in lacking] == [
        f"READ on the topic {topics.alert_dead_letters}", f"WRITE on the topic {topics.events}"
    ]  # fmt: skip
    port = free_port()
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | {
        "KAFKA_BOOTSTRAP_SERVERS": doors.addresses["LOGIN"], "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "KAFKA_SASL_USERNAME": USER, "KAFKA_SASL_PASSWORD": SECRET, "STATE_DIR": str(tmp_path),
        "MONITOR_ID": topic_prefix, "EVENTS_TOPIC": topics.events, "ALERTS_TOPIC": topics.alerts,
        "DEAD_LETTERS_TOPIC": topics.dead_letters, "ALERT_DEAD_LETTERS_TOPIC": topics.alert_dead_letters,
        "MONITORING_PORT": str(port),
    }  # fmt: skip

    def start() -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "episode_monitor", "worker"], cwd=ROOT, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    program = start()
    try:
        async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False) as client:
            while not await _is_ready(client, port):  # noqa: ASYNC110 - another process has no event
                await asyncio.sleep(0.2)
        await asyncio.to_thread(granting.take, topics.events)
        said, _ = await asyncio.to_thread(program.communicate, timeout=60)
        assert program.returncode == 70, said
        assert f"the right READ, WRITE or DESCRIBE on the topic {topics.events}" in said
        assert "Traceback" not in said
        assert SECRET not in said
    finally:
        program.kill()
    again = start()
    try:
        said, _ = await asyncio.to_thread(again.communicate, timeout=60)
    finally:
        again.kill()
    assert again.returncode == 2, said
    assert f"gives the user {USER} no right to DESCRIBE on the topic {topics.events}; grant it." in said
    assert "Traceback" not in said


async def _is_ready(client: httpx.AsyncClient, port: int) -> bool:
    try:
        return (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
    except httpx.TransportError:
        return False
