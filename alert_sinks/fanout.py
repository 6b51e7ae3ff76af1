"""Brings every notification to the sinks of its receiver, and says when all of them have finished with it.

Accepting never waits. A notification that is not done when the process ends is left undone, so it will be read again.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec
import structlog

from alert_sinks.dead_letters import DeadLetters, WriteDeadLetter
from alert_sinks.delivery import Delivery
from alert_sinks.environment import Environment
from alert_sinks.instead import InsteadOf
from alert_sinks.key_queues import KeyQueues
from alert_sinks.ledger import GuardedLedger, Ledger
from alert_sinks.limits import Limits
from alert_sinks.messages import Message, is_wanted, messages_of, without_resolved
from alert_sinks.receiver_queues import ReceiverQueues
from alert_sinks.sink import Destinations, Sink
from alert_sinks.texts.catalogue import Texts
from alert_sinks.texts.english import ENGLISH
from alert_sinks.unknown_receivers import UnknownReceivers
from models.alert import Alert
from streams.dispatch.outputs import Notification

_log = structlog.get_logger(__name__)

Token = TypeVar("Token")


@dataclass(eq=False)
class _InFlight(Generic[Token]):
    token: Token
    open_deliveries: int = 0
    deliveries: list[tuple[KeyQueues, Delivery]] = field(default_factory=list)


class Fanout(Generic[Token]):
    """Takes notifications with a token each, and gives each token back through `on_done`, in any order.

    `on_done(token)` is called in the event loop and must not wait; it may be called before `accept` returns (no sink
    wants the message). `on_dead_letter(alert, sink, reason)` is awaited, and repeated until it succeeds, before a
    notification that a sink did not take counts as done. To be used in one running event loop.
    """

    def __init__(
        self,
        destinations: Destinations,
        ledger: Ledger,
        *,
        on_done: Callable[[Token], None],
        on_dead_letter: WriteDeadLetter,
        limits: Limits | None = None,
        environment: Environment | None = None,
        texts: Texts = ENGLISH,
    ) -> None:
        self._environment = environment or Environment()
        self._limits = limits or Limits()
        self.texts = texts
        self._on_done = on_done
        self._ledger = GuardedLedger(ledger, environment=self._environment)
        self._on_dead_letter = on_dead_letter
        self._dead_letters = DeadLetters(self._bury, self._limits.queue_limit, self._environment)
        self._receivers = ReceiverQueues(destinations, self._queues_of)
        self._instead = InsteadOf(self._receivers, self._send_instead)
        self._unknown: UnknownReceivers[Token] = UnknownReceivers(self._to_stand_in, self._environment)
        self._in_flight: set[_InFlight[Token]] = set()
        self._closing = False

    def _queues_of(self, sink: Sink) -> KeyQueues:
        return KeyQueues(sink, self._ledger, self._dead_letters, self._limits, self._environment, self.texts)

    async def _bury(self, alert: Alert, sink: str, reason: str) -> None:
        await self._on_dead_letter(alert, sink, reason)
        if not self._closing:
            self._instead.undelivered(alert, sink, reason)

    def _send_instead(self, alert: Alert, mark: str, queues: KeyQueues, message_id: str) -> None:
        queues.put(self._delivery(Message(message_id, alert), mark, "", lambda: None))

    @property
    def _sinks(self) -> dict[str, KeyQueues]:
        return self._receivers.by_name()

    @property
    def receivers(self) -> dict[str, list[Sink]]:
        """The sinks of each receiver in force."""
        return self._receivers.in_force()

    @property
    def pending(self) -> int:
        """Notifications accepted and not done."""
        return len(self._in_flight) + sum(self._unknown.counts.values())

    @property
    def dead_letters_pending(self) -> int:
        """Dead letters that wait to be written."""
        return self._dead_letters.pending

    @property
    def ledger_is_away(self) -> bool:
        """Whether the ledger failed when it was last asked."""
        return self._ledger.is_away

    @property
    def counters(self) -> dict[str, Counter[str]]:
        """What has happened since the start, by the name of the sink."""
        return {name: queues.counters for name, queues in self._sinks.items()}

    @property
    def waiting(self) -> dict[str, int]:
        """What waits or is on its way, by the name of the sink; of unknown receivers, by theirs."""
        return {name: queues.pending for name, queues in self._sinks.items()} | self._unknown.counts

    @property
    def oldest_seconds(self) -> dict[str, float]:
        """For how long the oldest of them has waited, by the name of the sink."""
        unknown = {name: self._unknown.oldest_seconds(name) for name in self._unknown.counts}
        return {name: queues.oldest_seconds for name, queues in self._sinks.items()} | unknown

    @property
    def troubles(self) -> dict[str, str]:
        """Why the last attempt failed, by the name of the sink; "" if it did not fail."""
        unknown = dict.fromkeys(self._unknown.counts, "this worker's alerting file has no such receiver; reload it")
        return {name: queues.trouble for name, queues in self._sinks.items()} | unknown

    @property
    def switched_off(self) -> list[str]:
        """The names of the sinks whose destinations are gone."""
        return [name for name, queues in self._sinks.items() if not queues.is_on]

    def accept(self, notification: Notification, token: Token) -> None:
        """Takes what the dispatcher has decided; its requests start at once. Ignored after `aclose` has begun.

        Its receiver's sinks get one message with its id.

        If the alerting file in force has no such receiver, the notification waits for a reload, and after
        `PATIENCE_SECONDS` a stand-in is notified.
        """
        if self._closing:
            return
        if self._receivers.has(notification.receiver):
            self._notify(notification, token)
        else:
            self._unknown.hold(notification, token)

    def put_in_force(self, destinations: Destinations) -> None:
        """From now on these receivers are notified. Raises ValueError where two sinks have the same name."""
        self._receivers.put_in_force(destinations)
        for notification, token in self._unknown.release(self._receivers.has):
            self._notify(notification, token)

    def _to_stand_in(self, notification: Notification, token: Token) -> None:
        if not self._closing:
            self._notify(notification, token)

    def _notify(self, notification: Notification, token: Token) -> None:
        ways, mark, stand_in = self._receivers.of(notification.receiver)
        if stand_in:
            _log.error("another receiver stands in for one without a sink", receiver=notification.receiver,
                       stand_in=stand_in, notification_id=notification.notification_id)  # fmt: skip
        one, receiver = _InFlight(token), stand_in or notification.receiver
        for way in ways:
            if not is_wanted(notification, keeps_incidents=way.of.keeps_incidents):
                continue
            wanted = notification if way.of.sends_resolved else without_resolved(notification)
            for message in messages_of(wanted, takes_digests=way.queues.takes_digests, texts=self.texts):
                delivery = self._delivery(message, mark, receiver, lambda: self._delivery_ended(one))
                one.deliveries.append((way.queues, delivery))
        one.open_deliveries = len(one.deliveries)
        if not one.deliveries:
            self._done(token)
            return
        self._in_flight.add(one)
        for queues, delivery in list(one.deliveries):
            queues.put(delivery)

    def _delivery(self, message: Message, mark: str, receiver: str, ended: Callable[[], None]) -> Delivery:
        alert = message.alert
        shown = msgspec.structs.replace(alert, title=f"{mark} {alert.title}") if mark else alert
        return Delivery(
            alert, shown, self._environment.monotonic(), ended, message.message_id, digest=message.digest,
            group_key=message.group_key, receiver=receiver,
        )  # fmt: skip

    def forget(self, predicate: Callable[[Token], bool]) -> None:
        """Drops the notifications whose token fits: they belong to another worker now. Their tokens are never done."""
        for one in [one for one in self._in_flight if predicate(one.token)]:
            self._in_flight.discard(one)
            for queues, delivery in one.deliveries:
                queues.forget(delivery)
        self._unknown.forget(predicate)

    async def wait_for_room(self) -> None:
        """Returns at once unless dead letters pile up because they cannot be written. To be awaited between batches."""
        await self._dead_letters.wait_for_room()

    async def aclose(self) -> None:
        """Ends what is on its way within a bounded time. What still waits is not done, and so will be read again."""
        self._closing = True
        await self._unknown.aclose()
        await asyncio.gather(*(queues.aclose() for queues in self._receivers.all()))
        await self._dead_letters.aclose(self._limits.close_seconds)
        await self._ledger.aclose(self._limits.close_seconds)
        if self._in_flight:
            _log.info("undelivered notifications remain for the next start", notifications=len(self._in_flight))

    def _delivery_ended(self, one: _InFlight[Token]) -> None:
        one.open_deliveries -= 1
        if one.open_deliveries == 0 and one in self._in_flight:
            self._in_flight.discard(one)
            self._done(one.token)

    def _done(self, token: Token) -> None:
        try:
            self._on_done(token)
        except Exception:
            _log.exception("the callback for a finished notification raised; the notification will be read again")
