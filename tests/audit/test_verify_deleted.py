"""`audit verify` and `replay` of a topic that Kafka has compacted, or whose beginning it has deleted."""

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.records_to_delete import RecordsToDelete

from episode_monitor.audit.records import Bare
from faults.evidence import read_log
from testbed.apache_kafka import ApacheKafka
from tests.audit.ledger import chain, events, make_topic, write, write_ledger
from tests.replay.support import event
from tests.system.test_commands import run

pytestmark = pytest.mark.apache  # the embedded broker neither compacts nor deletes

COMPACTED_AT_ONCE = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.01",
    "segment.ms": "200",  # the open segment is never compacted
    "min.compaction.lag.ms": "0",
}


async def compact_from_now_on(broker: str, topic: str) -> None:
    """Have Kafka compact a topic, all but the records written from now on."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, COMPACTED_AT_ONCE)])
    finally:
        await admin.close()
    await asyncio.sleep(0.3)  # longer than segment.ms, so that what follows begins a segment


async def until_left(broker: str, topic: str, offsets: list[int]) -> None:
    async with asyncio.timeout(60):
        while [record.offset for record in await read_log(broker, topic, 0)] != offsets:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.3)


async def test_records_that_compaction_removed_are_named_and_a_replay_takes_what_is_left() -> None:
    """22 records of p and q by turns. Compaction keeps the last of each; the last segment is never compacted."""
    records = [
        Bare(n, name.encode(), event(name, n, "created", f"{name}-{n}", n // 2 + 1))
        for n, name in enumerate(["p", "q"] * 11)
    ]
    async with ApacheKafka(settings={"log.cleaner.backoff.ms": "100"}) as kafka:
        broker = kafka.bootstrap_servers
        await make_topic(broker, "events")
        await write(broker, "events", records[:20])
        await make_topic(broker, "audit")
        await write_ledger(broker, "audit", chain(records, "events"))
        there = {"EVENTS_TOPIC": "events", "AUDIT_TOPIC": "audit", "KAFKA_BOOTSTRAP_SERVERS": broker}
        assert run("audit", "verify", **there).code == 0
        await compact_from_now_on(broker, "events")
        await write(broker, "events", records[20:])
        await until_left(broker, "events", [18, 19, 20, 21])
        verified = run("audit", "verify", "--json", **there)
        assert (verified.code, verified.json["intact"]) == (1, False)
        [partition] = verified.json["partitions"]
        found = [(each["offset_from"], each["records_stated"], each["records_found"]) for each in partition["broken"]]
        assert found == [(0, 5, 0), (5, 5, 0), (10, 5, 0), (15, 5, 2)]
        replayed = run("replay", "--json", **there)
        assert (replayed.json["events"], replayed.json["suspects"], replayed.json["is_complete"]) == (4, 18, False)
        assert "events is compacted, which keeps only the last record of each key, so its gaps" in replayed.err


async def test_a_beginning_that_kafka_deleted_is_not_checked_and_the_rest_is_proven(
    broker: str, topic_prefix: str
) -> None:
    topic, audit = f"{topic_prefix}events", f"{topic_prefix}audit"
    await make_topic(broker, topic)
    await write(broker, topic, events(40))
    await make_topic(broker, audit)
    await write_ledger(broker, audit, chain(events(40), topic))
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(12)})
    finally:
        await admin.close()
    there = {"EVENTS_TOPIC": topic, "AUDIT_TOPIC": audit, "KAFKA_BOOTSTRAP_SERVERS": broker}
    ran = run("audit", "verify", "--json", **there)
    [partition] = ran.json["partitions"]
    assert (ran.code, ran.json["intact"], partition["records"]) == (0, True, 25)
    assert partition["unchecked"] == [{"partition": 0, "offset_from": 0, "offset_to": 15}]
    said = run("audit", "verify", **there).out
    assert "Partition 0: offsets 0 to 14 cannot be checked any more: Kafka has deleted their records.\n" in said
