"""Faults of the changelog: compaction while it is read and written, and a deleted beginning."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from faults.dispatch_plan import Dispatch
from faults.evidence import CONSUMER_OFFSETS, admin_client, end_offsets
from faults.infra import Ground, InfraStage, scenario
from testbed.apache_kafka import ApacheKafka

COMPACTED_AT_ONCE = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.01",
    "segment.ms": "500",  # the open segment is never compacted
    "min.compaction.lag.ms": "0",
    "delete.retention.ms": "100",  # tombstones expire soon, too
    "max.message.bytes": str(16 * 1024 * 1024),
}


@asynccontextmanager
async def eager_cleaner(folder: Path, broker: str) -> AsyncIterator[Ground]:
    """A broker that compacts all the time."""
    settings = {"log.cleaner.backoff.ms": "100", "log.retention.check.interval.ms": "500"}
    async with ApacheKafka(settings=settings) as kafka:
        yield Ground(bootstrap_servers=kafka.bootstrap_servers)


async def _cut(stage: InfraStage, admin: AIOKafkaAdminClient, topic: str) -> int:
    """Delete the older half of partition 0; the offset at which it begins then."""
    begins = (await end_offsets(stage.plan.bootstrap_servers, topic))[0] // 2
    careless = {"cleanup.policy": "compact,delete", "max.message.bytes": str(16 * 1024 * 1024)}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, careless)])  # else Kafka refuses
    await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(begins)})
    return begins


async def _delete(admin: AIOKafkaAdminClient, topic: str) -> None:
    await admin.delete_topics([topic])
    while topic in await admin.list_topics():  # noqa: ASYNC110 - the broker does not notify
        await asyncio.sleep(0.05)


@scenario("changelog-compacted", eager_cleaner, seconds=14.0)
async def changelog_compacted(stage: InfraStage) -> None:
    """The changelog is rolled twice a second and compacted at once, while workers die and read it back."""
    topic, partitions = stage.topics.changelog, stage.plan.partitions
    async with admin_client(stage.plan.bootstrap_servers) as admin:
        await _delete(admin, topic)
        await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=COMPACTED_AT_ONCE)])
    await stage.start("a", "b")
    await stage.live("a", "b")
    while not stage.feeding.done():
        await asyncio.sleep(stage.rnd.uniform(0.5, 2.0))
        name = stage.rnd.choice(("a", "b"))
        await stage.kill(name)
        await stage.start(name)

    async def was_compacted() -> list[str]:
        kept = sum(len(log) for log in stage.evidence.changelog.values())
        written = sum((await end_offsets(stage.plan.bootstrap_servers, topic)).values())
        stage.figures["changelog_kept_share"] = kept / written
        return (
            [] if kept < 0.8 * written else [f"The changelog was not compacted: {kept} records of {written} are left."]
        )

    stage.afterwards.append(was_compacted)


@scenario("changelog-cut", eager_cleaner, seconds=6.0)
async def changelog_cut(stage: InfraStage) -> None:
    """The beginning of one partition's changelog is deleted while no worker runs. What is left lacks
    projects, so its partition must not go live and must report it. Without a changelog all events are counted again."""
    await stage.start("a")
    await stage.live("a")
    await stage.feeding
    await asyncio.sleep(0.5)
    await stage.stop("a")
    topic = stage.topics.changelog
    async with admin_client(stage.plan.bootstrap_servers) as admin:
        begins = await _cut(stage, admin, topic)
        await stage.start("a")
        await stage.until_status("a", lambda words: f"begins at offset {begins}" in words, "what was cut", 30.0)
        if await stage.live_partitions("a") > stage.plan.partitions - 1:
            stage.wrong.append("A partition whose changelog was cut went live.")
        await stage.stop("a")
        await _delete(admin, topic)
    stage.evidence.lost_changelogs = 1
    await stage.start("a")
    await stage.live("a")
    await stage.caught_up("a")
    stage._commits_from = await end_offsets(
        stage.plan.bootstrap_servers, CONSUMER_OFFSETS
    )  # the commits went back, rightly


@scenario("dispatch-cut", eager_cleaner, seconds=6.0, dispatch=Dispatch())
async def dispatch_cut(stage: InfraStage) -> None:
    """The beginning of the dispatcher's changelog is deleted while no worker runs. What is left lacks alerts, so the
    dispatcher must not go live and must report it, while events are processed. Without it all is decided anew."""
    await stage.start("a")
    await stage.live("a")
    await stage.feeding
    await asyncio.sleep(0.5)
    await stage.stop("a")
    topic = stage.topics.dispatch
    async with admin_client(stage.plan.bootstrap_servers) as admin:
        begins = await _cut(stage, admin, topic)
        await stage.start("a")
        await stage.live("a")
        await _until_logged(stage, "a", f"begins at offset {begins}")
        await stage.stop("a")
        await _delete(admin, topic)
    await stage.start("a")
    await stage.live("a")


async def _until_logged(stage: InfraStage, name: str, words: str) -> None:
    give_up_at = time.monotonic() + 30.0
    while words not in stage.workers[name].log_text():
        if time.monotonic() > give_up_at:
            stage.wrong.append(f"Within 30 s worker {name} did not log {words!r}.")
            return
        await asyncio.sleep(0.05)
