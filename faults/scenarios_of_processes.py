"""Scenarios of a worker that is several processes under one supervisor."""

import asyncio
import os
import signal

from faults.scenario import scenario
from faults.stage import Stage


@scenario("kill-a-process", weight=2, seconds=8.0)
async def kill_a_process(stage: Stage) -> None:
    """One of two processes of one worker dies by `kill -9`, again and again; their supervisor starts it again."""
    stage.looks_at_fleet = False
    await stage.start("a", environment={"WORKER_PROCESSES": "2"})
    await stage.live("a")
    while not stage.feeding.done():
        await asyncio.sleep(stage.rnd.uniform(0.5, 2.0))
        processes = stage.workers["a"].processes()
        if processes:
            os.kill(stage.rnd.choice(processes), signal.SIGKILL)
            stage.deaths["process at random"] += 1
