"""One command, several processes, seen as one worker: one address, one count of events, one end."""

import asyncio
import os
import signal
from collections import Counter
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from episode_monitor.demo.ports import free_port
from episode_monitor.demo.programs import Program
from examples.load_driver.events import episode_events
from testbed.monitor_settings import monitor_settings
from tests.system.running import ask, ready, until, view

pytestmark = pytest.mark.broker

PROJECTS, OPERATIONS, PARTITIONS, PROCESSES = 30, 1500, 4, 3


class _Processes(Program):
    start_seconds = 120.0  # each process imports all for itself


def processes(broker: str, prefix: str, count: int = PROCESSES, **settings: str) -> Program:
    """A worker of several processes; not started."""

    def environment(port: int) -> dict[str, str]:
        return {
            **monitor_settings(broker, prefix), "EVENTS_PARTITIONS": str(PARTITIONS), "TOPIC_REPLICATION_FACTOR": "1",
            "LOG_FORMAT": "json", "MONITORING_PORT": str(port), **settings,
        }  # fmt: skip

    words = ["episode_monitor", "worker", "--processes", str(count)]
    return _Processes("worker", words, free_port(), environment, "/livez")


def log_of(program: Program) -> list[dict[str, Any]]:
    """Its lines; the last one may be half written."""
    found = []
    for line in program.log.read_bytes().splitlines():
        try:
            found.append(msgspec.json.decode(line))
        except msgspec.DecodeError:
            continue
    return found


def pids(program: Program) -> dict[int, int]:
    """The newest process at each number."""
    return {each["number"]: each["pid"] for each in log_of(program) if each["event"] == "process started"}


def samples(program: Program, name: str) -> dict[str, float]:
    """The values of a metric by the values of its labels; none while nobody answers."""
    _, body = ask(program, "/monitoring/episodes/metrics/export?format=json")
    return {",".join(each["labels"].values()): each["value"] for each in (body or {}).get(name, ())}


def applied(program: Program) -> float:
    return samples(program, "episode_monitor_events_total").get("applied", 0.0)


def answer(program: Program, path: str) -> Any:
    """A view as soon as it is given: while partitions move, it is not."""
    return until(lambda: view(program, path), f"answer of {path}")


async def stored(broker: str, prefix: str, count: int) -> None:
    """Wait until the group has committed so many records: a process that dies before that has them counted again."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    partitions = [TopicPartition(f"{prefix}events", number) for number in range(PARTITIONS)]
    await admin.start()
    try:
        async with asyncio.timeout(60):
            while True:
                known = await admin.list_consumer_group_offsets(f"{prefix}monitor", partitions=partitions)
                if sum(max(0, each.offset) for each in known.values()) == count:
                    return
                await asyncio.sleep(0.1)
    finally:
        await admin.close()


async def feed(broker: str, prefix: str, records: list[tuple[bytes, bytes]]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker, acks="all") as producer:
        for key, value in records:
            await producer.send(f"{prefix}events", value, key)
        await producer.flush()


def code_after(program: Program, number: signal.Signals) -> int:
    """Its exit code after a signal to the supervisor."""
    process = program._process
    assert process is not None
    os.kill(process.pid, number)
    until(lambda: process.returncode is not None, "end of all processes")
    assert process.returncode is not None
    return process.returncode


def ended(program: Program) -> list[int]:
    """The numbers of the processes that have ended, in order."""
    return [each["number"] for each in log_of(program) if each["event"] == "process ended"]


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def owners(program: Program) -> Counter[int]:
    """How many live partitions there are of each number."""
    _, body = ask(program, "/readyz")
    return Counter(each["partition"] for each in (body or {"partitions": ()})["partitions"])


async def test_three_processes_are_one_worker_and_lose_nothing_when_one_is_killed(
    broker: str, topic_prefix: str
) -> None:
    records = list(episode_events(11, PROJECTS, OPERATIONS, lost_ratio=0.01, twice_ratio=0.005))
    half = len(records) // 2
    created = Counter(key.decode() for key, value in records if b'"episode.created"' in value)
    with processes(broker, topic_prefix) as worker:
        until(
            lambda: ready(worker) and owners(worker) == Counter(range(PARTITIONS)),
            "three ready processes with 4 partitions",
        )
        assert ask(worker, "/readyz")[1]["parts"]["processes"] == "ok"
        await feed(broker, topic_prefix, records[:half])
        until(lambda: applied(worker) == half, "the first half, counted over all processes")
        await stored(broker, topic_prefix, half)
        before = pids(worker)
        os.kill(before[2], signal.SIGKILL)
        until(lambda: pids(worker).get(2) != before[2], "another process in its place")
        assert applied(worker) >= half, "what the killed one had counted is still counted"
        await feed(broker, topic_prefix, records[half:])
        until(lambda: ready(worker) and owners(worker) == Counter(range(PARTITIONS)), "three ready processes again")
        of_fleet = float(sum(created.values()))
        until(lambda: samples(worker, "episode_operations_total").get("true") == of_fleet, "the fleet's operations")
        for project, count in sorted(created.items()):
            found = answer(worker, f"/integrity/project/{project}")
            assert (found["total_episodes"], found["resends"]) == (count, 0)
        assert answer(worker, "/integrity/summary")["total_projects"] == PROJECTS
        if ended(worker) == [2]:  # a starved one may give up as well, and what it had not stored is counted again
            until(lambda: applied(worker) == len(records), "all events, each counted once")
        assert code_after(worker, signal.SIGTERM) == 0
        assert all(is_gone(pid) for pid in pids(worker).values())
        assert {each["process"] for each in log_of(worker)} == {"supervisor", 1, 2, 3}


async def test_processes_are_restarted_one_after_the_other_while_the_port_answers_and_counters_go_on(
    broker: str, topic_prefix: str
) -> None:
    records = list(episode_events(12, PROJECTS, 400))
    with processes(broker, topic_prefix, 2) as worker:
        until(lambda: ready(worker) and owners(worker) == Counter(range(PARTITIONS)), "two ready processes")
        await feed(broker, topic_prefix, records)
        until(lambda: applied(worker) == len(records), "all events")
        before = pids(worker)
        os.kill(worker._process.pid, signal.SIGUSR1)  # type: ignore[union-attr]
        answers = Counter[int]()

        def are_replaced() -> bool:
            answers[ask(worker, "/livez")[0]] += 1
            now = pids(worker)
            return now[1] != before[1] and now[2] != before[2]

        until(are_replaced, "two other processes", 180.0)
        until(lambda: ready(worker) and owners(worker) == Counter(range(PARTITIONS)), "two ready processes", 120.0)
        assert set(answers) == {200}
        assert samples(worker, "episode_monitor_events_total")["applied"] == len(records)
        assert ended(worker) == [1, 2]
        assert code_after(worker, signal.SIGINT) == 0
