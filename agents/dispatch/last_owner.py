"""Which worker was the owner of the dispatcher last, for a command that has no copy of the state."""

from aiokafka import TopicPartition

from agents.dispatch.codecs import Presence, decode_presence
from agents.dispatch.decision_log import OWNER
from agents.fetching.reading import reader
from agents.kafka.access import Kafka

READ_BACK_RECORDS = 2_000  # an owner says every five seconds that it is there


async def last_owner(kafka: Kafka, topic: str) -> Presence | None:
    """What the newest record of an owner says; None: there is none near the end. Raises KafkaError."""
    tp, found = TopicPartition(topic, 0), None
    async with reader(kafka, committed_only=True) as consumer:
        beginning, end = (await consumer.beginning_offsets([tp]))[tp], (await consumer.end_offsets([tp]))[tp]
        consumer.assign([tp])
        consumer.seek(tp, max(beginning, end - READ_BACK_RECORDS))
        while await consumer.position(tp) < end:
            for record in (await consumer.getmany(tp, timeout_ms=500)).get(tp, ()):
                if record.key == OWNER and record.value is not None:
                    found = decode_presence(record.value)
    return found
