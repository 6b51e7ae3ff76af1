"""A destination gets its messages at its own rate, in order, and no other destination waits for it."""

import asyncio
import heapq
from collections.abc import Callable

import pytest
from pydantic import SecretStr

from alert_sinks.digest import Digest
from alert_sinks.environment import Environment
from alert_sinks.kinds.slack import SlackConfig
from alert_sinks.kinds.webhook import WebhookConfig
from alert_sinks.limits import Limits
from alert_sinks.pace import Pace, Rate
from alert_sinks.receiver_sinks import rate_of_config
from alert_sinks.sink import Attempt, Delivered, Outcome, Retry
from models.alert import Alert
from tests.alert_sinks.desk import Desk
from tests.alert_sinks.support import NOW_MS, alert_of

HOUR = 3600.0
NewDesk = Callable[..., Desk]


class Slow:
    """Takes everything from `back_at` on, and remembers when it took what."""

    rate = Rate(interval_seconds=1.0, burst=10)

    def __init__(self, time: "VirtualTime", name: str = "slow", back_at: float = 0.0) -> None:
        self.name = name
        self.taken: list[tuple[float, str]] = []
        self._time = time
        self.back_at = back_at

    async def deliver(self, alert: Alert, attempt: Attempt) -> Outcome:
        if self._time.seconds < self.back_at:
            return Retry(None, "it is away")
        self.taken.append((self._time.seconds, alert.project_id))
        return Delivered()

    async def deliver_digest(self, digest: Digest, attempt: Attempt) -> Outcome:
        return await self.deliver(digest.worst, attempt)

    async def aclose(self) -> None:
        """Nothing to close."""


class Fast(Slow):
    rate = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("rate", "asked", "turns"),
    [
        (None, [0, 0, 0], [0, 0, 0]),
        (Rate(1.0), [0, 0, 0, 10], [0, 1, 2, 10]),
        (Rate(1.0, burst=3), [0, 0, 0, 0, 0, 9, 9, 9, 9], [0, 0, 0, 1, 2, 9, 9, 9, 10]),
        (Rate(0.5), [0, 0.25, 0.5], [0, 0.5, 1.0]),
    ],
)
def test_some_at_once_and_then_one_each_interval(rate: Rate | None, asked: list[float], turns: list[float]) -> None:
    pace = Pace(rate)
    assert [pace.turn(now) for now in asked] == turns


def test_slack_takes_one_a_second_and_a_server_that_speaks_like_it_what_it_likes() -> None:
    configs = [
        SlackConfig(api_url=SecretStr("https://hooks.slack.com/services/A/B/C")),
        SlackConfig(bot_token=SecretStr("xoxb-1"), channel="#a"),
        SlackConfig(api_url=SecretStr("https://chat.example/hooks/slack.com")),
        SlackConfig(api_url=SecretStr("https://notslack.com/hooks")),
        WebhookConfig(url=SecretStr("https://hooks.slack.com/")),
    ]
    assert [rate_of_config(config) for config in configs] == [Rate(1.0, 10), Rate(1.0, 10), None, None, None]


class VirtualTime:
    """A clock that goes to the next sleeper when everything else has been done."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0
        self.environment = Environment(
            now_ms=lambda: NOW_MS + round(self.seconds * 1000), monotonic=lambda: self.seconds, sleep=self._sleep,
            jitter=lambda: 1.0,
        )  # fmt: skip

    async def _sleep(self, seconds: float) -> None:
        until: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self.seconds + seconds, self._count, until))
        await until

    async def run_until(self, condition: Callable[[], bool]) -> None:
        """Returns when the condition holds."""
        while not condition():
            for _ in range(12):
                await asyncio.sleep(0)
            while self._sleepers and self._sleepers[0][2].done():
                heapq.heappop(self._sleepers)
            if self._sleepers:
                due, _, until = heapq.heappop(self._sleepers)
                self.seconds = max(self.seconds, due)
                until.set_result(None)


async def test_10_000_alerts_drain_in_order_at_the_rate_after_an_outage_of_an_hour(
    new_desk: NewDesk,
) -> None:
    time = VirtualTime()
    slow, fast = Slow(time, back_at=HOUR), Fast(time, "fast")
    desk = new_desk(environment=time.environment, team=[slow, fast], limits=Limits(queue_limit=10_000))
    for number in range(10_000):
        desk.notify(alert_of(f"p{number:05}"), number)
    await time.run_until(lambda: len(desk.done) == 10_000)

    assert [name for _, name in slow.taken[1:]] == sorted(name for _, name in slow.taken[1:]), "the oldest first"
    assert sorted(name for _, name in slow.taken) == [f"p{number:05}" for number in range(10_000)], "each once"
    times = [at for at, _ in slow.taken]
    assert all(later - earlier >= 0.999 for earlier, later in zip(times[10:], times[20:], strict=False)), "10 in 10 s"
    assert times[0] >= HOUR
    assert times[-1] - times[0] < 10_000 + 200, "nothing but the rate delays it"
    assert fast.taken[-1][0] < HOUR, "another destination does not wait for it"
    assert desk.dead == []


async def test_a_new_alert_asks_a_destination_that_has_come_back_since_the_last_probe(new_desk: NewDesk) -> None:
    time = VirtualTime()
    slow = Slow(time, back_at=HOUR)
    desk = new_desk(environment=time.environment, team=[slow])
    for name in ("p1", "p2"):
        desk.notify(alert_of(name), name)
    await time.run_until(lambda: time.seconds >= 500)
    slow.back_at = time.seconds
    desk.notify(alert_of("p3"), "p3")
    await time.run_until(lambda: len(desk.done) == 3)
    assert slow.taken[-1][0] - slow.back_at < 5
