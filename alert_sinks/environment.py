"""Clock, sleep, random source and permission check of the delivery, in one place, so that a test can inject its own."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from alert_sinks.delivery import Ended


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def nothing_forbids() -> None:
    """No guard."""


def nothing_watches(ended: Ended) -> None:
    """No metric and no trace."""


@dataclass(frozen=True)
class Environment:
    """`now_ms` is the wall clock for what others see; waits are measured by `monotonic`, which never jumps."""

    now_ms: Callable[[], int] = _now_ms
    monotonic: Callable[[], float] = time.monotonic  # seconds
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep  # seconds
    jitter: Callable[[], float] = random.random  # from 0 to 1
    check: Callable[[], None] = nothing_forbids  # before every request; raises if this worker may no longer deliver
    on_ended: Callable[[Ended], None] = nothing_watches  # every delivery that was made, or that became a dead letter
