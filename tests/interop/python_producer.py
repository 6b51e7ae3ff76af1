"""Sends what standard input says with aiokafka, confluent-kafka (librdkafka) or kafka-python.

    python -m tests.interop.python_producer confluent-kafka 127.0.0.1:9092

One batch a line of JSON; its name is printed when the broker has all of it.
"""

import asyncio
import sys
from base64 import b64decode
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer
from kafka import KafkaProducer  # type: ignore[import-untyped]

from tests.interop.batches import Batch, Record

PATIENCE_SECONDS = 60.0


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text)


def _headers(record: Record) -> list[tuple[str, Any]]:
    return [(name, _bytes(content)) for name, content in record.headers]


def with_confluent_kafka(servers: str, batch: Batch) -> None:
    """librdkafka's own names of settings."""
    settings: dict[str, Any] = {"bootstrap.servers": servers, "linger.ms": 20}
    if batch.codec != "default":
        settings["compression.type"] = batch.codec
    if batch.partitioner == "murmur2":
        settings["partitioner"] = "murmur2_random"
    if batch.mode != "default":
        settings["enable.idempotence"] = True
    if batch.mode == "transactional":
        settings["transactional.id"] = batch.name
    producer = Producer(settings)

    def send(records: Sequence[Record]) -> None:
        failed: list[object] = []
        for record in records:
            producer.produce(
                batch.topic, _bytes(record.value), _bytes(record.key), headers=_headers(record),
                on_delivery=lambda error, _: failed.append(error) if error is not None else None,
            )  # fmt: skip
        if producer.flush(PATIENCE_SECONDS) or failed:
            raise RuntimeError(f"{batch.name} was not delivered: {failed}")

    if batch.mode != "transactional":
        send(batch.records)
        return
    producer.init_transactions(PATIENCE_SECONDS)
    producer.begin_transaction()
    send(batch.aborted)
    producer.abort_transaction(PATIENCE_SECONDS)
    producer.begin_transaction()
    send(batch.records)
    producer.commit_transaction(PATIENCE_SECONDS)


def with_kafka_python(servers: str, batch: Batch) -> None:
    """Its one partitioner is murmur2; it finds gzip alone of the codecs that are installed here."""
    settings: dict[str, Any] = {"bootstrap_servers": servers, "linger_ms": 20}
    if batch.codec != "default":
        settings["compression_type"] = None if batch.codec == "none" else batch.codec
    if batch.mode != "default":
        settings["enable_idempotence"] = True
    if batch.mode == "transactional":
        settings["transactional_id"] = batch.name
    producer = KafkaProducer(**settings)

    def send(records: Sequence[Record]) -> None:
        sent = [
            producer.send(batch.topic, _bytes(record.value), _bytes(record.key), _headers(record)) for record in records
        ]
        for each in sent:
            each.get(PATIENCE_SECONDS)

    try:
        if batch.mode != "transactional":
            send(batch.records)
            return
        producer.init_transactions()
        producer.begin_transaction()
        send(batch.aborted)
        producer.abort_transaction()
        producer.begin_transaction()
        send(batch.records)
        producer.commit_transaction()
    finally:
        producer.close()


def with_aiokafka(servers: str, batch: Batch) -> None:
    """Its one partitioner is murmur2."""
    settings: dict[str, Any] = {"bootstrap_servers": servers, "linger_ms": 20}
    if batch.codec != "default":
        settings["compression_type"] = None if batch.codec == "none" else batch.codec
    if batch.mode != "default":
        settings["enable_idempotence"] = True
    if batch.mode == "transactional":
        settings["transactional_id"] = batch.name
    asyncio.run(_send_all(settings, batch))


async def _send_all(settings: dict[str, Any], batch: Batch) -> None:
    producer = AIOKafkaProducer(**settings)
    await producer.start()

    async def send(records: Sequence[Record]) -> None:
        sent = [
            await producer.send(batch.topic, _bytes(record.value), _bytes(record.key), headers=_headers(record))
            for record in records
        ]
        await asyncio.gather(*sent)

    try:
        if batch.mode != "transactional":
            await send(batch.records)
            return
        await producer.begin_transaction()
        await send(batch.aborted)
        await producer.abort_transaction()
        await producer.begin_transaction()
        await send(batch.records)
        await producer.commit_transaction()
    finally:
        await producer.stop()


CLIENTS: dict[str, Callable[[str, Batch], None]] = {
    "aiokafka": with_aiokafka,
    "confluent-kafka": with_confluent_kafka,
    "kafka-python": with_kafka_python,
}


def main(client: str, servers: str) -> None:
    """Until standard input ends."""
    for line in sys.stdin.buffer:
        batch = msgspec.json.decode(line, type=Batch)
        CLIENTS[client](servers, batch)
        print(batch.name, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
