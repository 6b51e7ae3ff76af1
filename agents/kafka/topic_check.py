"""Reads partitions and settings of the topics once, for commands and a worker's start; reports what does not fit."""

import structlog
from aiokafka.errors import KafkaError

from agents.engine.producer import MAX_RECORD_BYTES
from agents.kafka.access import Kafka
from agents.kafka.topic_facts import broker_facts, topic_facts
from agents.kafka.topic_fit import TopicFacts, misfits
from agents.kafka.topics import TopicNames, connected_admin

log = structlog.get_logger(__name__)


async def check_topics(kafka: Kafka, names: TopicNames, session_ms: int) -> tuple[dict[str, TopicFacts], list[str]]:
    """The existing topics, and a sentence for each setting that does not fit. Raises KafkaError."""
    async with connected_admin(kafka) as admin:
        facts = await topic_facts(admin, names.all)
        brokers = await broker_facts(admin)
    return facts, misfits(names, facts, brokers, MAX_RECORD_BYTES, session_ms)


async def warn_of_topics(kafka: Kafka, topics: TopicNames, session_ms: int) -> None:
    """Log each setting that does not fit: otherwise it goes unnoticed until data is lost."""
    try:
        _, sentences = await check_topics(kafka, topics, session_ms)
    except KafkaError as error:
        log.warning("the topic settings could not be read", reason=str(error))
        return
    for sentence in sentences:
        log.warning("a topic setting or a timeout is unsuitable", what=sentence)
