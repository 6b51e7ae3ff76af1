"""Scenarios of producers: compression, aborted and open transactions, wrong clocks and added partitions, while workers
die."""

import asyncio
import time
from typing import Any

from aiokafka import AIOKafkaProducer

from faults.feed import Feed, Record
from faults.hostile import created
from faults.scenario import die_at_random, scenario
from faults.sending import CODECS, Sender, Style
from faults.stage import Stage

OPEN_SECONDS = 7.0  # longer than STALLED_SECONDS of a fault run
ADDED = 2
LATER_RECORDS = 200
LATER_PROJECTS = 10


@scenario("compressed", weight=2, styles=tuple(Style(codec) for codec in CODECS))
async def compressed(stage: Stage) -> None:
    """Five producers, each with another codec, while workers die."""
    await die_at_random(stage)


@scenario("taken-back", weight=2, styles=tuple(Style(codec, True, 0.8) for codec in ("none", "lz4", "zstd")))
async def taken_back(stage: Stage) -> None:
    """Three producers in transactions at once, most of which follow one that is aborted, while workers die."""
    await die_at_random(stage)


@scenario("clocks-ahead", weight=2, ahead_ms=240_000)
async def clocks_ahead(stage: Stage) -> None:
    """The clocks of a third of the producers are four minutes ahead, while workers die."""
    await die_at_random(stage)


@scenario("skewed-clocks", weight=1, is_skewed=True)
async def skewed_clocks(stage: Stage) -> None:
    """Producers' clocks are ahead by almost five minutes, behind by ten, jump ahead or differ within a project, while
    workers die."""
    await die_at_random(stage)


@scenario("open-transaction", weight=1, seconds=9.0, styles=(Style("snappy"), Style("gzip", True)))
async def open_transaction(stage: Stage) -> None:
    """A transaction stays open and holds back all later records, then is aborted. Workers wait, and those that die
    meanwhile continue where they were."""
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
        answers = [await stage.ask(worker, "/readyz") for worker in stage.running()]
        if not any(body and body["lag"] for _, body in answers):
            stage.wrong.append(f"No worker counted the records behind an open transaction as lag: {answers}.")
        await producer.abort_transaction()
    finally:
        await producer.stop()
    for name in ("a", "b"):
        if not stage.workers[name].is_running:
            await stage.start(name)


@scenario("partitions-added", weight=1, seconds=4.0, keeps_places=True)
async def partitions_added(stage: Stage) -> None:
    """Two partitions are added to the events, with projects of their own, and a worker dies meanwhile. Workers must
    read them, and the projects in the old ones must not change."""
    await stage.start("a", "b")
    await stage.live("a", "b")
    old, new = stage.partitions, stage.partitions + ADDED
    await stage.add_partitions(ADDED)
    began = time.monotonic()
    stage.deaths["partitions added"] += 1
    if stage.rnd.random() < 0.5:
        await asyncio.sleep(stage.rnd.uniform(0.0, 3.0))
        await stage.kill("b")
        await stage.start("b")
    feed = Feed(stage.plan.seed + 1, LATER_RECORDS, stage.evidence.wall_ms, projects=LATER_PROJECTS)
    later = [_of_later_projects(record) for record in feed.records() if record.key is not None]
    sender = Sender(
        stage.plan.bootstrap_servers, stage.topics.events, stage.evidence, stage.rnd,
        lambda key: old + sum(key) % (new - old),
    )  # fmt: skip
    await sender.run(later, 2.0, stage.plan.styles, f"{stage.plan.prefix}later")
    await stage.live("a", "b")
    stage.figures["added_partitions_live_seconds"] = time.monotonic() - began


def _of_later_projects(record: Record) -> Record:
    key, value = record.key or b"", record.value
    return Record(
        key.replace(b"proj_", b"later_"),
        None if value is None else value.replace(b"proj_", b"later_").replace(b'"ev-', b'"ev-later-'),
    )
