"""A worker's audit checkpoints on a real broker: one chain, over every end that a worker may come to."""

import asyncio
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, TopicAuthorizationFailedError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from agents import auditing
from agents.config import AgentsConfig, AuditConfig
from agents.engine import auditor as auditor_module
from agents.kafka.topics import TopicMismatch, connected_admin
from faults.evidence import read_log
from faults.oracle_audit import AuditChain
from models.audit_checkpoint import AuditCheckpoint, checkpoint_key, decode_audit_checkpoint
from models.audit_signature import fault_of_signature, signed
from testbed.worker_handle import WorkerHandle
from testbed.worker_process import Orders, audited_names, make_core
from tests.agents.support import Rig, config_for, created, make_topics, now_ms, producing, running, send, until
from tests.agents.test_unreadable_batches import damaged_disk
from tests.conftest import BROKER_KIND

pytestmark = pytest.mark.broker

CORE = make_core()


def audited(broker: str, prefix: str, folder: Path, audit: AuditConfig | None = None) -> AgentsConfig:
    audit = audit or AuditConfig(every_seconds=0.1, software="1.2.3")
    return config_for(broker, prefix, folder, topics=audited_names(prefix), audit=audit)


async def checked(broker: str, config: AgentsConfig, number: int = 0) -> list[AuditCheckpoint]:
    """The checkpoints of a partition, after they were found to be one chain over all of its records."""
    events = await read_log(broker, config.topics.events, number)
    audit = await read_log(broker, config.topics.audit, number)
    name = checkpoint_key(config.monitor_id, config.topics.events, number).decode()
    chain = AuditChain(CORE, name, events, audit, now_ms())
    assert list(chain.check()) == []
    return [each for each in map(decode_audit_checkpoint, chain.checkpoints) if isinstance(each, AuditCheckpoint)]


async def until_audited(rig: Rig, taken: int) -> None:
    """Wait until it has taken so many offsets of its partitions, and the topic covers all of them."""

    def is_audited() -> bool:
        owned = rig.owned.values()
        covered = [each.audit.chain.audited_to for each in owned if each.audit is not None]
        return sum(each.position for each in owned) == sum(covered) == taken

    await until(is_audited, f"checkpoints up to {taken}")


async def test_checkpoints_are_one_chain_over_restarts_and_count_what_is_no_event(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = audited(broker, topic_prefix, tmp_path)
    events = config.topics.events
    for begin in (0, 6):
        rig = Rig(config)
        async with running(rig), producing(broker) as producer:
            for number in range(begin + 1, begin + 4):
                await send(producer, events, 0, b"p", created("p", number))
                await until_audited(rig, number)
            await send(producer, events, 0, b"p", b"{ no event")
            await send(producer, events, 0, b"p", None)
            await send(producer, events, 0, None, created("q", begin + 1), [("ce_x", b"svc"), ("other", b"x")])
            await until(lambda rig=rig, end=begin + 6: rig.owned[0].position == end)  # type: ignore[misc]
        assert rig.stops == []
    found = await checked(broker, config)
    assert sum(each.records for each in found) == 12
    assert (found[-1].offset_to, found[-1].projects, found[-1].software) == (12, 2, "1.2.3")
    assert found[-1].state_digest is not None
    assert await read_log(broker, config.topics.audit, 1) == [], "a partition that does not move has none"


async def test_with_a_key_they_are_signed(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    config = audited(
        broker, topic_prefix, tmp_path, AuditConfig(every_seconds=0.1, software="1", sign=partial(signed, key=key))
    )
    rig = Rig(config)
    async with running(rig), producing(broker) as producer:
        for number in (1, 2):
            await send(producer, config.topics.events, 0, b"p", created("p", number))
            await until_audited(rig, number)
    found = await checked(broker, config)
    assert len(found) == 2
    assert [fault_of_signature(each, key.public_key()) for each in found] == ["", ""]


@pytest.mark.parametrize("place", ["audit decided", "audit stored", "audit sent", "audit cleared"])
async def test_a_worker_that_is_killed_leaves_one_chain(
    broker: str, topic_prefix: str, tmp_path: Path, place: str
) -> None:
    orders = Orders(bootstrap_servers=broker, prefix=topic_prefix, status_file="", partitions=1, audit_seconds=0.1)
    config = audited(broker, topic_prefix, tmp_path)
    await make_topics(broker, config, 1)
    with WorkerHandle(tmp_path, "w", orders) as worker:
        async with producing(broker) as producer:
            number = 0
            for passing in (2, 1):
                worker.start(fault_at=place, fault_on=passing)
                while worker.returncode is None:
                    number += 1
                    await send(producer, config.topics.events, 0, b"p", created("p", number))
                    await asyncio.sleep(0.05)
                assert worker.returncode == -signal.SIGKILL, worker.log_text()
            worker.start()

        def has_stored_all() -> bool:
            status = worker.status()
            return status is not None and 0 in status.partitions and status.partitions[0].committed == number

        await until(has_stored_all, worker.log_text())
        assert await worker.stop() == 0
    found = await checked(broker, config)
    assert len(found) >= 2
    assert sum(each.records for each in found) == number


async def test_the_chain_goes_on_with_the_next_owner(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    config = audited(broker, topic_prefix, tmp_path)
    one, two = Rig(config), Rig(config)
    async with running(one), producing(broker) as producer:

        async def send_to_both(number: int) -> None:
            for partition in (0, 1):
                project = f"p{partition}"
                await send(producer, config.topics.events, partition, project.encode(), created(project, number))

        await send_to_both(1)
        await until_audited(one, 2)
        async with running(two, partitions=None):
            await until(lambda: one.is_live(1) and two.is_live(1), "one partition each")
            await send_to_both(2)
            await until_audited(one, 2)
            await until_audited(two, 2)
        await until(lambda: one.is_live(2), "the other's partition")
        await send_to_both(3)
        await until_audited(one, 6)
    for partition in (0, 1):
        found = await checked(broker, config, partition)
        assert [(each.offset_from, each.offset_to) for each in found] == [(0, 1), (1, 2), (2, 3)]
        assert all(each.state_digest is not None for each in found)


async def test_batches_of_every_codec_are_covered(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    config = audited(broker, topic_prefix, tmp_path)
    rig = Rig(config)
    async with running(rig):
        number = 0
        for codec in ("gzip", "snappy", "lz4", "zstd"):
            async with producing(broker, compression_type=codec, linger_ms=50) as producer:
                for _ in range(5):
                    number += 1
                    await producer.send(config.topics.events, created("p", number), key=b"p", partition=0)
        await until_audited(rig, 20)
    assert sum(each.records for each in await checked(broker, config)) == 20


@pytest.mark.skipif(BROKER_KIND != "apache", reason="needs Apache Kafka: run with TEST_BROKER=apache")
async def test_of_transactions_only_the_committed_records_count(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    config = audited(broker, topic_prefix, tmp_path)
    rig = Rig(config)
    async with running(rig), producing(broker, transactional_id=f"{topic_prefix}-tx") as producer:
        for number, is_kept in ((1, True), (2, False), (3, True)):
            await producer.begin_transaction()
            await producer.send(config.topics.events, created("p", number), key=b"p", partition=0)
            await (producer.commit_transaction() if is_kept else producer.abort_transaction())
        await until_audited(rig, 6)
    found = await checked(broker, config)
    assert (found[-1].offset_to, sum(each.records for each in found)) == (6, 2)


async def test_after_the_changelog_is_lost_a_new_chain_says_where_it_begins(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = audited(broker, topic_prefix, tmp_path)
    for end in (1, 2):
        rig = Rig(config)
        async with running(rig), producing(broker) as producer:
            await send(producer, config.topics.events, 0, b"p", created("p", end))
            await until_audited(rig, end)
        async with connected_admin(broker) as admin:
            await admin.delete_topics([config.topics.changelog])
    found = [decode_audit_checkpoint(record.value) for record in await read_log(broker, config.topics.audit, 0)]
    seen = [(each.sequence, each.previous, each.offset_from) for each in found if isinstance(each, AuditCheckpoint)]
    beginnings = [each for each in seen if each[0] == 0]  # the second chain may have a checkpoint for each record
    assert beginnings == [(0, "", 0), (0, "", 0)]


async def test_a_batch_that_cannot_be_read_is_covered_as_every_reader_sees_it(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    config = audited(broker, topic_prefix, tmp_path)
    await make_topics(broker, config)
    with damaged_disk(b"words on a bad sector"):
        rig = Rig(config)
        async with running(rig), producing(broker) as producer:
            for number, error in ((1, None), (2, "words on a bad sector"), (3, None)):
                await send(producer, config.topics.events, 0, b"p", created("p", number, error=error))
            await until_audited(rig, 3)
        found = await checked(broker, config)
    assert (rig.stops, sum(each.records for each in found)) == ([], 3)


async def test_where_the_topic_cannot_be_made_a_worker_starts_without_checkpoints_and_says_why(
    broker: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object) -> dict[str, int]:
        raise TopicMismatch("Topic a could not be created: no.")

    monkeypatch.setattr(auditing, "ensure_audit_topic", refused)
    rig = Rig(audited(broker, topic_prefix, tmp_path))
    async with running(rig), producing(broker) as producer:
        await send(producer, rig.topics.events, 0, b"p", created("p", 1))
        await until(lambda: rig.outcome("applied") == 1 and rig.is_stored())
        auditor = rig.runtime.engine.auditor
        assert auditor is not None
        assert (auditor.problem, auditor.written) == ("Topic a could not be created: no.", 0)
        assert [owned.audit for owned in rig.owned.values()] == [None, None]
    assert rig.stops == []


async def tracked_without_checkpoints(rig: Rig, producer: AIOKafkaProducer) -> str:
    """What a worker says that tracks events while its checkpoints are not taken."""
    auditor = rig.runtime.engine.auditor
    assert auditor is not None
    await send(producer, rig.topics.events, 0, b"p", created("p", 1))
    await until(lambda: auditor.problem != "", "a cause")
    await send(producer, rig.topics.events, 0, b"p", created("p", 2))
    await until(lambda: rig.outcome("applied") == 2 and rig.is_stored())
    assert rig.owned[0].audit is not None
    assert (rig.owned[0].audit.chain.audited_to, auditor.written) == (0, 0)
    return auditor.problem


@pytest.mark.parametrize("refusal", [MessageSizeTooLargeError, TopicAuthorizationFailedError, None])
async def test_where_checkpoints_are_not_taken_events_are_tracked_and_the_cause_is_said(
    broker: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: type[KafkaError] | None
) -> None:
    """None: no answer."""
    monkeypatch.setattr(auditor_module, "SLOW_SECONDS", 0.2)
    monkeypatch.setattr(auditor_module, "PAUSE_SECONDS", 0.1)
    config = audited(broker, topic_prefix, tmp_path)
    rig = Rig(config)
    real, is_refused = rig.runtime.producer.send, True

    async def send_or_not(topic: str, *args: Any, **options: Any) -> Any:
        if topic != config.topics.audit or not is_refused:
            return await real(topic, *args, **options)
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        if refusal is not None:
            answer.set_exception(refusal())
        return answer

    monkeypatch.setattr(rig.runtime.producer, "send", send_or_not)
    with capture_logs() as logs:
        async with running(rig), producing(broker) as producer:
            problem = await tracked_without_checkpoints(rig, producer)
            if refusal is not None:
                is_refused = False
                await until_audited(rig, 2)
                assert rig.runtime.engine.auditor is not None
                assert rig.runtime.engine.auditor.problem == ""
    assert problem.startswith(f"Audit checkpoints cannot be written to {config.topics.audit}: ")
    assert len([line for line in logs if line["event"] == "audit checkpoints wait for their topic"]) == 1
    assert rig.stops == []
    if refusal is not None:
        assert len(await checked(broker, config)) == 2


@pytest.mark.skipif(BROKER_KIND != "apache", reason="needs Apache Kafka: run with TEST_BROKER=apache")
async def test_without_the_topic_events_are_tracked_and_the_cause_is_said(
    broker: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditor_module, "SLOW_SECONDS", 0.5)
    rig = Rig(audited(broker, topic_prefix, tmp_path))
    async with running(rig), producing(broker) as producer:
        async with connected_admin(broker) as admin:
            await admin.delete_topics([rig.topics.audit])
        assert "check that the topic exists" in await tracked_without_checkpoints(rig, producer)
    assert rig.stops == []
