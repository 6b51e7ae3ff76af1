"""The topics of a monitor and their settings; they are created before anything subscribes to them.

Faust subscribes to nothing if a topic is missing, and a topic that the broker creates by itself has wrong settings.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
import structlog
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import InvalidPartitionsError, KafkaError, TopicAlreadyExistsError, for_code

from agents.fetching.reading import reader
from agents.kafka.access import Kafka, client_options
from agents.kafka.refusals import refusal, why
from agents.kafka.topic_shapes import TopicShape, create_commands, topic_shapes

log = structlog.get_logger(__name__)

METADATA_PATIENCE_SECONDS = 20.0


class TopicNames(msgspec.Struct, frozen=True, kw_only=True):
    """The topics of one monitor. `audit` is "" where no audit checkpoints are written."""

    events: str = "episode-events"
    alerts: str = "episode-alerts"
    dead_letters: str = "episode-dead-letters"
    alert_dead_letters: str = "alert-dead-letters"
    changelog: str
    fleet: str
    fleet_seconds: str = ""
    audit: str = ""
    acts: str
    dispatch: str
    notifications: str

    @classmethod
    def of(
        cls, monitor_id: str, events: str, alerts: str, dead_letters: str, alert_dead_letters: str, audit: str = ""
    ) -> "TopicNames":
        """The monitor's own topics are named after its id; the others may be shared by several monitors."""
        return cls(
            events=events,
            alerts=alerts,
            dead_letters=dead_letters,
            alert_dead_letters=alert_dead_letters,
            changelog=f"{monitor_id}-state-changelog",
            fleet=f"{monitor_id}-fleet",
            fleet_seconds=f"{monitor_id}-fleet-seconds",
            audit=audit,
            acts=f"{monitor_id}-acts",
            dispatch=f"{monitor_id}-dispatch",
            notifications=f"{monitor_id}-notifications",
        )

    @property
    def needed(self) -> list[str]:
        """Those of tracking, which a worker cannot do without."""
        optional = (self.audit, *self.of_dispatch)
        return [name for name in self.all if name not in optional]

    @property
    def of_dispatch(self) -> list[str]:
        """Those of the dispatcher: acts of people, its state, what it decides."""
        return [self.acts, self.dispatch, self.notifications]

    @property
    def all(self) -> list[str]:
        """Every topic that there should be."""
        return [name for name in msgspec.structs.astuple(self) if name]


class TopicMismatch(Exception):
    """Topics do not have the needed settings and cannot be changed; the message names them and the next step.
    `commands` are for the cluster's administrator, where the broker lets nobody else create topics."""

    def __init__(self, sentence: str, commands: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.commands = list(commands)

    @property
    def text(self) -> str:
        """The sentence, and each command on a line of its own."""
        return "\n".join([str(self), *(f"    {command}" for command in self.commands)])


async def ensure_topics(
    kafka: Kafka, names: TopicNames, events_partitions: int, replication_factor: int | None
) -> dict[str, int]:
    """Create missing topics, all but the audit's and the dispatcher's, and return each topic's number of partitions.

    A changelog with fewer partitions than the events gets those that were added there.

    Raises TopicMismatch where it has more, or where the broker refuses a topic for good; KafkaError where no broker
    answers.
    """
    async with connected_admin(kafka) as admin:
        await _create(admin, _Wanted(kafka, topic_shapes(names, events_partitions), replication_factor), [names.events])
        events = (await _partitions(admin, [names.events]))[names.events]
        await _create(admin, _Wanted(kafka, topic_shapes(names, events), replication_factor), names.needed)
        counts = await _partitions(admin, names.needed)
        if counts[names.changelog] < events:
            counts[names.changelog] = await _grow(admin, names.changelog, events)
    _check_fit(names, events, counts[names.changelog])
    return counts


async def ensure_audit_topic(
    kafka: Kafka, names: TopicNames, partitions: int, replication_factor: int | None
) -> dict[str, int]:
    """The same for the audit's topic, where there should be one: a worker tracks without it. `partitions`: of the
    events."""
    if not names.audit:
        return {}
    async with connected_admin(kafka) as admin:
        await _create(admin, _Wanted(kafka, topic_shapes(names, partitions), replication_factor), [names.audit])
        return await _partitions(admin, [names.audit])


async def ensure_dispatch_topics(
    kafka: Kafka, names: TopicNames, partitions: int, replication_factor: int | None
) -> dict[str, int]:
    """The same for the topics of the dispatcher. `partitions`: of the notifications."""
    async with connected_admin(kafka) as admin:
        await _create(admin, _Wanted(kafka, topic_shapes(names, partitions), replication_factor), names.of_dispatch)
        counts = await _partitions(admin, names.of_dispatch)
    for name in (names.acts, names.dispatch):
        if counts[name] != 1:
            raise TopicMismatch(
                f"Topic {name} has {counts[name]} partitions; acts are in one order, and so is what is decided. "
                f"Delete it, and it is created with one."
            )
    return counts


async def ensure_all_topics(
    kafka: Kafka, names: TopicNames, events_partitions: int, replication_factor: int | None
) -> dict[str, int]:
    """The same for every topic that there should be, in the order of `names.all`."""
    counts = await ensure_topics(kafka, names, events_partitions, replication_factor)
    counts |= await ensure_audit_topic(kafka, names, counts[names.events], replication_factor)
    counts |= await ensure_dispatch_topics(kafka, names, counts[names.alerts], replication_factor)
    return {name: counts[name] for name in names.all}


async def grow_changelog(kafka: Kafka, names: TopicNames) -> int:
    """Give the changelog as many partitions as the events have, and return how many. Raises as `ensure_topics`."""
    async with connected_admin(kafka) as admin:
        counts = await _partitions(admin, [names.events, names.changelog])
        events, changelog = counts[names.events], counts[names.changelog]
        if changelog < events:
            changelog = await _grow(admin, names.changelog, events)
    _check_fit(names, events, changelog)
    return events


def _check_fit(names: TopicNames, events: int, changelog: int) -> None:
    if changelog != events:
        raise TopicMismatch(
            f"Topic {names.events} has {events} partitions and {names.changelog} has {changelog}: the events topic "
            f"was recreated with fewer, and the state of the others is unusable. Start with a new MONITOR_ID, or "
            f"delete {names.changelog}, to process all events again."
        )


async def _grow(admin: AIOKafkaAdminClient, topic: str, partitions: int) -> int:
    """Add partitions to a topic; returns how many it then has."""
    try:
        await admin.create_partitions({topic: NewPartitions(partitions)})
        log.warning("changelog partitions added to match the events topic", topic=topic, partitions=partitions)
    except InvalidPartitionsError:  # another worker was quicker, or it has more
        pass
    except KafkaError as error:
        if error.retriable:
            raise
        raise TopicMismatch(
            f"Topic {topic} needs {partitions} partitions, as many as the events have, and they could not be added: "
            f"{refusal(error)}. Add them manually, or let this user alter the topic."
        ) from None
    return (await _partitions(admin, [topic], at_least=partitions))[topic]


async def describe_topics(kafka: Kafka, names: TopicNames) -> dict[str, int]:
    """Partitions of each topic, 0 for one that does not exist. Raises KafkaError."""
    async with connected_admin(kafka) as admin:
        there = set(await admin.list_topics())
        wanted = names.all
        # Some brokers create a topic that is only asked about.
        counts = await _partitions(admin, [topic for topic in wanted if topic in there])
        return {topic: counts.get(topic, 0) for topic in wanted}


async def kafka_trouble(kafka: Kafka, patience_seconds: float = 5.0) -> str:
    """Why no broker accepts a new connection, in one sentence; "" where one does."""
    try:
        async with asyncio.timeout(patience_seconds), connected_admin(kafka):
            return ""
    except (KafkaError, OSError, TimeoutError) as error:
        return await why(error, kafka)


async def has_records(kafka: Kafka, topic: str) -> bool:
    """Whether anything was ever written to partition 0 of a topic. Raises KafkaError."""
    tp = TopicPartition(topic, 0)
    async with reader(kafka) as consumer:
        return bool((await consumer.end_offsets([tp]))[tp])


async def committed_offsets(kafka: Kafka, group: str, topic: str, partitions: int) -> dict[int, int]:
    """By partition, where a consumer group has committed a position. Raises KafkaError."""
    asked = [TopicPartition(topic, number) for number in range(partitions)]  # not every broker answers for "all"
    async with connected_admin(kafka) as admin:
        committed = await admin.list_consumer_group_offsets(group, partitions=asked)
    return {tp.partition: position.offset for tp, position in committed.items() if position.offset >= 0}


@asynccontextmanager
async def connected_admin(kafka: Kafka) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client, closed at the end. Raises KafkaError where no broker answers."""
    admin = AIOKafkaAdminClient(**client_options(kafka), request_timeout_ms=10_000)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


class _Wanted(msgspec.Struct, frozen=True):
    """All topics of a monitor, and where they are made."""

    kafka: Kafka
    shapes: dict[str, TopicShape]
    replication_factor: int | None


def _new(shape: TopicShape, replicas: int | None) -> NewTopic:
    """`replicas` None leaves it to the broker, which aiokafka takes only together with an empty assignment."""
    if replicas is None:
        return NewTopic(shape.name, shape.partitions, -1, replica_assignments={}, topic_configs=dict(shape.config))
    return NewTopic(shape.name, shape.partitions, replicas, topic_configs=dict(shape.config))


async def _create(admin: AIOKafkaAdminClient, wanted: _Wanted, names: Sequence[str]) -> None:
    there = set(await admin.list_topics())
    missing = [wanted.shapes[name] for name in names if name not in there]
    if not missing:
        return
    response = await admin.create_topics([_new(shape, wanted.replication_factor) for shape in missing])
    for name, code, *message in response.topic_errors:
        error = for_code(code)
        if not code:
            log.info("topic created", topic=name, partitions=wanted.shapes[name].partitions)
        elif error is TopicAlreadyExistsError:  # another worker was quicker
            continue
        elif error.retriable:
            raise error(f"topic {name} could not be created")
        else:
            detail = (message[0] if message else None) or error.__name__
            lacking = [shape for shape in wanted.shapes.values() if shape.name not in there]
            raise TopicMismatch(
                f"Topic {name} could not be created: {detail.rstrip('.')}. Check TOPIC_REPLICATION_FACTOR and the "
                f"rights of this user, or have the cluster's administrator create what is missing.",
                create_commands(wanted.kafka, lacking, wanted.replication_factor),
            )


async def why_not_created(kafka: Kafka, names: TopicNames, partitions: int, replication_factor: int | None) -> str:
    """Why this user may not create the topics that are missing; "" where it may. Nothing is created: the broker is only
    asked. Call it where the broker judges rights, since others create the topic all the same. Raises KafkaError."""
    async with connected_admin(kafka) as admin:
        there = set(await admin.list_topics())
        missing = [shape for shape in topic_shapes(names, partitions).values() if shape.name not in there]
        new = [_new(shape, replication_factor) for shape in missing]
        response = await admin.create_topics(new, validate_only=True)
    for name, code, *message in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError and not error.retriable:
            return f"{name}: {((message[0] if message else None) or error.__name__).rstrip('.')}"
    return ""


async def _partitions(admin: AIOKafkaAdminClient, topics: list[str], at_least: int = 1) -> dict[str, int]:
    """Partitions of each topic, once the broker returns all of them, with at least so many."""
    give_up_at = time.monotonic() + METADATA_PATIENCE_SECONDS
    while True:
        described = await admin.describe_topics(topics) if topics else []
        counts = {str(topic["topic"]): len(topic["partitions"]) for topic in described if not topic["error_code"]}
        if all(counts.get(topic, 0) >= at_least for topic in topics):
            return counts
        if time.monotonic() > give_up_at:
            silent = ", ".join(topic for topic in topics if counts.get(topic, 0) < at_least)
            raise KafkaError(f"the broker does not return the topics {silent} although they were created")
        await asyncio.sleep(0.05)
