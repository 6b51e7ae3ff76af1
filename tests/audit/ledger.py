"""A topic with its audit checkpoints and copies of it, as a monitor and a copying tool write them."""

from collections.abc import Sequence
from typing import Any

import msgspec
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from episode_monitor.audit.records import Bare
from models.audit_checkpoint import (
    AuditCheckpoint,
    AuditRange,
    checkpoint_key,
    digest_of_ranges,
    encode_audit_checkpoint,
    link_hash,
)
from models.audit_digest import range_digest
from models.audit_signature import signed
from tests.agents.support import producing
from tests.replay.support import event

MONITOR = "episode-monitor"
PER_RANGE, PER_CHECKPOINT = 5, 2  # records, ranges


def events(count: int, project: str = "p") -> list[Bare]:
    """Records as they are in the topic, from offset 0 on."""
    return [Bare(n, project.encode(), event(project, n, "created", f"{project}-{n}", n + 1)) for n in range(count)]


def chain(
    records: Sequence[Bare], topic: str = "events", partition: int = 0, monitor: str = MONITOR,
    key: Ed25519PrivateKey | None = None, **fields: Any,
) -> list[AuditCheckpoint]:  # fmt: skip
    """The checkpoints of these records, five to a range and two ranges to a checkpoint; a rest is not covered."""
    found: list[AuditCheckpoint] = []
    size = PER_RANGE * PER_CHECKPOINT
    for start in range(0, len(records) // size * size, size):
        ranges = [
            AuditRange(records[at + PER_RANGE - 1].offset + 1, PER_RANGE, range_digest(records[at : at + PER_RANGE]))
            for at in range(start, start + size, PER_RANGE)
        ]
        checkpoint = AuditCheckpoint(
            monitor_id=monitor, topic=topic, partition=partition, sequence=len(found),
            offset_from=found[-1].offset_to if found else records[0].offset, offset_to=ranges[-1].offset_to,
            records=size, ranges=ranges, digest=digest_of_ranges(ranges), state_digest=None, rules_digest="r",
            projects=1, at="2026-01-01T00:00:00.000Z", software="0.1.0",
            previous=link_hash(found[-1]) if found else "",
        )  # fmt: skip
        checkpoint = msgspec.structs.replace(checkpoint, **fields)
        found.append(checkpoint if key is None else signed(checkpoint, key))
    return found


async def make_topic(broker: str, name: str, partitions: int = 1) -> None:
    """An empty one."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1)])
    finally:
        await admin.close()


async def write(broker: str, topic: str, records: Sequence[Bare], partition: int = 0) -> None:
    """Records in order."""
    async with producing(broker) as producer:
        for each in records:
            headers: Any = list(each.headers)
            at = {"partition": partition, "timestamp_ms": each.timestamp}
            await producer.send(topic, each.value, key=each.key, headers=headers, **at)
        await producer.flush()


async def write_ledger(broker: str, topic: str, checkpoints: Sequence[AuditCheckpoint], partitions: int = 1) -> None:
    """Checkpoints of any chains."""
    async with producing(broker) as producer:
        for each in checkpoints:
            key = checkpoint_key(each.monitor_id, each.topic, each.partition)
            place = each.partition % partitions
            await producer.send(topic, encode_audit_checkpoint(each), key=key, partition=place)
        await producer.flush()
