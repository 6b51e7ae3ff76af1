"""Scenarios of workers. Each injects its fault while events flow and leaves workers that can go on; the oracle checks
the outcome."""

import asyncio
import signal
import time
from statistics import median

from aiokafka import TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from agents.fetching.reading import reader, some_records
from faults import scenarios_of_dispatch, scenarios_of_processes, scenarios_of_producers, scenarios_of_versions
from faults.evidence import admin_client
from faults.scenario import SCENARIOS, Play, Scenario, die_at_random, dies_at, scenario
from faults.stage import CRASHED, Stage
from faults.worker_entry import AFTER_POST, AUDIT_PLACES, ENGINE_PLACES, IN_RECOVERY, READING_STOPS

__all__ = [
    "SCENARIOS", "Scenario", "scenarios_of_dispatch", "scenarios_of_processes", "scenarios_of_producers",
    "scenarios_of_versions",
]  # fmt: skip


@scenario("kill-at-random", weight=6)
async def kill_at_random(stage: Stage) -> None:
    """Two workers die by `kill -9` at any moment, also while they start, join or recover."""
    await die_at_random(stage)


for _place in ENGINE_PLACES:
    _play = dies_at(_place, 3, 3)
    _play.__doc__ = f"Two workers die by `kill -9` at the failpoint {_place!r} of a flush, each time of another flush."
    scenario(f"kill-{_place.replace(' ', '-')}", weight=3)(_play)
for _place in AUDIT_PLACES:
    _play = dies_at(_place, 3, 3)
    _play.__doc__ = f"Two workers die by `kill -9` at the failpoint {_place!r} of an audit checkpoint."
    scenario(f"kill-{_place.replace(' ', '-')}", weight=2, seconds=6.0)(_play)
_play = dies_at(AFTER_POST, 4, 3)
_play.__doc__ = "Two workers die by `kill -9` when a receiver has answered and the delivery is not recorded yet."
scenario("kill-after-post", weight=3)(_play)
_play = dies_at(IN_RECOVERY, 4, 5)
_play.__doc__ = "Workers die by `kill -9` while they recover, and those that recover after them do, too."
scenario("kill-in-recovery", weight=3)(_play)


@scenario("zombie", weight=3, seconds=6.0)
async def zombie(stage: Stage) -> None:
    """A worker is stopped (SIGSTOP) past its session, its partitions go to another, and it wakes (SIGCONT): it must end
    before it writes or delivers. The receiver is slow, so that deliveries are in flight when it is stopped."""
    slow = {"sink": "webhook", "delay_seconds": 0.2, "times": None}
    await stage.behave(slow)
    await stage.start("a", "b")
    await stage.live("a", "b")
    await asyncio.sleep(stage.rnd.uniform(0.3, 1.0))
    frozen = stage.workers["a"]
    frozen.wanted = False
    frozen.signal(signal.SIGSTOP)
    stage.deaths["SIGSTOP"] += 1
    await stage.live("b")
    await stage.behave(None)
    await asyncio.sleep(stage.rnd.uniform(0.0, 0.5))
    woken_at, life = time.time(), frozen.life
    frozen.signal(signal.SIGCONT)
    code = await frozen.ended()
    if code != CRASHED:
        stage.wrong.append(f"The zombie {life} ended with {code} instead of {CRASHED}.")
    stage.woken[life] = woken_at
    await stage.start("a")


@scenario("sigterm", weight=2, seconds=4.0)
async def sigterm(stage: Stage) -> None:
    """Workers are asked to end (SIGTERM) while events flow, and started again."""
    await stage.start("a", "b")
    await stage.live("a", "b")
    while not stage.feeding.done():
        name = stage.rnd.choice(("a", "b"))
        await stage.stop(name)
        await asyncio.sleep(stage.rnd.choice((0.0, 0.3)))
        await stage.start(name)
        await asyncio.sleep(stage.rnd.uniform(0.1, 1.0))


@scenario("rolling-restart", weight=2, seconds=6.0)
async def rolling_restart(stage: Stage) -> None:
    """Three workers are restarted one after the other, each when the one before it is back."""
    names = ("a", "b", "c")
    await stage.start(*names)
    await stage.live(*names)
    for name in names:
        await stage.stop(name)
        await stage.start(name)
        await stage.live(*names)


def _scale(times: int) -> Play:
    async def play(stage: Stage) -> None:
        await stage.start("a")
        await stage.live("a")
        for _ in range(times):
            await stage.start("b", "c")
            await stage.live("a", "b", "c")
            await asyncio.sleep(stage.rnd.uniform(0.1, 0.5))
            await asyncio.gather(stage.stop("b"), stage.stop("c"))
            await stage.live("a")

    return play


_play = _scale(1)
_play.__doc__ = "One worker becomes three and one again while events flow."
scenario("scale", weight=2, seconds=4.0)(_play)
_play = _scale(10)
_play.__doc__ = "One worker becomes three and one again, ten times, while events flow."
scenario("scale-10", weight=0, seconds=25.0)(_play)


@scenario("cannot-send", weight=1, seconds=3.0)
async def cannot_send(stage: Stage) -> None:
    """The broker refuses a worker's state (records may have 100 bytes): it must end and log the reason."""
    await stage.start("a")
    await stage.live("a")
    worker = stage.workers["a"]
    worker.wanted = False
    await _limit_records(stage, 100)
    code = await worker.ended()
    stage.deaths["cannot send"] += 1
    if code != CRASHED:
        stage.wrong.append(f"A worker that could not send ended with {code} instead of {CRASHED}.")
    if "the state could not be stored" not in worker.log_text():
        stage.wrong.append("A worker that could not send did not log why it ended.")
    await _limit_records(stage, 16 * 1024 * 1024)
    await stage.start("a")


async def _limit_records(stage: Stage, limit_bytes: int) -> None:
    configs = {"max.message.bytes": str(limit_bytes), "cleanup.policy": "compact"}
    async with admin_client(stage.plan.bootstrap_servers) as admin:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, stage.topics.changelog, configs)])


@scenario("stuck-reader", weight=1, seconds=3.0)
async def stuck_reader(stage: Stage) -> None:
    """A worker stops reading while events wait: its watchdog must end it and log the reason."""
    await stage.start("a", fault=READING_STOPS, on=stage.rnd.randint(3, 9))
    worker = stage.workers["a"]
    worker.wanted = False
    code = await worker.ended(40.0)
    stage.deaths["stuck"] += 1
    if code != CRASHED:
        stage.wrong.append(f"A worker that was stuck ended with {code} instead of {CRASHED}.")
    if "none was processed for" not in worker.log_text():
        stage.wrong.append("A worker that was stuck did not log why it ended.")
    await stage.start("a")


@scenario("views-in-recovery", weight=2, seconds=5.0)
async def views_in_recovery(stage: Stage) -> None:
    """A worker dies, and reading its partitions back takes a while: their views must answer 503 and nothing else."""
    slow = {"TEST_RECOVERY_SECONDS": "0.8"}
    await stage.start("a", "b", environment=slow)
    await stage.live("a", "b")
    stage.look_every_seconds = 0.005
    await asyncio.sleep(0.5)
    asked = len(stage.evidence.answers)
    await stage.kill("a")
    await stage.live("b")
    seen = {answer.status for answer in stage.evidence.answers[asked:]}
    if 503 not in seen:
        stage.wrong.append("While partitions were read back no view answered 503.")
    await stage.start("a", environment=slow)
    await stage.live("a", "b")
    stage.look_every_seconds = 0.1


@scenario("failover", weight=2, seconds=5.0)
async def failover(stage: Stage) -> None:
    """A worker dies by `kill -9`, and the time until another one owns its partitions is measured."""
    await stage.start("a", "b")
    await stage.live("a", "b")
    began = time.monotonic()
    await stage.kill("a")
    await stage.live("b")
    stage.figures["failover_seconds"] = time.monotonic() - began
    await stage.start("a")


@scenario("recovery-speed", weight=0, partitions=1, projects=20_000, records=60_000, seconds=20.0, calm=True)
async def recovery_speed(stage: Stage) -> None:
    """A worker reads back 20 000 projects, and its rate is compared with bare fetching of the same changelog."""
    await stage.start("a")
    await stage.settle()
    fetched, recovered = [], []
    for _ in range(3):
        await stage.stop("a")
        fetched.append(await _fetch_rate(stage))
        await stage.start("a")
        await stage.live("a")
        _, body = await stage.ask(stage.workers["a"], "/readyz")
        recovered.append(body["recovery"]["records_read"] / body["recovery"]["seconds"])
    stage.figures["fetched_records_per_second"] = median(fetched)
    stage.figures["recovered_records_per_second"] = median(recovered)
    stage.figures["recovery_to_fetch"] = median(recovered) / median(fetched)


async def _fetch_rate(stage: Stage) -> float:
    """Records a second of the changelog, read as a recovery reads them and then thrown away."""
    tp = TopicPartition(stage.topics.changelog, 0)
    async with reader(stage.plan.bootstrap_servers) as consumer:
        end = (await consumer.end_offsets([tp]))[tp]
        consumer.assign([tp])
        consumer.seek(tp, 0)
        began, records = time.monotonic(), 0
        while await consumer.position(tp) < end:
            records += len(await some_records(consumer, tp))
        return records / (time.monotonic() - began)
