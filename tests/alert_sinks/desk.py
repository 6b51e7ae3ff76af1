"""A fan-out at work: real sinks that post to the receiver, and a record of everything it says back."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx

from alert_sinks.environment import Environment
from alert_sinks.fanout import Fanout
from alert_sinks.kinds.webhook import WebhookSink
from alert_sinks.ledger import Ledger, MemoryLedger
from alert_sinks.limits import Limits
from alert_sinks.sink import Destinations, Sink
from models.alert import Alert
from streams.routing.alerting import TEAM
from tests.alert_sinks.receiver import Receiver
from tests.alert_sinks.support import FakeTime, Signal, notification


@dataclass(frozen=True)
class Dead:
    """One dead letter."""

    title: str
    sink: str
    reason: str


class Desk:
    """A fan-out with one webhook to the receiver, unless other sinks are given; tokens are whatever a test likes."""

    def __init__(
        self,
        signal: Signal,
        client: httpx.AsyncClient,
        receiver: Receiver,
        *,
        limits: Limits | None = None,
        ledger: Ledger | None = None,
        environment: Environment | None = None,
        team: list[Sink] | None = None,
        on_call: list[Sink] | None = None,
        destinations: Destinations | None = None,
    ) -> None:
        self.time = FakeTime(signal)
        self.done: list[object] = []
        self.dead: list[Dead] = []
        self.dead_letter_trouble: Callable[[], BaseException | None] = lambda: None
        self._signal = signal
        self.fanout: Fanout[object] = Fanout(
            destinations or Destinations([WebhookSink(client, receiver.url)] if team is None else team, on_call or []),
            ledger or MemoryLedger(),
            on_done=self._on_done,
            on_dead_letter=self._on_dead_letter,
            limits=limits,
            environment=environment or self.time.environment,
        )

    def notify(self, alert: Alert, token: object, receiver: str = TEAM) -> None:
        """The dispatcher has decided that a receiver is notified of one alert."""
        self.fanout.accept(notification(receiver, alert), token)

    def _on_done(self, token: object) -> None:
        self.done.append(token)
        self._signal.fire()

    async def _on_dead_letter(self, alert: Alert, sink: str, reason: str) -> None:
        if trouble := self.dead_letter_trouble():
            raise trouble
        self.dead.append(Dead(alert.title, sink, reason))
        self._signal.fire()

    async def until_done(self, *tokens: object) -> None:
        """Returns when exactly these tokens are done, in any order."""
        await self._signal.until(lambda: len(self.done) >= len(tokens))
        assert set(self.done) == set(tokens)
        assert len(self.done) == len(tokens)

    async def until_asleep(self, sleepers: int = 1) -> None:
        """Returns when so many alerts wait for their next try."""
        await self._signal.until(lambda: self.time.sleepers == sleepers)

    async def close(self) -> None:
        """Ends the fan-out."""
        await self.fanout.aclose()
