"""Brokers that come back elsewhere, that are missing, or that nobody can reach: found again, and said meanwhile."""

import asyncio
import logging
import time
from pathlib import Path
from typing import cast

import pytest
import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from agents.fetching.reading import reader
from agents.kafka.access import KafkaAccess
from agents.kafka.client import LONGEST_PAUSE_SECONDS, Client, KafkaUnreachable, Pause
from agents.kafka.reach import unreachable
from agents.kafka.topics import ensure_topics
from episode_monitor.demo.ports import free_port
from testbed.apache_kafka import ApacheKafka
from testbed.kafka_cluster import KafkaCluster
from testbed.worker_process import names
from tests.agents.support import Rig, config_for, created, make_topics, producing, running, send, until


class Gone:
    """A TCP server that closes every connection at once, and counts them."""

    def __init__(self) -> None:
        self.connections = 0
        self.port = 0

    async def __aenter__(self) -> "Gone":
        self._server = await asyncio.start_server(self._close, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    def _close(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.transport.abort()


def test_a_pause_grows_and_stays_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.kafka.client.random.uniform", lambda low, high: 1.0)
    monkeypatch.setattr("agents.kafka.client.time.monotonic", lambda: 100.0)
    pause, pauses = Pause(), []
    for _ in range(6):
        pause.longer()
        pauses.append(round(pause.remaining, 3))
    assert pauses == [0.1, 0.2, 0.4, 0.8, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS]


async def test_an_address_that_fails_is_tried_less_and_less_however_many_ask(broker: str) -> None:
    async with Gone() as gone:
        client = Client(bootstrap_servers=broker)
        await client.bootstrap()
        node = next(iter(client.cluster.brokers()))
        client.cluster._brokers = {node.nodeId: node._replace(port=gone.port)}
        client._bootstrap_servers = f"127.0.0.1:{gone.port}"
        asked = 0
        give_up_at = time.monotonic() + 2.0
        while time.monotonic() < give_up_at:  # four askers as eager as aiokafka's own
            ready = await asyncio.gather(*(client.ready(node.nodeId) for _ in range(4)))
            asked += len(ready)
            assert not any(ready)
            await asyncio.sleep(0.01)
        await client.close()
    # By 0.1 s, then 0.2, 0.4, 0.8: five tries of the node and of the list each, where 4 askers would make hundreds.
    assert 2 <= gone.connections <= 30 < 100 * asked


async def test_the_bootstrap_list_is_asked_again_when_no_known_broker_answers(broker: str, topic_prefix: str) -> None:
    events = names(topic_prefix).events
    await ensure_topics(broker, names(topic_prefix), 1, None)
    async with reader(f"127.0.0.1:{free_port()},{broker}") as consumer:
        client = cast(Client, consumer._client)
        tp = TopicPartition(events, 0)
        await consumer.end_offsets([tp])
        node = next(iter(client.cluster.brokers()))
        client.cluster._brokers = {node.nodeId: node._replace(port=free_port())}
        for connection in client._conns.values():
            connection.close()
        client._conns.clear()
        async with asyncio.timeout(20):
            assert await consumer.end_offsets([tp]) == {tp: 0}
        assert client.cluster.brokers() == {node}


async def test_what_came_of_each_address_is_known_where_none_can_be_used() -> None:
    async with Gone() as gone:
        nobody = f"127.0.0.1:{free_port()}"
        client = Client(bootstrap_servers=f"{nobody},127.0.0.1:{gone.port}")
        with pytest.raises(KafkaUnreachable) as raised:
            await client.bootstrap()
        await client.close()
    failures = dict(raised.value.failures)  # in no order: every client begins elsewhere in the list
    assert isinstance(failures.pop(nobody), ConnectionRefusedError)
    assert isinstance(failures.pop(f"127.0.0.1:{gone.port}"), KafkaError | OSError)
    assert failures == {}


async def test_addresses_that_fail_are_for_the_caller_to_say_and_not_logged_by_the_library(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = Client(bootstrap_servers=f"127.0.0.1:{free_port()}")
    with pytest.raises(KafkaUnreachable):
        await client.bootstrap()
    await client.close()
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG] == []


async def test_an_address_that_fails_beside_one_that_answers_is_logged_once(
    broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiokafka.conn.random.shuffle", lambda hosts: None)
    nobody = f"127.0.0.1:{free_port()}"
    with structlog.testing.capture_logs() as lines:
        for _ in range(2):
            client = Client(bootstrap_servers=f"{nobody},{broker}")
            await client.bootstrap()
            await client.close()
    assert [(line["event"], line["address"]) for line in lines] == [
        ("an address of KAFKA_BOOTSTRAP_SERVERS cannot be used", nobody)
    ]


async def test_partitions_that_a_new_connection_can_ask_are_within_reach(broker: str, topic_prefix: str) -> None:
    await ensure_topics(broker, names(topic_prefix), 2, None)
    assert await unreachable(broker, names(topic_prefix).events, [0, 1], to_write=True) == ""
    nowhere = f"127.0.0.1:{free_port()}"
    said = await unreachable(nowhere, names(topic_prefix).events, [0])
    assert said == f"Kafka does not answer at {nowhere}; start it, or check KAFKA_BOOTSTRAP_SERVERS."


@pytest.mark.apache
@pytest.mark.broker
async def test_a_worker_finds_a_broker_that_came_back_at_another_address(topic_prefix: str, tmp_path: Path) -> None:
    server = ApacheKafka()
    await asyncio.to_thread(server.start)
    try:
        old, new_port = server.bootstrap_servers, free_port(avoid=[server.port])
        new = f"127.0.0.1:{new_port}"
        access = KafkaAccess(bootstrap_servers=f"{old},{new}")
        rig = Rig(config_for(access, topic_prefix, tmp_path, session_timeout_seconds=10.0))
        async with running(rig):
            async with producing(old) as producer:
                for number in range(1, 11):
                    await send(producer, rig.topics.events, 0, b"p", created("p", number))
            await until(lambda: rig.outcome("applied") == 10 and rig.is_stored())
            await asyncio.to_thread(server.kill9)
            await until(lambda: rig.runtime.status != "ok", "it is said")
            assert "does not answer" in rig.runtime.status
            assert rig.runtime.engine.progress.waiting(rig.owned[0]) is None
            server.move(new_port)
            await asyncio.to_thread(server.start)
            async with producing(new) as producer:
                for number in range(11, 21):
                    await send(producer, rig.topics.events, 0, b"p", created("p", number))
            await until(lambda: rig.episodes("p") == 20 and rig.is_stored())
            await until(lambda: rig.runtime.status == "ok")
        assert rig.stops == []
    finally:
        await asyncio.to_thread(server.stop)


@pytest.mark.apache
@pytest.mark.broker
async def test_missing_leaders_are_named_and_waited_for(topic_prefix: str, tmp_path: Path) -> None:
    async with KafkaCluster() as cluster:
        config = config_for(
            cluster.bootstrap_servers, topic_prefix, tmp_path, session_timeout_seconds=10.0, stalled_seconds=12.0
        )
        await make_topics(cluster.bootstrap_servers, config, 3)
        rig = Rig(config, 3)
        async with running(rig, 3), producing(cluster.bootstrap_servers) as producer:
            for number in range(1, 13):
                await send(producer, rig.topics.events, number % 3, b"p", created("p", number))
            await until(lambda: rig.outcome("applied") == 12 and rig.is_stored())
            for node in (1, 2):
                await asyncio.to_thread(cluster.nodes[node].kill9)
            await until(lambda: "the broker that leads" in rig.runtime.status or "lacks copies" in rig.runtime.status)
            await until(lambda: any(rig.runtime.engine.progress.waiting(owned) is None for owned in rig.owned.values()))
            said_at = time.monotonic()
            await until(lambda: time.monotonic() - said_at > config.stalled_seconds + 3)
            assert rig.stops == []
            assert rig.runtime.status != "ok"
            await asyncio.to_thread(cluster.nodes[1].start)
            await until(lambda: rig.is_live(3) and rig.runtime.status == "ok", "all is read again")
        assert rig.stops == []
