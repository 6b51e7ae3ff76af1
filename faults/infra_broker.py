"""Faults of Kafka: brokers that are killed, leaders that are lost, connections that are cut, slow or silent."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from episode_monitor.demo.ports import LOOPBACK, free_port
from faults.infra import Ground, InfraStage, scenario
from testbed.apache_kafka import ApacheKafka
from testbed.kafka_cluster import COPIES, KafkaCluster
from testbed.toxiproxy import Toxiproxy

WAY = "kafka"


@asynccontextmanager
async def own_broker(folder: Path, broker: str) -> AsyncIterator[Ground]:
    """One that may be killed."""
    async with ApacheKafka() as kafka:
        yield Ground(bootstrap_servers=kafka.bootstrap_servers, parts=kafka)


@scenario("broker-killed", own_broker, seconds=10.0)
async def broker_killed(stage: InfraStage) -> None:
    """The only broker dies by `kill -9` twice while events flow, is away for a while, and comes back with its log."""
    await stage.start("a", "b")
    await stage.live("a", "b")
    kafka: ApacheKafka = stage.ground.parts
    for _ in range(2):
        await asyncio.sleep(stage.rnd.uniform(0.5, 1.5))
        await asyncio.to_thread(kafka.kill9)
        stage.deaths["broker"] += 1
        await asyncio.sleep(stage.rnd.uniform(0.5, 6.0))
        await asyncio.to_thread(kafka.start)
        await stage.live("a", "b")


@asynccontextmanager
async def three_brokers(folder: Path, broker: str) -> AsyncIterator[Ground]:
    """A cluster that tolerates the loss of one."""
    async with KafkaCluster() as cluster:
        environment = {"TOPIC_REPLICATION_FACTOR": str(COPIES)}
        yield Ground(bootstrap_servers=cluster.bootstrap_servers, environment=environment, parts=cluster)


@scenario("leader-lost", three_brokers, seconds=14.0)
async def leader_lost(stage: InfraStage) -> None:
    """Three brokers; the leader of a partition of events dies by `kill -9`, comes back, and then the next one does."""
    await stage.start("a", "b")
    await stage.live("a", "b")
    cluster: KafkaCluster = stage.ground.parts
    for partition in (0, 1):
        await asyncio.sleep(stage.rnd.uniform(0.3, 1.0))
        node = cluster.nodes[await cluster.leader(stage.topics.events, partition)]
        await asyncio.to_thread(node.kill9)
        stage.deaths["leader"] += 1
        await asyncio.sleep(stage.rnd.uniform(2.0, 4.0))
        await asyncio.to_thread(node.start)
        await stage.live("a", "b")


class Proxied(NamedTuple):
    """A broker with two listeners: a direct one, and one behind a proxy whose port it advertises."""

    kafka: ApacheKafka
    proxy: Toxiproxy


@asynccontextmanager
async def behind_proxy(folder: Path, broker: str) -> AsyncIterator[Ground]:
    """Workers go through the proxy, the producer and the oracle do not."""
    controller = free_port()
    inner = free_port(avoid=[controller])
    async with Toxiproxy() as proxy:
        begins = await asyncio.to_thread(proxy.way, WAY, inner)
        direct = free_port(avoid=[controller, inner, begins])
        kafka = ApacheKafka(direct, settings={
            "controller.quorum.voters": f"1@{LOOPBACK}:{controller}",
            "listeners": f"PLAINTEXT://{LOOPBACK}:{direct},PROXIED://{LOOPBACK}:{inner},CONTROLLER://{LOOPBACK}:{controller}",
            "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{direct},PROXIED://{LOOPBACK}:{begins}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
        })  # fmt: skip
        async with kafka:
            yield Ground(
                bootstrap_servers=kafka.bootstrap_servers, workers_servers=f"{LOOPBACK}:{begins}",
                parts=Proxied(kafka, proxy),
            )  # fmt: skip


async def _harm(stage: InfraStage, harm: Callable[[Toxiproxy], None], seconds: float) -> None:
    parts: Proxied = stage.ground.parts
    await asyncio.to_thread(harm, parts.proxy)
    await asyncio.sleep(seconds)
    await asyncio.to_thread(parts.proxy.mend, WAY)


@scenario("broker-unreachable", behind_proxy, seconds=16.0, letters_once=False)
async def broker_unreachable(stage: InfraStage) -> None:
    """The workers' connections to the broker are cut, once for less than a session, once for longer; events flow on."""
    await stage.start("a", "b")
    await stage.live("a", "b")
    await _harm(stage, lambda proxy: proxy.cut(WAY), stage.rnd.uniform(0.5, 1.5))
    await stage.live("a", "b")
    parts: Proxied = stage.ground.parts
    await asyncio.to_thread(parts.proxy.cut, WAY)
    said = "that Kafka is away"
    await stage.until_status("a", lambda words: "does not answer" in words or "waiting" in words, said, 15.0)
    await asyncio.sleep(2.0)
    await asyncio.to_thread(parts.proxy.mend, WAY)
    await stage.live("a", "b")


@scenario("broker-slow", behind_proxy, seconds=12.0)
async def broker_slow(stage: InfraStage) -> None:
    """Every answer of the broker takes 300 ms ± 200 ms; no worker may end for that."""
    await stage.start("a", "b")
    await stage.live("a", "b")
    await _harm(stage, lambda proxy: proxy.slow(WAY, 300, 200), 8.0)
    await stage.live("a", "b")


@scenario("broker-silent", behind_proxy, seconds=16.0, letters_once=False)
async def broker_silent(stage: InfraStage) -> None:
    """The network drops all packets and closes no connection, past the session, as a firewall that lost its state."""
    await stage.start("a", "b")
    await stage.live("a", "b")
    await _harm(stage, lambda proxy: proxy.silence(WAY), 8.0)
    await stage.live("a", "b")
