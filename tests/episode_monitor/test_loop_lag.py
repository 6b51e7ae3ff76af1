"""A loop that is held up shows it."""

import asyncio
import contextlib
import time

from prometheus_client import CollectorRegistry

from episode_monitor.observe.loop_lag import EVERY_SECONDS, LoopLag

NAME = "episode_monitor_loop_lag_seconds"


async def test_a_loop_that_is_held_up_is_late_by_what_held_it_up() -> None:
    registry = CollectorRegistry()
    watching = asyncio.create_task(LoopLag(registry).run())
    await asyncio.sleep(0)  # it has begun to sleep
    time.sleep(0.5 + EVERY_SECONDS)  # noqa: ASYNC251 - holding up the loop is the point
    while not registry.get_sample_value(f"{NAME}_count"):  # noqa: ASYNC110 - its next look is all there is to wait for
        await asyncio.sleep(0.001)
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    assert (registry.get_sample_value(f"{NAME}_sum") or 0) >= 0.49
    assert registry.get_sample_value(f"{NAME}_bucket", {"le": "0.25"}) == 0
