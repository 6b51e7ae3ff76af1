"""Brings every transition to the sinks it is meant for, and says when all of them have finished with it.

Accepting never waits. A transition that is not done when the process ends is left undone, so it will be read again.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec
import structlog

from alert_sinks import digest as digests
from alert_sinks.dead_letters import DeadLetters, WriteDeadLetter
from alert_sinks.delivery import Delivery
from alert_sinks.digest import Digest
from alert_sinks.environment import Environment
from alert_sinks.held_past import Notice
from alert_sinks.instead import InsteadOf
from alert_sinks.key_queues import KeyQueues
from alert_sinks.ledger import GuardedLedger, Ledger
from alert_sinks.limits import Limits
from alert_sinks.messages import is_wanted, messages_of, without_resolved
from alert_sinks.receiver_queues import ReceiverQueues
from alert_sinks.routing import Route, RouteReason, reason_of, route
from alert_sinks.sink import Destinations, Sink
from alert_sinks.texts.catalogue import Texts
from alert_sinks.texts.english import ENGLISH
from alert_sinks.texts.translation import translated
from alert_sinks.unknown_receivers import UnknownReceivers
from models.alert import Alert
from streams.dispatch.outputs import Notification
from streams.routing.alerting import ON_CALL, TEAM

_log = structlog.get_logger(__name__)

Token = TypeVar("Token")


@dataclass(eq=False)
class _InFlight(Generic[Token]):
    token: Token
    open_deliveries: int
    deliveries: list[tuple[KeyQueues, Delivery]] = field(default_factory=list)


class Fanout(Generic[Token]):
    """Takes transitions with a token each, and gives each token back through `on_done`, in any order.

    `on_done(token)` is called in the event loop and must not wait; it may be called before `accept` returns (an alert
    without a message). `on_dead_letter(alert, sink, reason)` is awaited, and repeated until it succeeds, before a
    transition that a sink did not take counts as done. To be used in one running event loop.
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
        self._team = [sink.name for sink in destinations.team]
        self._on_call = [sink.name for sink in destinations.on_call]
        self._in_flight: set[_InFlight[Token]] = set()
        self._closing = False
        self.routed = dict.fromkeys(RouteReason, 0)  # transitions by why they went where they went

    def _queues_of(self, sink: Sink) -> KeyQueues:
        return KeyQueues(sink, self._ledger, self._dead_letters, self._limits, self._environment, self.texts)

    async def _bury(self, alert: Alert, sink: str, reason: str) -> None:
        await self._on_dead_letter(alert, sink, reason)
        if not self._closing:
            self._instead.undelivered(alert, sink, reason)

    def _send_instead(self, alert: Alert, mark: str, queues: KeyQueues, message_id: str) -> None:
        delivery = self._delivery(alert, mark, [])
        delivery.message_id = message_id
        queues.put(delivery)

    @property
    def _sinks(self) -> dict[str, KeyQueues]:
        return self._receivers.by_name()

    @property
    def receivers(self) -> dict[str, list[Sink]]:
        """The sinks of each receiver in force."""
        return self._receivers.in_force()

    @property
    def pending(self) -> int:
        """Transitions and notifications accepted and not done."""
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

    def accept(self, alert: Alert, token: Token, *, on_call_knows: bool = True) -> None:
        """Takes a transition; its requests start at once. Ignored after `aclose` has begun.

        `on_call_knows`: whether on-call was notified of an escalated alert.
        """
        if self._closing:
            return
        alert, decision = translated(alert, self.texts), self._decide(alert, on_call_knows)
        transition = self._accepted(token, decision)
        first = self._before_on_call(alert) if decision.reason is RouteReason.ON_CALL else ()
        for name in decision.sinks:
            delivery = self._delivery(alert, decision.mark, [transition])
            delivery.after = first
            self._put(name, delivery, [transition])

    def accept_notification(self, notification: Notification, token: Token) -> None:
        """Takes what the dispatcher has decided: its receiver's sinks get one message with its id.

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
        self.routed[reason_of(notification, stand_in)] += 1
        transition = _InFlight(token, 0)
        for way in ways:
            if not is_wanted(notification, keeps_incidents=way.of.keeps_incidents):
                continue
            wanted = notification if way.of.sends_resolved else without_resolved(notification)
            for message in messages_of(wanted, takes_digests=way.queues.takes_digests, texts=self.texts):
                delivery = self._delivery(message.alert, mark, [transition], message.digest)
                delivery.message_id, delivery.group_key = message.message_id, message.group_key
                delivery.receiver = stand_in or notification.receiver
                transition.deliveries.append((way.queues, delivery))
        transition.open_deliveries = len(transition.deliveries)
        if not transition.deliveries:
            self._done(token)
            return
        self._in_flight.add(transition)
        for queues, delivery in list(transition.deliveries):
            queues.put(delivery)

    def _before_on_call(self, alert: Alert) -> tuple[Delivery, ...]:
        """What the team is still to hear of this alert."""
        return tuple(delivery for name in self._team for delivery in self._sinks[name].of_alert(alert.alert_key))

    def accept_together(self, notices: Sequence[Notice[Token]]) -> None:
        """Takes several at once: if they are many, each sink gets one message; if few, one for each."""
        if self._closing:
            return
        decided = [(each, self._decide(each.alert, each.on_call_knows)) for each in notices]
        if sum(bool(decision.sinks) for _, decision in decided) <= digests.OVER:
            for each in notices:
                self.accept(each.alert, each.token, on_call_knows=each.on_call_knows)
            return
        messages: dict[tuple[str, str], list[tuple[Alert, _InFlight[Token]]]] = {}  # by sink and mark
        for each, decision in decided:
            alert, transition = translated(each.alert, self.texts), self._accepted(each.token, decision)
            for name in decision.sinks:
                messages.setdefault((name, decision.mark), []).append((alert, transition))
        for (name, mark), parts in messages.items():
            if self._sinks[name].takes_digests and len(parts) > digests.OVER:
                transitions = [transition for _, transition in parts]
                digest = digests.digest_of((alert for alert, _ in parts), mark, self.texts)
                self._put(name, self._delivery(digest.worst, mark, transitions, digest), transitions)
            else:
                for alert, transition in parts:
                    self._put(name, self._delivery(alert, mark, [transition]), [transition])

    def _accepted(self, token: Token, decision: Route) -> _InFlight[Token]:
        self.routed[decision.reason] += 1
        transition = _InFlight(token, len(decision.sinks))
        if decision.sinks:
            self._in_flight.add(transition)
        else:
            self._done(token)
        return transition

    def _delivery(
        self, alert: Alert, mark: str, transitions: list[_InFlight[Token]], digest: Digest | None = None
    ) -> Delivery:
        shown = msgspec.structs.replace(alert, title=f"{mark} {alert.title}") if mark else alert

        def ended() -> None:
            for transition in transitions:
                self._delivery_ended(transition)

        return Delivery(alert, shown, self._environment.monotonic(), ended, digest=digest)

    def _put(self, name: str, delivery: Delivery, transitions: list[_InFlight[Token]]) -> None:
        delivery.receiver = ON_CALL if name in self._on_call else TEAM
        for transition in transitions:
            transition.deliveries.append((self._sinks[name], delivery))
        self._sinks[name].put(delivery)

    def _decide(self, alert: Alert, on_call_knows: bool) -> Route:
        # A switched-off on-call sink counts as absent, so that escalations are delivered.
        on_call = [name for name in self._on_call if self._sinks[name].is_on]
        return route(alert, self._team, on_call, self._environment.now_ms(), on_call_knows=on_call_knows)

    def forget(self, predicate: Callable[[Token], bool]) -> None:
        """Drops the transitions whose token fits: they belong to another worker now. Their tokens are never done."""
        for transition in [transition for transition in self._in_flight if predicate(transition.token)]:
            self._in_flight.discard(transition)
            for queues, delivery in transition.deliveries:
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
            _log.info("undelivered alerts remain for the next start", alerts=len(self._in_flight))

    def _delivery_ended(self, transition: _InFlight[Token]) -> None:
        transition.open_deliveries -= 1
        if transition.open_deliveries == 0 and transition in self._in_flight:
            self._in_flight.discard(transition)
            self._done(transition.token)

    def _done(self, token: Token) -> None:
        try:
            self._on_done(token)
        except Exception:
            _log.exception("the callback for a finished alert raised; the alert will be read again")
