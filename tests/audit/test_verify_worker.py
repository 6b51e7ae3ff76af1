"""`audit verify` of what a real worker wrote: intact after a kill -9, and one byte altered in a copy is named."""

import json
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from episode_monitor.audit.records import Bare
from testbed.monitor_settings import monitor_settings
from tests.agents.support import created, producing
from tests.audit.ledger import make_topic, write
from tests.system.running import ready, until, worker
from tests.system.test_commands import run

pytestmark = pytest.mark.broker
PROJECTS = [f"team/{name}" for name in "abcdefgh"]


async def _write_events(broker: str, topic: str, numbers: range) -> None:
    async with producing(broker) as producer:
        for number in numbers:
            for project in PROJECTS:
                await producer.send(topic, created(project, number), key=project.encode())
        await producer.flush()


async def _content(broker: str, topic: str, partition: int) -> list[Bare]:
    tp = TopicPartition(topic, partition)
    async with AIOKafkaConsumer(bootstrap_servers=broker, auto_offset_reset="earliest") as consumer:
        consumer.assign([tp])
        await consumer.seek_to_beginning(tp)
        found: list[Bare] = []
        while records := (await consumer.getmany(timeout_ms=1000)).get(tp):
            found += [Bare(r.offset, r.key, r.value, tuple(r.headers)) for r in records]
    return found


async def test_a_worker_killed_and_started_again_leaves_an_intact_chain_and_a_copy_is_held_against_it(
    broker: str, topic_prefix: str
) -> None:
    audit = {"AUDIT_TOPIC": f"{topic_prefix}audit", "AUDIT_CHECKPOINT_SECONDS": "1", "EVENTS_PARTITIONS": "2"}
    settings = monitor_settings(broker, topic_prefix) | audit
    topic = settings["EVENTS_TOPIC"]

    def verified(*words: str, covers: int = 0) -> Any:
        ran = run("audit", "verify", "--json", *words, **settings)
        report = json.loads(ran.out) if ran.out else {"partitions": []}
        return (ran, report) if sum(p["records"] for p in report["partitions"]) >= covers else None

    program = worker(broker, topic_prefix, **audit)
    with program:
        until(lambda: ready(program), "ready worker")
        await _write_events(broker, topic, range(1, 40))
        until(lambda: verified(covers=8 * 39), "first checkpoints")
        program.kill9()
        await _write_events(broker, topic, range(40, 80))
        program.start()
        until(lambda: ready(program), "ready worker")
        await _write_events(broker, topic, range(80, 100))
        ran, report = until(lambda: verified(covers=8 * 99), "checkpoints of all")
        assert (ran.code, report["intact"]) == (0, True), ran
        assert sum(p["state"]["compared"] for p in report["partitions"]) > 0, report

    copy = f"{topic_prefix}copy"
    await make_topic(broker, copy, 2)
    contents = [await _content(broker, topic, number) for number in (0, 1)]
    number = 0 if contents[0] else 1
    victim = contents[number][50]
    assert victim.value is not None
    contents[number][50] = Bare(50, victim.key, victim.value.replace(b"0.5", b"0.6"), victim.headers)
    for place, records in enumerate(contents):
        await write(broker, copy, records, place)
    ran, report = until(lambda: verified("--topic", copy), "report")
    assert ran.code == 1
    assert [(d["what"], d["partition"], d["offset"]) for d in report["records"]] == [("altered", number, 50)]
    said = run("audit", "verify", "--topic", copy, **settings).out
    assert f"Partition {number}: offset 50 has another content at 50 of the copy" in said
