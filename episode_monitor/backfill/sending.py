"""Sends statements, each page to its end before the next. A broker that does not take one in time ends the run.

To wait longer would be worse than to end: what was read must not be stated when it is no longer true.
"""

import asyncio
import zlib
from collections.abc import Sequence
from enum import Enum

from aiokafka.errors import KafkaError

from agents.engine.producer import Producer
from agents.kafka.access import Kafka
from agents.kafka.refusals import why
from episode_monitor.backfill.statements import Statement
from episode_monitor.exits import ExitCode, Failure

SEND_SECONDS = 15.0  # for one page


class Partitioner(Enum):
    """How the project service's producer makes a partition of a key."""

    MURMUR2 = "murmur2"  # Java, aiokafka, kafka-python, the client library
    CRC32 = "crc32"  # librdkafka and what is built on it, by default


class Sending:
    """An open producer for the events topic."""

    def __init__(self, kafka: Kafka, topic: str, partitioner: Partitioner) -> None:
        self._kafka = kafka
        self._topic = topic
        self._partitioner = partitioner
        self._producer = Producer(kafka)

    async def start(self) -> None:
        """Connects. Raises Failure."""
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._producer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            raise await self._away(error) from None

    async def send(self, statements: Sequence[Statement]) -> None:
        """Returns when the broker has all of them. Raises Failure."""
        client = self._producer.client
        try:
            async with asyncio.timeout(SEND_SECONDS):
                partitions = sorted(await client.partitions_for(self._topic))
                sent = []
                for statement in statements:
                    partition = self._partition(statement.key, partitions)
                    sent.append(await client.send(self._topic, statement.value, statement.key, partition=partition))
                await asyncio.gather(*sent)
        except (KafkaError, OSError, TimeoutError) as error:
            raise await self._away(error) from None

    def _partition(self, key: bytes, partitions: Sequence[int]) -> int | None:
        if self._partitioner is Partitioner.MURMUR2:
            return None  # the producer's own way
        return partitions[zlib.crc32(key) % len(partitions)]

    async def stop(self) -> None:
        """Disconnects within seconds."""
        await self._producer.stop()

    async def _away(self, error: BaseException) -> Failure:
        sentence = await why(error, self._kafka)
        return Failure(
            f"{sentence} The backfill stopped; run the same command again to continue.",
            ExitCode.UNREACHABLE,
        )
