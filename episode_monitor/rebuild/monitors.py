"""The two monitors of a rebuild, and the questions to Kafka about each that a refusal depends on."""

import time
from pathlib import Path

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from agents.kafka.access import KafkaAccess
from agents.kafka.topics import TopicNames, connected_admin
from episode_monitor.access import kafka_access, topic_names
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.replay.topic_source import TopicSource
from episode_monitor.settings.rules_file import core_from
from episode_monitor.settings.settings import Settings
from episode_monitor.settings.validators import monitor_id as checked_id
from episode_monitor.settings.validators import topic as checked_topic
from streams.alerting.core import Core

RECENT_MS = 15_000  # workers, and a rebuild at work, give a sign of life every few seconds


class Refused(Failure):
    """The command does nothing; the sentence says why and what to do."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, ExitCode.REFUSED)


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """`old_id` is the monitor in force (MONITOR_ID), `new_id` the one that is built. They share the alerts topic."""

    kafka: KafkaAccess
    core: Core
    old_id: str
    new_id: str
    old: TopicNames
    new: TopicNames
    replication_factor: int | None
    cached_projects: int
    state_dir: Path
    state_memory_bytes: int  # of stored values of the new monitor; the rest is in files of `state_dir`

    @property
    def has_same_events(self) -> bool:
        """Whether both read the same topic, so that offsets and partitions are the same."""
        return self.old.events == self.new.events


def pair_of(settings: Settings, to: str, events: str | None = None) -> Pair:
    """`events`: the topic that the new monitor reads; None: the same. Raises Failure, SettingsError."""
    try:
        checked_id(to)
        checked_topic(events or settings.events_topic)
    except ValueError as error:
        raise Failure(f"{events or to} cannot be used: it {error}.", ExitCode.USAGE) from None
    if to == settings.monitor_id:
        raise Refused(f"{to} is the monitor in force (MONITOR_ID); give the new one another name with --to.")
    changed = settings.model_copy(update={"monitor_id": to, "events_topic": events or settings.events_topic})
    return Pair(
        kafka=kafka_access(settings), core=core_from(settings), old_id=settings.monitor_id, new_id=to,
        old=topic_names(settings), new=topic_names(changed), replication_factor=settings.topic_replication_factor,
        cached_projects=settings.cached_projects, state_dir=settings.own_dir,
        state_memory_bytes=settings.state_memory_mib * 1024 * 1024,
    )  # fmt: skip


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


async def topics_there(kafka: KafkaAccess, *names: str) -> list[str]:
    """Those of the topics that exist. Raises KafkaError."""
    async with connected_admin(kafka) as admin:
        there = set(await admin.list_topics())
    return [name for name in names if name in there]


async def refuse_workers_of(kafka: KafkaAccess, monitor_id: str, fleet_topic: str) -> None:
    """Raises Refused where workers of this monitor run; KafkaError."""
    async with connected_admin(kafka) as admin:
        answers = await admin.describe_consumer_groups([monitor_id])
    members = [member for answer in answers for group in answer.groups for member in group[5]]
    has_details = any(client_id for _, client_id, *_ in members)  # without, the broker keeps members that have left
    if members and (has_details or await _has_recent_summary(kafka, fleet_topic)):
        raise Refused(
            f"Workers of {monitor_id} run: members of its consumer group: {len(members)}. Stop them first; a worker "
            f"that was killed leaves the group after KAFKA_SESSION_TIMEOUT_SECONDS."
        )


async def _has_recent_summary(kafka: KafkaAccess, fleet_topic: str) -> bool:
    """Whether a worker published a summary lately, as each does every few seconds."""
    if not await topics_there(kafka, fleet_topic):
        return False
    source, written_ms = TopicSource(kafka, fleet_topic), 0
    async for batch in source.batches(await source.resolve()):
        written_ms = max([written_ms, *(record.timestamp or 0 for record in batch.records)])
    return written_ms > now_ms() - RECENT_MS


async def group_offsets(kafka: KafkaAccess, group: str, topic: str, numbers: list[int]) -> dict[int, tuple[int, str]]:
    """What a group has committed in a topic: partition -> offset and note; without what it has not."""
    async with connected_admin(kafka) as admin:
        try:
            asked = [TopicPartition(topic, number) for number in numbers]
            committed = await admin.list_consumer_group_offsets(group, partitions=asked)
        except KafkaError as error:
            if error.retriable:
                raise
            return {}
    return {tp.partition: (at.offset, at.metadata or "") for tp, at in committed.items() if at.offset >= 0}
