"""Alerts to deliver, a clock that stands still until told, and a way to wait for a condition instead of for a time."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from alert_sinks.destinations import AllSinkSettings
from alert_sinks.digest import Digest
from alert_sinks.environment import Environment
from alert_sinks.settings import SinkSettings
from alert_sinks.texts.catalogue import Texts
from alert_sinks.texts.english import ENGLISH
from models.alert import Alert, AlertStatus, Severity
from streams.dispatch.outputs import Notification
from streams.dispatch.table import NotifyReason

NOW_MS = 1_760_000_000_123  # 2025-10-09T08:53:20.123Z

_ALERT = Alert(
    alert_key="episode_failure_rate:proj_1",
    alert_id="a1b2",
    rule_id="episode_failure_rate",
    alert_type="HIGH_FAILURE_RATE",
    severity=Severity.WARNING,
    status=AlertStatus.FIRING,
    project_id="proj_1",
    title="High failure rate in proj_1",
    description="Episode creation failure rate exceeds 1%",
    value=2.5,
    threshold=1.0,
    window_minutes=15,
    sample_size=40,
    starts_at_ms=1_760_000_000_000,
    ends_at_ms=None,
    updated_at_ms=1_760_000_000_000,
)


def an_alert(**changes: Any) -> Alert:
    """A firing warning of proj_1, with the fields given."""
    return msgspec.structs.replace(_ALERT, **changes)


def alert_of(project: str, firing: str = "1", **changes: Any) -> Alert:
    """A firing of the failure rule for `project`; `firing` tells firings of one project apart."""
    return an_alert(
        alert_key=f"episode_failure_rate:{project}",
        alert_id=f"{project}-{firing}",
        project_id=project,
        title=f"{project} {firing}",
        **changes,
    )


def notification(
    receiver: str, *alerts: Alert, reason: NotifyReason = NotifyReason.FIRST_NOTIFICATION, name: str = "",
    group_key: str = "",
) -> Notification:  # fmt: skip
    """What the dispatcher sends; its id is made of the transitions, unless it has a name."""
    resolved = sum(each.status is AlertStatus.RESOLVED for each in alerts)
    return Notification(
        notification_id=name or ",".join(each.transition_id for each in alerts), receiver=receiver, reason=reason,
        group_keys=(group_key or receiver,), group_labels={}, alerts=alerts, firing=len(alerts) - resolved,
        resolved=resolved, at_ms=NOW_MS,
    )  # fmt: skip


def digest_of(alerts: Iterable[Alert], texts: Texts = ENGLISH) -> Digest:
    """The worst first, as the dispatcher orders them."""
    rank = [Severity.CRITICAL, Severity.WARNING, Severity.INFO]
    ordered = sorted(
        alerts, key=lambda one: (one.status is not AlertStatus.FIRING, rank.index(one.severity), one.starts_at_ms)
    )
    return Digest(tuple(ordered), texts=texts)


def sink_settings(**given: str | None) -> SinkSettings:
    """The settings of all sinks, these given."""
    return AllSinkSettings.model_validate(given)


class Signal:
    """Wakes whoever waits for a condition each time something has happened."""

    def __init__(self) -> None:
        self._waiters: list[asyncio.Future[None]] = []

    def fire(self) -> None:
        """Something has happened: conditions are looked at again."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def until(self, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        """Returns when the condition holds; fails if it does not within `seconds`."""
        async with asyncio.timeout(seconds):
            while not condition():
                waiter = asyncio.get_running_loop().create_future()
                self._waiters.append(waiter)
                await waiter


class FakeTime:
    """A clock that only `advance` moves; `jumps=True` lets every sleep move it at once. Jitter is always the most."""

    def __init__(self, signal: Signal, *, jumps: bool = False) -> None:
        self.seconds = 0.0
        self.asked: list[float] = []  # every sleep asked for, in seconds
        self._jumps = jumps
        self._signal = signal
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self.environment = Environment(
            now_ms=lambda: NOW_MS + round(self.seconds * 1000),
            monotonic=lambda: self.seconds,
            sleep=self._sleep,
            jitter=lambda: 1.0,
        )

    async def _sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        if self._jumps:
            self.seconds += seconds
            await asyncio.sleep(0)
            return
        until: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.seconds + seconds, until))
        self._signal.fire()
        await until

    @property
    def sleepers(self) -> int:
        """How many sleeps have not ended."""
        return sum(not until.done() for _, until in self._sleepers)

    def advance(self, seconds: float) -> None:
        """Moves the clock and ends the sleeps that are due."""
        self.seconds += seconds
        for due, until in self._sleepers:
            if due <= self.seconds and not until.done():
                until.set_result(None)
