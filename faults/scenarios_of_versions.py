"""Scenarios of a fleet of two versions: this one and an older one of the repository, on the same topics. State, alerts,
deliveries and views are judged as in any other round, whichever version wrote or showed them."""

import asyncio
import time
from pathlib import Path

from faults.dispatch_plan import Dispatch
from faults.scenario import scenario
from faults.stage import Stage
from faults.versions import lay_out, old_commit

PATIENCE_SECONDS = 20.0
# On a busy machine two versions, one of them not forked but imported anew, stand still for longer than half of 3 s.
SESSION_SECONDS = 6
BASE = "/monitoring/episodes"
READ = (  # what both versions answer for the whole fleet
    "/integrity/summary",
    "/integrity/projects?limit=50",
    "/performance/stats",
    "/performance/trend?hours=1",
    "/alerts/active",
    "/alerts/history",
    "/rules",
    "/silences",
    "/metrics/export?format=json",
)


async def _old_tree(stage: Stage) -> Path:
    return await asyncio.to_thread(lay_out, old_commit(), stage.folder / "old-version")


async def _restart(stage: Stage, name: str, tree: Path | None) -> None:
    """The worker leaves and comes back with the code of this tree; None: the present one."""
    await stage.stop(name)
    await _begin(stage, name, tree)


async def _begin(stage: Stage, name: str, tree: Path | None) -> None:
    await stage.start(name, tree=tree)
    await stage.live(*stage.workers)
    await _all_is_answered(stage)


async def _all_is_answered(stage: Stage) -> None:
    """Each worker answers for the fleet, as soon as it knows who owns what."""
    for path in READ:
        for worker in stage.running():
            give_up_at = time.monotonic() + PATIENCE_SECONDS
            while (status := (await stage.ask(worker, BASE + path))[0]) != 200:
                if time.monotonic() > give_up_at:
                    stage.wrong.append(f"In a fleet of two versions {worker.life} answered {path} with {status}.")
                    return
                await asyncio.sleep(0.05)


@scenario(
    "upgrade", weight=0, seconds=25.0, dispatch=Dispatch(), has_versions=True, session_timeout_seconds=SESSION_SECONDS
)
async def upgrade(stage: Stage) -> None:
    """Two workers of an older version become ones of this version, go back, and become new ones again in the other
    order. In a fleet of both one of each dies by `kill -9`, so that the other takes over what it has not finished."""
    old = await _old_tree(stage)
    await stage.start("a", "b", tree=old)
    await stage.live("a", "b")
    await _restart(stage, "a", None)
    await _restart(stage, "b", None)
    await _restart(stage, "a", old)
    for name, tree in (("a", old), ("b", None)):  # both versions are there
        await stage.kill(name)
        await _begin(stage, name, tree)
    await _restart(stage, "b", old)
    await _restart(stage, "b", None)
    await _restart(stage, "a", None)


@scenario(
    "downgrade", weight=0, seconds=10.0, dispatch=Dispatch(), has_versions=True, session_timeout_seconds=SESSION_SECONDS
)
async def downgrade(stage: Stage) -> None:
    """Two workers of this version become ones of an older version, which has the last word."""
    old = await _old_tree(stage)
    await stage.start("a", "b")
    await stage.live("a", "b")
    await _restart(stage, "b", old)
    await _restart(stage, "a", old)
