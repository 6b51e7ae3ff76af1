"""Handles partitions that are added to the events while workers run: extends the changelog, then reads them."""

import asyncio
from collections.abc import Callable

import structlog
from aiokafka.errors import KafkaError

from agents.config import AgentsConfig
from agents.engine.engine import Engine
from agents.engine.producer import Producer
from agents.kafka.refusals import why
from agents.kafka.topics import TopicMismatch, grow_changelog

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.5


class Growth:
    """`partitions` is the known number of partitions; 0 until it is known. `stop` ends the process at once."""

    def __init__(self, config: AgentsConfig, engine: Engine, producer: Producer, stop: Callable[[str], None]) -> None:
        self.partitions = 0
        self._config = config
        self._engine = engine
        self._producer = producer
        self._stop = stop
        self._reason = ""  # that was logged last

    @property
    def new_partitions(self) -> list[int]:
        """Partitions added to the events while this worker runs that no worker can read yet."""
        consumer = self._engine.assignment.consumer
        seen = 0 if consumer is None else consumer.partitions_of(self._config.topics.events)
        return list(range(self.partitions, max([seen, *(number + 1 for number in self._engine.owned)])))

    async def run(self) -> None:
        """Check for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self.partitions and self.new_partitions and not await self._grow():
                return

    async def _grow(self) -> bool:
        """Extend the changelog, then let the new partitions be read. False: the process ends."""
        topics = self._config.topics
        try:
            count = await grow_changelog(self._config.kafka, topics)
        except TopicMismatch as error:
            self._stop(str(error))
            return False
        except (KafkaError, OSError) as error:
            reason = await why(error, self._config.kafka)
            if reason != self._reason:
                log.error("the added partitions cannot be read yet", partitions=self.new_partitions, reason=reason)
                self._reason = reason
            return True
        if count > self.partitions and await self._producer.knows(topics.changelog, count):
            log.warning(
                "the events topic has more partitions; projects whose keys map to those are in two partitions now",
                topic=topics.events, before=self.partitions, now=count,
            )  # fmt: skip
            self.partitions, self._reason = count, ""
            self._engine.grow(count)
        return True
