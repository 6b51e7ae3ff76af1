"""When a delivery may be sent: a free slot, the rate and the pauses of its destination, and in an outage the probe."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from alert_sinks.delivery import Delivery
from alert_sinks.environment import Environment
from alert_sinks.outage import Outage
from alert_sinks.pace import Pace, Rate


@dataclass(eq=False)
class KeyQueue:
    """What waits of one alert key, and the task that delivers it."""

    deliveries: OrderedDict[Delivery, None] = field(default_factory=OrderedDict)  # the first is the one at work
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    async def until(self, *waiting: Awaitable[object]) -> None:
        """Returns when one of these is done, or when the queue is woken: its first delivery has gone, or all closes."""
        self.wake.clear()
        ways = {asyncio.ensure_future(way) for way in (*waiting, self.wake.wait())}
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()


class Turns:
    """Those of one sink. `is_open` says whether a delivery is still to be sent."""

    def __init__(
        self, concurrency: int, rate: Rate | None, environment: Environment, outage: Outage,
        is_open: Callable[[Delivery], bool],
    ) -> None:  # fmt: skip
        self.slots = asyncio.Semaphore(concurrency)
        self._pace = Pace(rate)
        self._environment = environment
        self._outage = outage
        self._is_open = is_open
        self._paused_until = environment.monotonic()

    def hold(self, seconds: float) -> None:
        """The destination takes nothing for so long."""
        self._paused_until = max(self._paused_until, self._environment.monotonic() + seconds)

    def resume(self) -> None:
        """It may take something again."""
        self._paused_until = self._environment.monotonic()

    def arrived(self) -> None:
        """A new alert waits."""
        if self._outage.is_on and self._pace.is_limited:
            self._outage.ask_now()

    def left_to_probe(self, delivery: Delivery) -> bool:
        """At a rate, those that were tried in an outage would leave after those that wait for a first turn."""
        if not (self._pace.is_limited and self._outage.is_on):
            return False
        seconds = self._outage.seconds_to_probe(delivery)
        return seconds is None or seconds > 0

    async def wait(self, queue: KeyQueue, delivery: Delivery) -> None:
        """Until the destination takes requests again, and then for this one's turn at its rate."""
        turn: float | None = None
        while self._is_open(delivery):
            now = self._environment.monotonic()
            until = max(self._paused_until, now if turn is None else turn)
            if until > now:
                await self.pause(queue, until - now)
            elif turn is not None:
                return
            else:
                turn = self._pace.turn(now)

    async def until_probe(self, queue: KeyQueue, delivery: Delivery) -> None:
        """Wait until the destination is back, or until it is this one's turn to find out."""
        while self._is_open(delivery) and self._outage.is_on:
            seconds = self._outage.seconds_to_probe(delivery)
            if seconds is None:
                await queue.until()
            elif seconds > 0:
                await self.pause(queue, seconds)
            else:
                return

    async def pause(self, queue: KeyQueue, seconds: float) -> None:
        """Sleeps, unless the queue is woken."""
        await queue.until(self._environment.sleep(seconds))
