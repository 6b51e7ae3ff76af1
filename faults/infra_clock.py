"""Steps of the wall clock, and a folder for state that cannot be used."""

import asyncio
from pathlib import Path

from faults.infra import InfraStage, on_shared_broker, scenario

HOUR_SECONDS = 3600.0


@scenario("clock-steps", on_shared_broker, seconds=10.0)
async def clock_steps(stage: InfraStage) -> None:
    """A worker's wall clock jumps an hour ahead and back, and then an hour ahead again, while events flow. (A clock
    that is an hour behind makes events look like the future; that is another test.)"""
    clock = stage.folder / "clock"
    clock.write_text("0")
    await stage.start("a", "b", environment={"TEST_CLOCK": str(clock)})
    await stage.live("a", "b")
    for step_seconds in (HOUR_SECONDS, 0.0, HOUR_SECONDS, 0.0):
        await asyncio.sleep(stage.rnd.uniform(0.8, 1.6))
        _set(clock, step_seconds)
        stage.deaths["clock step"] += 1


def _set(clock: Path, ahead_seconds: float) -> None:
    new = clock.with_suffix(".new")
    new.write_text(str(ahead_seconds))
    new.replace(clock)


@scenario("state-dir-unusable", on_shared_broker, seconds=4.0)
async def state_dir_unusable(stage: InfraStage) -> None:
    """STATE_DIR is where no folder can be made. No state is stored on disk, so that must have no effect."""
    await stage.start("a", environment={"STATE_DIR": "/dev/null/state"})
    await stage.live("a")
    await asyncio.sleep(1.0)
    await stage.kill("a")
    await stage.start("a", environment={"STATE_DIR": "/proc/1/state"})
    await stage.live("a")
