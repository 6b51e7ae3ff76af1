"""Producers whose partitioners differ, and one that sends no keys: projects in several partitions are named, counted
once and raise no alert about numbers, while a gap of a whole project does."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from confluent_kafka import Producer

from episode_monitor.demo.programs import Program
from testbed.monitor_settings import monitor_settings
from tests.system.running import ask, ready, until, view, worker
from tests.system.test_commands import run

PARTITIONS = 4
HALVED = ["split-b", "split-c", "split-d"]  # split-a has one partition by murmur2 and CRC32: 1
LAST = 20
PARTS = {"split-b": [2, 3], "split-c": [1, 3], "split-d": [0, 2], "nokey": [0, 1, 2, 3]}
WHOLE = "proj_123"  # both say: partition 1 by murmur2; it is sent by murmur2 alone


def event(project: str, number: int, began: float) -> bytes:
    """An episode was created, two minutes ago and later."""
    return json.dumps(
        {
            "event_id": f"{project}-{number}",
            "type": "episode.created",
            "project_id": project,
            "occurred_at": int((began - 120 + number) * 1000),
            "episode_id": f"{project}-{number}",
            "episode_number": number,
        }
    ).encode()


def send(broker: str, topic: str) -> None:
    """Odd numbers as Java's client would send them, even ones as librdkafka does unless told otherwise."""
    began = time.time()
    single = {"bootstrap.servers": broker, "batch.num.messages": 1}  # the embedded broker counts batches in its ends
    odd = Producer(single | {"partitioner": "murmur2_random"})
    even = Producer(single)
    for number in range(1, LAST + 1):
        for project in ["split-a", *HALVED]:
            (odd if number % 2 else even).produce(topic, event(project, number, began), project)
        even.produce(topic, event("nokey", number, began), partition=number % PARTITIONS)
        if number != 7:
            odd.produce(topic, event(WHOLE, number, began), WHOLE)
    assert odd.flush(30) == even.flush(30) == 0


async def told(broker: str, topic: str) -> set[tuple[str, str]]:
    """Project and type of every alert that is in the topic, once there is one."""
    for _ in range(100):
        found = await all_in(broker, topic)
        if found:
            return found
        await asyncio.sleep(0.2)
    raise AssertionError("nothing was told")


async def all_in(broker: str, topic: str) -> set[tuple[str, str]]:
    """All that is there now."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=broker, auto_offset_reset="earliest")
    await consumer.start()
    try:
        found: set[tuple[str, str]] = set()
        ends = await consumer.end_offsets(consumer.assignment())
        for partition, end in ends.items():
            while await consumer.position(partition) < end:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    alerts = [json.loads(record.value or b"{}") for record in records]
                    found.update((alert["project_id"], alert["alert_type"]) for alert in alerts)
        return found
    finally:
        await consumer.stop()


@pytest.fixture(params=["before the events", "after the events"])
def one_worker(request: pytest.FixtureRequest, broker: str, topic_prefix: str) -> Iterator[list[Program]]:
    """One that sees the events come, or finds them."""
    with ExitStack() as running:
        program = worker(broker, topic_prefix, INTEGRITY_CHECK_INTERVAL_MINUTES="1440")
        if request.param == "before the events":
            running.enter_context(program)
            until(lambda: ready(program), "ready worker")
            send(broker, f"{topic_prefix}events")
        else:
            with worker(broker, topic_prefix, MONITOR_ID=f"{topic_prefix}first") as first:  # makes the topics
                until(lambda: ready(first), "ready worker")
            send(broker, f"{topic_prefix}events")
            running.enter_context(program)
        yield [program]


@pytest.mark.broker
async def test_with_one_worker(one_worker: list[Program], broker: str, topic_prefix: str) -> None:
    await asyncio.to_thread(expect_splits_and_one_gap, one_worker)
    assert await told(broker, f"{topic_prefix}alerts") == {(WHOLE, "INTEGRITY_VIOLATION")}
    settings = monitor_settings(broker, topic_prefix)
    await asyncio.to_thread(expect_the_commands_to_name_them, settings)


def expect_the_commands_to_name_them(settings: dict[str, str]) -> None:
    """`doctor` with and without what a worker has told, and `replay`."""
    for monitor in (settings["MONITOR_ID"], None):
        if monitor is None:
            assert run("topics", "ensure", **settings | {"MONITOR_ID": "nobody"}).code == 0
        ran = run("doctor", "--json", **settings | {"MONITOR_ID": monitor or "nobody"})
        assert ran.code == 1
        (found,) = [one for one in ran.json if one["part"] == "partitioning"]
        assert found["verdict"] == "wrong"
        assert found["sentence"].startswith("4 projects are in several partitions")
        assert "split-b: Its records are in several partitions (partition 2: where murmur2 puts" in found["sentence"]
        assert "nokey: Its records are in several partitions (partition 0: without a key" in found["sentence"]
    replayed = run("replay", "--json", "--until", "2100-01-01T00:00:00Z", **settings)
    assert replayed.code == 1
    assert replayed.json["split"] == PARTS
    assert (replayed.json["projects"], replayed.json["gaps"]) == (6, 1)
    assert replayed.json["firings"]["episode_integrity"] == 1


@pytest.mark.apache
async def test_with_two_workers(broker: str, topic_prefix: str) -> None:
    with worker(broker, topic_prefix) as left, worker(broker, topic_prefix) as right:
        until(lambda: shares(left) == shares(right) == 2, "two partitions each")
        send(broker, f"{topic_prefix}events")
        await asyncio.to_thread(expect_splits_and_one_gap, [left, right])
    assert await told(broker, f"{topic_prefix}alerts") == {(WHOLE, "INTEGRITY_VIOLATION")}


@pytest.mark.apache
async def test_when_partitions_are_added(broker: str, topic_prefix: str) -> None:
    """By murmur2 `a` belongs to partition 0 of four, and to 4 of eight."""
    topic, began = f"{topic_prefix}events", time.time()
    with worker(broker, topic_prefix) as running:
        until(lambda: ready(running), "ready worker")
        producer = Producer({"bootstrap.servers": broker})
        for number in range(1, 6):
            producer.produce(topic, event("a", number, began), "a", 0)
        assert producer.flush(30) == 0
        admin = AIOKafkaAdminClient(bootstrap_servers=broker)
        await admin.start()
        await admin.create_partitions({topic: NewPartitions(8)})
        await admin.close()
        until(lambda: shares(running) == 8, "worker with all partitions")
        producer = Producer({"bootstrap.servers": broker})
        for number in range(6, 11):
            producer.produce(topic, event("a", number, began), "a", 4)
        assert producer.flush(30) == 0
        found = until(lambda: split_of(running, "a"), "split view")
        assert [part["partition"] for part in found["split"]["partitions"]] == [0, 4]
        assert found["split"]["cause"] == "partitions_added"
        assert (found["total_episodes"], found["gaps"]) == (10, [])
        until(lambda: not view(running, "/integrity/project/a")["suspects"], "settled numbers")
        assert view(running, "/alerts/active")["alerts"] == []
    assert await all_in(broker, f"{topic_prefix}alerts") == set()


def split_of(each: Program, project: str) -> Any:
    """The view, once it is of all parts."""
    found: Any = view(each, f"/integrity/project/{project}")
    return found if found and found["split"] and found["total_episodes"] == 10 else None


def shares(program: Program) -> int:
    _, body = ask(program, "/readyz")
    return int(body["recovery"]["partitions_live"]) if body else 0


def expect_splits_and_one_gap(workers: list[Program]) -> None:
    """The same from each of them."""
    for each in workers:
        until(lambda each=each: settled(each), "settled view of the whole project")  # type: ignore[misc]
        until(lambda each=each: counts(each) == (6, 4, 1, 1, 0), "summary of what is stored")  # type: ignore[misc]
        for project, partitions in PARTS.items():
            found = view(each, f"/integrity/project/{project}")
            assert [part["partition"] for part in found["split"]["partitions"]] == partitions
            assert all(part["offset"] >= 0 for part in found["split"]["partitions"])
            assert (found["total_episodes"], found["max_number"], found["gaps"]) == (LAST, LAST, [])
        causes = {project: view(each, f"/integrity/project/{project}")["split"]["cause"] for project in PARTS}
        assert causes == dict.fromkeys(HALVED, "different_partitioners") | {"nokey": "no_key"}
        parts = view(each, "/integrity/project/split-b")["split"]["partitions"]
        assert [part["placed_by"] for part in parts] == ["murmur2", "crc32"]
        assert view(each, "/integrity/project/split-a")["split"] is None
        rows = view(each, "/integrity/projects?status=split&sort=project_id")
        assert [row["project_id"] for row in rows["projects"]] == ["nokey", *HALVED]
        assert rows["total"] == 4
        status, body = ask(each, "/readyz")
        assert status == 200
        assert body["parts"]["partitioning"].startswith("4 projects are in several partitions")
        assert [alert["project_id"] for alert in view(each, "/alerts/active")["alerts"]] == [WHOLE]
    said = [line for each in workers for line in log_lines(each) if "in several partitions" in line]
    assert {project for project in PARTS for line in said if project in line} == set(PARTS)


def settled(each: Program) -> bool:
    found: Any = view(each, f"/integrity/project/{WHOLE}")
    alerts: Any = view(each, "/alerts/active")
    return bool(found and found["gaps"] == [7] and alerts and alerts["alerts"])


def counts(each: Program) -> tuple[int, ...]:
    """Projects, split and unhealthy ones, gaps and duplicates; the fleet's counts come with a flush, after the view."""
    summary: Any = view(each, "/integrity/summary") or {}
    names = ("total_projects", "split_projects", "unhealthy_projects", "total_gaps", "total_duplicates")
    return tuple(summary.get(name, -1) for name in names)


def log_lines(each: Program) -> list[str]:
    """What the worker has written."""
    return Path(each.log).read_text().splitlines()
