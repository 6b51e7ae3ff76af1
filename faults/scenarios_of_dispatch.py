"""Scenarios of the dispatcher: its owner dies, freezes or loses what it is writing, between decision, notification and
ledger, while groups wait and steps of escalation are due."""

import asyncio
import re
import signal
import time

from aiokafka import AIOKafkaProducer

from faults.dispatch_plan import Dispatch
from faults.scenario import die_at_random, dies_at, scenario
from faults.stage import CRASHED, Stage
from faults.worker_entry import AFTER_POST, DISPATCH_PLACES
from streams.dispatch.state import ALERT

GROUPED = Dispatch(group_by=("alertname",), group_wait_ms=700, group_interval_ms=1_500)
STEPS = Dispatch(escalate_ms=1_500)
LIVE = re.compile(r"the dispatcher is live")
PATIENCE_SECONDS = 30.0


_WHERE = {
    "dispatch decided": "when a decision is made and not stored",
    "dispatch stored": "between decision and notification: it is stored and nothing of it is sent",
    "dispatch sent": "when notifications are sent and that is not noted",
    "dispatch cleared": "when it is noted that all was sent",
}
for _place in DISPATCH_PLACES:
    _play = dies_at(_place, 6, 4)
    _play.__doc__ = f"Owners of the dispatcher die by `kill -9` {_WHERE[_place]}."
    scenario(f"kill-{_place.replace(' ', '-')}", weight=2, dispatch=Dispatch(), seconds=6.0)(_play)
_play = dies_at(AFTER_POST, 6, 4)
_play.__doc__ = "Workers die by `kill -9` between notification and ledger: a receiver has answered."
scenario("kill-notified", weight=2, dispatch=Dispatch(), seconds=6.0)(_play)


@scenario("kill-group-waits", weight=2, dispatch=GROUPED, seconds=6.0)
async def kill_group_waits(stage: Stage) -> None:
    """Workers die by `kill -9` at random while groups wait for their time, the owner among them."""
    await die_at_random(stage)


@scenario("kill-step-due", weight=2, dispatch=STEPS, seconds=6.0)
async def kill_step_due(stage: Stage) -> None:
    """Workers die by `kill -9` at random while steps of escalation are due, the owner among them."""
    await die_at_random(stage)


@scenario("dispatch-behind", weight=1, dispatch=Dispatch(waits_for_past=True), seconds=4.0)
async def dispatch_behind(stage: Stage) -> None:
    """Workers die by `kill -9` at random while alerts of the past wait until their events have caught up."""
    await die_at_random(stage)


@scenario("dispatch-zombie", weight=2, dispatch=Dispatch(), seconds=8.0)
async def dispatch_zombie(stage: Stage) -> None:
    """The owner of the dispatcher is stopped (SIGSTOP) past its session, another takes over, and it wakes (SIGCONT): it
    must store and send nothing more. It happens twice."""
    await stage.start("a", "b")
    await stage.live("a", "b")
    for _ in range(2):
        name = await _owner(stage)
        other = "b" if name == "a" else "a"
        await asyncio.sleep(stage.rnd.uniform(0.2, 0.8))
        frozen, lives = stage.workers[name], _times_live(stage, other)
        frozen.wanted = False
        frozen.signal(signal.SIGSTOP)
        stage.deaths["SIGSTOP"] += 1
        await _until_live(stage, other, lives)
        await asyncio.sleep(stage.rnd.uniform(0.0, 0.5))
        woken_at, life = time.time(), frozen.life
        frozen.signal(signal.SIGCONT)
        code = await frozen.ended()
        if code != CRASHED:
            stage.wrong.append(f"The zombie {life} ended with {code} instead of {CRASHED}.")
        stage.woken[life] = woken_at
        await stage.start(name)
        await stage.live("a", "b")


@scenario("dispatch-torn", weight=2, dispatch=GROUPED, seconds=6.0)
async def dispatch_torn(stage: Stage) -> None:
    """All workers die, and the dispatcher's changelog ends within a decision, which the next owner overwrites."""
    await stage.start("a", "b")
    for _ in range(3):
        await stage.live("a", "b")
        await asyncio.sleep(stage.rnd.uniform(0.3, 1.0))
        await asyncio.gather(stage.kill("a"), stage.kill("b"))
        async with AIOKafkaProducer(bootstrap_servers=stage.plan.bootstrap_servers) as producer:
            for key in (ALERT.encode() + b"of a decision without an end", b"n%016x" % 10**9):
                await producer.send_and_wait(stage.topics.dispatch, b"\xff cut off", key, partition=0)
        await stage.start("a", "b")


@scenario("dispatch-rebalanced", weight=1, dispatch=GROUPED, seconds=6.0)
async def dispatch_rebalanced(stage: Stage) -> None:
    """Workers come and go in order (SIGTERM), so that the dispatcher moves while groups wait."""
    await stage.start("a", "b")
    await stage.live("a", "b")
    while not stage.feeding.done():
        name = await _owner(stage)
        await stage.stop(name)
        await asyncio.sleep(stage.rnd.choice((0.0, 0.3)))
        await stage.start(name)
        await asyncio.sleep(stage.rnd.uniform(0.1, 1.0))


def _times_live(stage: Stage, name: str) -> int:
    return len(LIVE.findall(stage.workers[name].log_text()))


async def _until_live(stage: Stage, name: str, lives: int) -> None:
    """Wait until this worker has become the owner once more."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while _times_live(stage, name) <= lives:
        if time.monotonic() > give_up_at:
            stage.wrong.append(f"The dispatcher did not go to {name} within {PATIENCE_SECONDS:.0f} s.")
            return
        await asyncio.sleep(0.05)


async def _owner(stage: Stage) -> str:
    """The worker that became the owner last; a violation where none does."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up_at:
        lives = {name: _last_live(stage, name) for name in stage.workers}
        name = max(lives, key=lambda each: lives[each])
        if lives[name]:
            return name
        await asyncio.sleep(0.05)
    stage.wrong.append(f"No worker owned the dispatcher within {PATIENCE_SECONDS:.0f} s.")
    return "a"


def _last_live(stage: Stage, name: str) -> str:
    """The time that its log names; "" where it never was."""
    lines = [line for line in stage.workers[name].log_text().splitlines() if LIVE.search(line)]
    return lines[-1].strip()[:40] if lines else ""
