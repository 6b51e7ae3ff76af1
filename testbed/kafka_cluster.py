"""Three Apache Kafka brokers on loopback that elect their leaders and copy to each other; any one of them may die."""

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Self

from aiokafka.admin import AIOKafkaAdminClient

from episode_monitor.demo.ports import LOOPBACK, free_port
from testbed.apache_kafka import ApacheKafka, new_cluster_id

NODES = (1, 2, 3)
COPIES = len(NODES)


class KafkaCluster:
    """Each is broker and controller. Topics have three copies, of which two must have a record."""

    def __init__(self) -> None:
        ports: list[int] = []
        for _ in NODES:
            ports.append(free_port(avoid=ports))
        cluster_id = new_cluster_id()
        controllers = dict(zip(NODES, ports, strict=True))
        self.nodes = {node: _Node(node, controllers, cluster_id) for node in NODES}

    @property
    def bootstrap_servers(self) -> str:
        """All three."""
        return ",".join(node.bootstrap_servers for node in self.nodes.values())

    async def leader(self, topic: str, partition: int) -> int:
        """Which of them leads a partition. Raises KafkaError."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap_servers)
        await admin.start()
        try:
            described = await admin.describe_topics([topic])
            return next(int(each["leader"]) for each in described[0]["partitions"] if each["partition"] == partition)
        finally:
            await admin.close()

    async def __aenter__(self) -> Self:
        try:
            # Together: one alone has no majority and never answers.
            await asyncio.gather(*(asyncio.to_thread(node.start) for node in self.nodes.values()))
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def _stop(self) -> None:
        for node in self.nodes.values():  # without a majority they do not shut down, and their data is not needed
            await asyncio.to_thread(node.kill9)
            await asyncio.to_thread(node.stop)


class _Node(ApacheKafka):
    def __init__(self, node: int, controllers: dict[int, int], cluster_id: str) -> None:
        super().__init__(cluster_id=cluster_id)
        self._node = node
        self._controllers = controllers

    def _prepare(self, folder: Path) -> None:
        voters = ",".join(f"{node}@{LOOPBACK}:{port}" for node, port in self._controllers.items())
        controller = f"CONTROLLER://{LOOPBACK}:{self._controllers[self._node]}"
        self._settings = {
            "node.id": str(self._node),
            "controller.quorum.voters": voters,
            "listeners": f"PLAINTEXT://{LOOPBACK}:{self.port},{controller}",
            "default.replication.factor": str(COPIES),
            "min.insync.replicas": "2",
            "offsets.topic.replication.factor": str(COPIES),
            "transaction.state.log.replication.factor": str(COPIES),
            "transaction.state.log.min.isr": "2",
            "replica.lag.time.max.ms": "3000",
        }
        super()._prepare(folder)
