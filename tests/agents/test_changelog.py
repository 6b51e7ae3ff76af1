"""The changelog on a real broker: what was written comes back, and who was shut out writes no more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from aiokafka.errors import ProducerFenced

from agents.engine.changelog import Changelog, PartitionLog, keep_newest
from agents.engine.producer import Producer
from agents.engine.stored_values import StoredValues
from agents.fetching.reading import reader
from faults.replay import Stored
from models.codec import decode_event
from models.event import Event
from streams.base import changelog_keys
from streams.base.checkpoint_types import Cursor
from streams.partition.drift_alerts import DriftAlerts, named
from streams.partition.drift_values import Drifting
from streams.partition.partition import Partition
from testbed.worker_process import make_core
from tests.agents.support import Rig, config_for, created, make_topics, producing, running, send, until

pytestmark = pytest.mark.broker


@asynccontextmanager
async def changelog(broker: str, prefix: str) -> AsyncIterator[Changelog]:
    """An empty one, its topic made as the monitor makes it."""
    config = config_for(broker, prefix, Path())
    await make_topics(broker, config)
    producer = Producer(broker)
    await producer.start()
    try:
        yield Changelog(config.topics.changelog, producer)
    finally:
        await producer.stop()


async def read(broker: str, log: PartitionLog) -> dict[bytes, bytes]:
    async with reader(broker) as consumer:
        values = StoredValues()
        await log.read(consumer, values)
        return dict(values.items())


async def test_the_last_value_of_each_key_comes_back_and_removed_keys_do_not(broker: str, topic_prefix: str) -> None:
    async with changelog(broker, topic_prefix) as topic:
        log, other = await topic.claim(0), await topic.claim(1)
        await log.write([(b"ca", b"1"), (b"cb", b"1"), (b"cc", b"1")])
        await log.write([(b"ca", b"2"), (b"cb", None)])
        await other.write([(b"ca", b"elsewhere")])
        assert await read(broker, log) == {b"ca": b"2", b"cc": b"1"}
        assert await read(broker, log) == {b"ca": b"2", b"cc": b"1"}, "reading changes nothing"
        await log.close()
        await other.close()


async def test_an_empty_log_reads_as_nothing(broker: str, topic_prefix: str) -> None:
    async with changelog(broker, topic_prefix) as topic:
        log = await topic.claim(1)
        told: list[int] = []
        async with reader(broker) as consumer:
            values = StoredValues()
            await log.read(consumer, values, told.append)
            assert not dict(values.items())
        assert told[-1] == 1, "its own marker"
        await log.close()


async def test_values_of_many_megabytes_and_many_batches_come_back(broker: str, topic_prefix: str) -> None:
    async with changelog(broker, topic_prefix) as topic:
        log = await topic.claim(0)
        written = {b"c%d" % number: bytes([number % 256]) * 40_000 for number in range(60)}  # five batches
        written |= {b"cx": b"x" * 600_000, b"cy": b"y" * 3_000_000, b"cz": b"z"}
        await log.write(written.items())
        assert await read(broker, log) == written
        assert topic.records_written == len(written) + 1
        await log.close()


async def test_a_write_in_batches_keeps_its_order(broker: str, topic_prefix: str) -> None:
    async with changelog(broker, topic_prefix) as topic:
        log = await topic.claim(0)
        await log.write((b"ca", b"%d" % number + b"x" * 5_000) for number in range(500))
        assert (await read(broker, log))[b"ca"].startswith(b"499x")
        await log.close()


@pytest.mark.apache
async def test_whoever_claims_a_partition_shuts_out_its_former_owner(broker: str, topic_prefix: str) -> None:
    async with changelog(broker, topic_prefix) as topic:
        former, other = await topic.claim(0), await topic.claim(1)
        await former.write([(b"ca", b"former")])
        heir = await topic.claim(0)
        assert await read(broker, heir) == {b"ca": b"former"}
        with pytest.raises(ProducerFenced):
            await former.write([(b"ca", b"a frozen worker wakes up")])
        await heir.write([(b"cb", b"heir")])
        assert await read(broker, heir) == {b"ca": b"former", b"cb": b"heir"}
        await other.write([(b"ca", b"nobody claimed this one")])
        await asyncio.gather(former.close(), heir.close(), other.close())


# --- the rule for brokers that cannot shut out


def values_of(events: int) -> dict[bytes, bytes]:
    """What a partition stores after so many events of one project."""
    store = Stored()
    core = make_core()
    drift_alerts = DriftAlerts(core)
    partition = Partition(core, 0, store, sections=(drift_alerts,))
    for offset in range(events):
        decoded = decode_event(b"p", created("p", offset + 1, occurred_at=1_000_000 + offset), (), 10_000_000)
        assert isinstance(decoded, Event)
        partition.take(decoded, offset)
        drift = Drifting(1000 + offset, 7, "missing_in_stream", 1, 1)
        drift_alerts.replace(named({f"p{offset}": drift}), 2000 + offset)
    changes = partition.collect()
    found = {key: value for key, value in changes.writes if value is not None}
    return {**found, changelog_keys.CURSOR: msgspec.msgpack.encode(changes.cursor)}


@pytest.mark.parametrize(
    "kind", [changelog_keys.HEAD, changelog_keys.TOTALS, changelog_keys.DRIFT, changelog_keys.CURSOR]
)
def test_an_older_state_does_not_replace_a_newer_one_that_was_written_before_it(kind: bytes) -> None:
    older, newer = values_of(2), values_of(5)
    (key,) = (key for key in newer if key[:1] == kind)
    values: dict[bytes, bytes] = {}
    for value in (newer[key], older[key]):
        keep_newest(values, key, value)
    assert values == {key: newer[key]}
    values = {}
    for value in (older[key], newer[key]):
        keep_newest(values, key, value)
    assert values == {key: newer[key]}


def test_an_older_chain_of_audit_checkpoints_does_not_replace_a_newer_one() -> None:
    older, newer = (msgspec.msgpack.encode([revision, 0, "", 0, 0, [], None]) for revision in (1, 2))
    values = {changelog_keys.AUDIT: newer}
    keep_newest(values, changelog_keys.AUDIT, older)
    assert values == {changelog_keys.AUDIT: newer}


def test_of_two_states_at_the_same_offset_the_later_one_counts() -> None:
    key = changelog_keys.CURSOR
    early, late = (msgspec.msgpack.encode(Cursor(7, clock_ms)) for clock_ms in (1, 2))
    values = {key: early}
    keep_newest(values, key, late)
    assert values == {key: late}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (changelog_keys.CURSOR, b"x"),
        (changelog_keys.TOTALS, b"\xc1"),
        (changelog_keys.HEAD + b"p", b""),
        (changelog_keys.DRIFT, b"\x90"),
        (changelog_keys.SPLIT + b"p", b""),
    ],
)
async def test_a_record_that_nobody_can_read_keeps_its_partition_alone_from_going_live(
    broker: str, topic_prefix: str, tmp_path: Path, key: bytes, value: bytes
) -> None:
    config = config_for(broker, topic_prefix, tmp_path)
    await make_topics(broker, config)
    async with producing(broker) as producer:
        await send(producer, config.topics.changelog, 0, key, value)
        rig = Rig(config)
        async with running(rig, None):
            await until(lambda: 0 in rig.owned and bool(rig.owned[0].problem), "it is said")
            assert f"Partition 0 of {config.topics.changelog} has a record that" in rig.owned[0].problem
            await send(producer, config.topics.events, 1, b"q", created("q", 1))
            await until(lambda: rig.outcome("applied") == 1)
    assert rig.stops == []
