"""What producers of events do while workers die: they compress, take back, leave transactions open, have clocks that
are wrong, and find partitions added."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewPartitions

from episode_monitor.exits import ExitCode
from tests.faults.hostile import created
from tests.faults.scenario import die_at_random, scenario
from tests.faults.sending import CODECS, Style
from tests.faults.stage import CRASHED, Stage, admin

OPEN_SECONDS = 7.0  # longer than STALLED_SECONDS of a fault run
NOTICED_SECONDS = 15.0


@scenario("compressed", weight=2, styles=tuple(Style(codec) for codec in CODECS))
async def compressed(stage: Stage) -> None:
    """Five producers, each with another codec, while workers die."""
    await die_at_random(stage)


@scenario("taken-back", weight=2, styles=tuple(Style(codec, True, 0.8) for codec in ("none", "lz4", "zstd")))
async def taken_back(stage: Stage) -> None:
    """Three producers in transactions at once, most of which follow one that is aborted, while workers die."""
    await die_at_random(stage)


@scenario("open-transaction", weight=1, seconds=9.0, styles=(Style("snappy"), Style("gzip", True)))
async def open_transaction(stage: Stage) -> None:
    """A transaction stays open and holds back whatever others send behind it, then is aborted. Workers wait, and those
    that die meanwhile go on where they were."""
    producer: Any = AIOKafkaProducer(
        bootstrap_servers=stage.plan.bootstrap_servers, transactional_id=f"{stage.plan.prefix}open"
    )
    await stage.start("a", "b")
    await stage.live("a", "b")
    await producer.start()
    try:
        await producer.begin_transaction()
        for number in range(stage.plan.partitions):
            value = created("never_there", number + 1, stage.evidence.wall_ms)
            await producer.send_and_wait(stage.topics.events, value, b"never_there", partition=number)
        await asyncio.sleep(stage.rnd.uniform(0.0, 1.0))
        await stage.kill(stage.rnd.choice(("a", "b")))
        await asyncio.sleep(OPEN_SECONDS)
        await producer.abort_transaction()
    finally:
        await producer.stop()
    for name in ("a", "b"):
        if not stage.workers[name].is_running:
            await stage.start(name)


@scenario("partitions-added", weight=0, seconds=3.0, keeps_places=True)
async def partitions_added(stage: Stage) -> None:
    """The events get two partitions more. A worker ends with the reason, and so does each next one: state belongs to a
    partition. A monitor with a new id has everything, of the old partitions and of the new ones."""
    await stage.start("a")
    await stage.live("a")
    worker = stage.workers["a"]
    worker.wanted = False
    async with admin(stage.plan.bootstrap_servers) as client:
        await client.create_partitions({stage.topics.events: NewPartitions(stage.plan.partitions + 2)})
    code = await worker.ended(NOTICED_SECONDS)
    stage.deaths["partitions added"] += 1
    if code != CRASHED:
        stage.wrong.append(f"A worker whose topic got more partitions ended with {code} instead of {CRASHED}.")
    await stage.start("a")
    worker.wanted = False
    code = await worker.ended()
    if code != ExitCode.USAGE:
        stage.wrong.append(f"A worker started on more partitions ended with {code} instead of {int(ExitCode.USAGE)}.")
    if f"Topic {stage.topics.events} has 6 partitions" not in worker.log_text():
        stage.wrong.append("A worker whose topic got more partitions did not say so.")
    await stage.begin_anew("-anew", stage.plan.partitions + 2)
    await stage.start("b")
    await stage.live("b")
