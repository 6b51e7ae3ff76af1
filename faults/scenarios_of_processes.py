"""Scenarios of a worker that is several processes under one supervisor."""

import asyncio
import os
import signal

from faults.scenario import scenario
from faults.stage import Stage

_DEATHS = "process at random"


@scenario("kill-a-process", weight=2, seconds=20.0)  # a process imports all for itself, which takes a while
async def kill_a_process(stage: Stage) -> None:
    """One of two processes of one worker dies by `kill -9`, again and again; their supervisor starts it again."""
    stage.looks_at_fleet = False
    await stage.start("a", environment={"WORKER_PROCESSES": "2"})
    await stage.live("a")
    while not stage.feeding.done() or stage.deaths[_DEATHS] < 2:
        await asyncio.sleep(stage.rnd.uniform(0.5, 3.0))
        processes = stage.workers["a"].processes()
        if processes:
            os.kill(stage.rnd.choice(processes), signal.SIGKILL)
            stage.deaths[_DEATHS] += 1
