"""Which records the live monitor could not use, as its topic of dead letters names them."""

from collections.abc import Mapping
from typing import Final

from aiokafka import TopicPartition

from agents.engine.last_record import origin_of
from agents.fetching.reading import Record, reader, some_records
from agents.kafka.access import Kafka

MAX_LETTERS: Final = 200_000  # the newest ones of the topic; the others only explain less

Letters = Mapping[int, Mapping[int, str]]  # partition of the events -> offset -> reason


async def letters_of(kafka: Kafka, letters_topic: str, events_topic: str, monitor_id: str) -> Letters:
    """None where the topic does not exist. Raises KafkaError."""
    found: dict[int, dict[int, str]] = {}
    async with reader(kafka, committed_only=True) as consumer:
        if letters_topic not in await consumer.topics():
            return found
        await consumer.beginning_offsets([TopicPartition(letters_topic, 0)])  # waits until its partitions are known
        for number in sorted(consumer.partitions_for_topic(letters_topic) or ()):
            tp = TopicPartition(letters_topic, number)
            beginning = (await consumer.beginning_offsets([tp]))[tp]
            end = (await consumer.end_offsets([tp]))[tp]
            consumer.assign([tp])
            consumer.seek(tp, max(beginning, end - MAX_LETTERS))
            while await consumer.position(tp) < end:
                records = await some_records(consumer, tp)
                for record in records:
                    _note(found, record, events_topic, monitor_id)
                if not records:
                    break
    return found


def _note(found: dict[int, dict[int, str]], record: Record, events_topic: str, monitor_id: str) -> None:
    headers = dict(record.headers)
    partition = headers.get("dl_partition") or b""
    if not partition.isdigit() or len(partition) > 9:
        return
    number = int(partition)
    offset = origin_of(record, TopicPartition(events_topic, number), monitor_id)
    if offset is not None:
        reason = (headers.get("dl_reason") or b"").decode(errors="replace")
        found.setdefault(number, {})[offset] = reason
