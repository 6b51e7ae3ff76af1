"""Which topics there are and how each must be; they are made before anything subscribes to them.

Faust subscribes to nothing where a topic is missing, and a topic that a broker makes by itself has the wrong shape.
"""

import asyncio
from collections.abc import Mapping

import msgspec
import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

log = structlog.get_logger(__name__)

_COMPACTED = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.2",
    "segment.ms": "600000",  # so that what was overwritten is soon out of the way of a recovery
}
_KEPT_A_WEEK = {"retention.ms": "604800000"}
_KEPT_A_MONTH = {"retention.ms": "2592000000"}
METADATA_PATIENCE_SECONDS = 20.0


class TopicNames(msgspec.Struct, frozen=True, kw_only=True):
    """The topics of one monitor."""

    events: str = "episode-events"
    alerts: str = "episode-alerts"
    dead_letters: str = "episode-dead-letters"
    alert_dead_letters: str = "alert-dead-letters"
    changelog: str
    fleet: str

    @classmethod
    def of(cls, monitor_id: str, events: str, alerts: str, dead_letters: str, alert_dead_letters: str) -> "TopicNames":
        """The monitor's own topics bear its id; the others are shared by all who know the names."""
        return cls(
            events=events,
            alerts=alerts,
            dead_letters=dead_letters,
            alert_dead_letters=alert_dead_letters,
            changelog=f"{monitor_id}-state-changelog",
            fleet=f"{monitor_id}-fleet",
        )


class TopicMismatch(Exception):
    """A topic exists in a shape that would lose data; the message says which and what to do."""


async def ensure_topics(
    bootstrap_servers: str, names: TopicNames, events_partitions: int, replication_factor: int | None
) -> dict[str, int]:
    """Create what is missing and answer each topic's number of partitions.

    Raises TopicMismatch where the changelog has another number of partitions than the events; KafkaError where the
    broker does not answer.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=10_000)
    await admin.start()
    try:
        replicas = -1 if replication_factor is None else replication_factor
        await _create(admin, names.events, events_partitions, replicas, {})
        counts = await _partitions(admin, [names.events])
        events = counts[names.events]
        await _create(admin, names.alerts, events, replicas, _KEPT_A_MONTH)
        await _create(admin, names.dead_letters, 1, replicas, _KEPT_A_MONTH)
        await _create(admin, names.alert_dead_letters, 1, replicas, _KEPT_A_MONTH)
        await _create(admin, names.changelog, events, replicas, _COMPACTED)
        await _create(admin, names.fleet, 1, replicas, _COMPACTED)
        counts = await _partitions(admin, list(msgspec.structs.astuple(names)))
    finally:
        await admin.close()
    if counts[names.changelog] != events:
        raise TopicMismatch(
            f"Topic {names.events} has {events} partitions and {names.changelog} has {counts[names.changelog]}: state "
            f"would be looked for in the wrong place. Start with a new MONITOR_ID, or delete {names.changelog} to "
            f"rebuild it from the events."
        )
    return counts


async def describe_topics(bootstrap_servers: str, names: TopicNames) -> dict[str, int]:
    """Partitions of each topic, 0 for one that does not exist. Raises KafkaError."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=10_000)
    await admin.start()
    try:
        there = set(await admin.list_topics())
        wanted = list(msgspec.structs.astuple(names))
        counts = await _partitions(admin, [topic for topic in wanted if topic in there])
        return {topic: counts.get(topic, 0) for topic in wanted}
    finally:
        await admin.close()


async def _create(
    admin: AIOKafkaAdminClient, topic: str, partitions: int, replicas: int, config: Mapping[str, str]
) -> None:
    if topic in await admin.list_topics():
        return
    wanted = NewTopic(topic, partitions, 1, topic_configs=dict(config))
    wanted.replication_factor = replicas  # the constructor refuses -1, which is "as the broker thinks best"
    try:
        response = await admin.create_topics([wanted])
    except TopicAlreadyExistsError:
        return
    for name, code, *message in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            if replicas == -1:  # brokers older than 2.4 do not know "as you think best"
                await _create(admin, topic, partitions, 1, config)
                return
            raise error(f"topic {name} could not be created: {message[0] if message else error.__name__}")
    log.info("topic created", topic=topic, partitions=partitions)


async def _partitions(admin: AIOKafkaAdminClient, topics: list[str]) -> dict[str, int]:
    """Partitions of each topic, once the broker tells of all of them."""
    for _ in range(int(METADATA_PATIENCE_SECONDS / 0.2)):
        described = await admin.describe_topics(topics)
        counts = {str(topic["topic"]): len(topic["partitions"]) for topic in described if not topic["error_code"]}
        if all(counts.get(topic) for topic in topics):
            return counts
        await asyncio.sleep(0.2)
    raise KafkaError(f"the broker does not tell of the topics {', '.join(topics)} although they were created")
