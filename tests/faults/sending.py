"""The producer of a fault run's events: it notes in the evidence what the broker has acknowledged, and nothing else."""

import asyncio
import random
import time

from aiokafka import AIOKafkaProducer

from tests.faults.evidence import Evidence, Sent
from tests.faults.feed import Record

STEP_SECONDS = 0.1
TAKEN_BACK_SHARE = 0.2  # of the transactions is preceded by one that is aborted


class Sender:
    """Sends to one topic."""

    def __init__(self, bootstrap_servers: str, topic: str, evidence: Evidence, rnd: random.Random) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topic = topic
        self._evidence = evidence
        self._rnd = rnd

    async def run(self, records: list[Record], seconds: float, transactional_id: str | None) -> None:
        """Send all records, evenly over so many seconds; in transactions where there is an id. Raises KafkaError."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap_servers, acks="all", linger_ms=5, enable_idempotence=True,
            transactional_id=transactional_id,
        )  # fmt: skip
        await producer.start()
        send = self._send if transactional_id is None else self._send_in_transaction
        steps = max(1, int(seconds / STEP_SECONDS))
        try:
            for step in range(steps):
                piece = records[len(records) * step // steps : len(records) * (step + 1) // steps]
                began = time.monotonic()
                self._evidence.acknowledged += await send(producer, piece)
                await asyncio.sleep(max(0.0, STEP_SECONDS - (time.monotonic() - began)))
        finally:
            await producer.stop()

    async def _send_in_transaction(self, producer: AIOKafkaProducer, piece: list[Record]) -> list[Sent]:
        if self._rnd.random() < TAKEN_BACK_SHARE:
            await producer.begin_transaction()
            taken_back = self._rnd.sample(piece, min(len(piece), 20))
            await self._send(producer, [_renamed(record) for record in taken_back])
            await producer.abort_transaction()
        await producer.begin_transaction()
        sent = await self._send(producer, piece)
        await producer.commit_transaction()
        return sent

    async def _send(self, producer: AIOKafkaProducer, piece: list[Record]) -> list[Sent]:
        useful = [record for record in piece if record.key is not None or record.value is not None]
        futures = [await producer.send(self._topic, record.value, record.key) for record in useful]
        answers = await asyncio.gather(*futures)
        return [
            Sent(answer.partition, answer.offset, record.key, record.value)
            for record, answer in zip(useful, answers, strict=True)
        ]


def _renamed(record: Record) -> Record:
    """With ids of its own: what is taken back must leave no trace."""
    value = record.value
    return record if value is None else Record(record.key, value.replace(b'"ev-', b'"aborted-', 1))
