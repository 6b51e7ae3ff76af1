"""A producer for fault tests: it notes the records that a broker acknowledged, and those that it did not."""

import asyncio
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from faults.evidence import Evidence, Sent
from faults.feed import Record


class Journal:
    """Sends records to the events' topic and notes them in the evidence. `ends`: partition -> offset after the last."""

    def __init__(self, evidence: Evidence, topic: str, partitions: int) -> None:
        self.ends = dict.fromkeys(range(partitions), 0)
        self._evidence = evidence
        self._topic = topic

    async def send(self, producer: AIOKafkaProducer, records: Iterable[Record], partition: int | None = None) -> None:
        """Send these in order and wait until each is acknowledged or has failed."""
        in_flight: list[tuple[Record, asyncio.Future[Any]]] = []
        for record in records:
            if record.key is None and record.value is None:
                continue
            sent = await producer.send(self._topic, record.value, record.key, partition=partition)
            in_flight.append((record, sent))
        for record, sent in in_flight:
            try:
                metadata = await sent
            except KafkaError:
                self._evidence.unsure.add(record.value or b"")
                continue
            acknowledged = Sent(metadata.partition, metadata.offset, record.key, record.value)
            self._evidence.acknowledged.append(acknowledged)
            self.ends[metadata.partition] = max(self.ends[metadata.partition], metadata.offset + 1)
