"""A worker whose stored values lie in a file: killed, started again, and with a disk that fails."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from agents.config import AuditConfig
from agents.engine.ownership import Owned
from agents.engine.recovery import Recovery
from agents.engine.stored_values import StoredValues, StoredValuesAreLost
from examples.load_driver.events import episode_events
from models.integrity_views import ProjectView
from streams.base import changelog_keys
from streams.base.value_log import SEGMENT_BYTES
from streams.partition.state_cache import StateCache
from streams.views.project_views import project_view
from testbed.worker_handle import WorkerHandle
from testbed.worker_process import Orders, audited_names, names
from tests.agents.support import Rig, config_for, created, producing, running, send, until
from tests.agents.test_value_file import files_in

pytestmark = pytest.mark.broker

PROJECTS = 300
OPERATIONS = 5000
PIECE = 500  # events between two flushes
Records = list[tuple[bytes, bytes]]


async def feed(producer: AIOKafkaProducer, topic: str, records: Records, partitions: int) -> None:
    for key, value in records:
        await producer.send(topic, value, key=key, partition=int(key[-1:]) % partitions)
    await producer.flush()


def open_files(pid: int) -> list[str]:
    """Those without a name."""
    folder = Path(f"/proc/{pid}/fd")
    return [link for each in folder.iterdir() if (link := os.readlink(each)).endswith(" (deleted)")]


def answers(rig: Rig) -> dict[str, ProjectView]:
    """What a reader is told of each project, apart from when."""
    found = {}
    for owned in rig.owned.values():
        for key in owned.partition.index.head_keys:
            state = owned.partition.look(changelog_keys.project_of(key))
            assert state is not None
            found[state.project_id] = msgspec.structs.replace(project_view(state, owned.number, 0), as_of="")
    return found


def is_settled(rig: Rig, events: int) -> bool:
    taken = sum(owned.committed for owned in rig.owned.values())
    return taken == events and rig.is_stored() and not any(view.suspects for view in answers(rig).values())


async def test_a_worker_that_is_killed_with_its_state_in_a_file_answers_as_one_that_has_all_in_memory(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    events = list(episode_events(7, PROJECTS, OPERATIONS, lost_ratio=0.01, twice_ratio=0.005, undo_ratio=0.01))
    topics, most = names(topic_prefix), 3 * len(events) // 4
    orders = Orders(
        bootstrap_servers=broker, prefix=topic_prefix, status_file="", partitions=1, state_memory_bytes=0,
        flush_interval_seconds=0.05, session_timeout_seconds=4.0, rebalance_timeout_seconds=4.0,
    )  # fmt: skip
    other = config_for(broker, f"{topic_prefix}-other", tmp_path)
    alone = Rig(msgspec.structs.replace(other, topics=msgspec.structs.replace(other.topics, events=topics.events)), 1)
    again = Rig(config_for(broker, topic_prefix, tmp_path, state_memory_bytes=0, rebalance_timeout_seconds=4.0), 1)
    with WorkerHandle(tmp_path, "w", orders) as worker:
        worker.start()
        async with running(alone, 1), producing(broker) as producer:
            await until(lambda: worker.committed() == 0, "a live partition")
            for begin in range(0, most, PIECE):
                await feed(producer, topics.events, events[begin : min(begin + PIECE, most)], 1)
                await until(lambda begin=begin: worker.committed() == min(begin + PIECE, most))  # type: ignore[misc]
            assert len(open_files(worker.process.pid)) == 1
            await feed(producer, topics.events, events[most:], 1)
            await until(lambda: worker.committed() > most)
            worker.kill9()
            async with running(again, 1):
                await until(lambda: is_settled(again, len(events)) and is_settled(alone, len(events)))
                assert len(answers(again)) == PROJECTS
                assert answers(again) == answers(alone)
                assert again.owned[0].store.far.in_use > 1
                assert len(alone.owned[0].store.far) == 0
    assert again.stops == alone.stops == []


def crowded(projects: int) -> Records:
    """Heads that fill more than a segment."""
    return [(b"p%d" % number, created(f"p{number}", 1, episode_id="e" * 200)) for number in range(projects)]


async def test_partitions_share_the_memory_and_give_their_files_back_when_they_leave(
    broker: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recover, begun = Recovery._recover_once, set[int]()

    async def fails_at_first(recovery: Recovery, owned: Owned) -> None:
        await recover(recovery, owned)
        if owned.number not in begun:
            begun.add(owned.number)
            raise KafkaConnectionError("once")

    monkeypatch.setattr(Recovery, "_recover_once", fails_at_first)
    audit = AuditConfig(every_seconds=0.1, software="test")
    config = config_for(broker, topic_prefix, tmp_path, topics=audited_names(topic_prefix), audit=audit)
    rig = Rig(msgspec.structs.replace(config, state_memory_bytes=3_000))
    async with running(rig), producing(broker) as producer:
        gc.disable()
        try:
            stores = [owned.new_store() for owned in rig.owned.values()]
            assert [store._room for store in stores] == [1_500, 1_500]
            await feed(producer, rig.topics.events, crowded(10), 2)
            await until(lambda: rig.outcome("applied") == 10 and rig.is_stored())
            for owned in rig.owned.values():
                fill(owned.store)
            assert len(files_in(tmp_path)) == 2
            del owned
            await rig.runtime.engine.revoke()
            await until(lambda: files_in(tmp_path) == [], "no file is left open")
        finally:
            gc.enable()


def fill(store: StoredValues) -> None:
    """Put so much in it that a segment goes to the file."""
    for number in range(3):
        store.put(changelog_keys.chunk("filler", number, 1), bytes(SEGMENT_BYTES - 1000))


async def test_a_disk_that_fails_ends_a_live_worker_with_a_sentence(
    broker: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(config_for(broker, topic_prefix, tmp_path, state_memory_bytes=0))
    async with running(rig), producing(broker) as producer:
        await send(producer, rig.topics.events, 0, b"p", created("p", 1))
        await until(lambda: rig.outcome("applied") == 1 and rig.is_stored())
        partition = rig.owned[0].partition
        fill(rig.owned[0].store)
        partition._cache = StateCache(100)
        monkeypatch.setattr(os, "pread", lambda descriptor, length, at: b"")
        await send(producer, rig.topics.events, 0, b"p", created("p", 2))
        await until(lambda: bool(rig.stops))
    sentence = f"StoredValuesAreLost('A file without a name in STATE_DIR at {tmp_path} does not give back"
    assert rig.stops[0].startswith(f"partition 0: {sentence}")


async def test_a_disk_that_fails_while_a_partition_is_read_back_is_no_record_of_another_version_and_not_kafka(
    broker: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: StoredValues) -> Iterator[tuple[bytes, bytes]]:
        raise StoredValuesAreLost("The disk fails.")

    monkeypatch.setattr(StoredValues, "items", fails)
    rig = Rig(config_for(broker, topic_prefix, tmp_path))
    async with running(rig, partitions=None):
        await until(lambda: len(rig.stops) == 2)
    assert sorted(rig.stops) == [f"partition {number}: StoredValuesAreLost('The disk fails.')" for number in (0, 1)]
