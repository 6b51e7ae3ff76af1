"""The waiting transitions of one sink: one queue an alert key, so that a key stays in order and none waits for another.

Every transition leaves in exactly one way: delivered, skipped (delivered before), dead letter, or forgotten.
"""

import asyncio
from collections import OrderedDict

import structlog

from alert_sinks.backoff import CAP_SECONDS, delay_seconds
from alert_sinks.dead_letters import DeadLetters
from alert_sinks.delivery import Delivery, DeliveryState
from alert_sinks.endings import Endings
from alert_sinks.environment import Environment
from alert_sinks.ledger import Ending, GuardedLedger
from alert_sinks.limits import Limits
from alert_sinks.outage import Outage
from alert_sinks.pace import rate_of
from alert_sinks.sink import Attempt, Delivered, Disabled, Outcome, Rejected, Retry, Sink, TakesDigests
from alert_sinks.texts.catalogue import Texts
from alert_sinks.texts.english import ENGLISH
from alert_sinks.turns import KeyQueue, Turns

_log = structlog.get_logger(__name__)


class KeyQueues:
    """Brings deliveries to one sink. All methods but `aclose` return at once."""

    def __init__(
        self, sink: Sink, ledger: GuardedLedger, dead_letters: DeadLetters, limits: Limits, environment: Environment,
        texts: Texts = ENGLISH,
    ) -> None:  # fmt: skip
        self.sink = sink
        self._former: list[Sink] = []  # exchanged by a reload; a request of theirs may still be under way
        self._endings = Endings(sink.name, ledger, dead_letters, environment)
        self.counters = self._endings.counters
        self._limits = limits
        self._environment = environment
        self._texts = texts
        self._queues: dict[str, KeyQueue] = {}
        self._waiting: OrderedDict[Delivery, None] = OrderedDict()  # oldest first
        self._off_reason: str | None = None
        self._closing = False
        self._outage = Outage(environment, self._heads, self._wake)
        self._turns = Turns(limits.concurrency, rate_of(sink), environment, self._outage, self._is_open)
        self._digests: dict[str, Delivery] = {}  # alert key -> the digest that goes before anything else of it

    def exchange(self, sink: Sink) -> None:
        """What waits goes to this sink of the same name from now on, at once."""
        self._former.append(self.sink)
        self.sink, self._off_reason = sink, None
        self._turns.resume()
        self._outage.succeeded()
        self._wake_all()

    @property
    def is_on(self) -> bool:
        """False once the destination has said that it is gone."""
        return self._off_reason is None

    @property
    def pending(self) -> int:
        """Transitions that wait or are on their way."""
        return sum(len(delivery.alerts) for queue in self._queues.values() for delivery in queue.deliveries)

    @property
    def oldest_seconds(self) -> float:
        """For how long the oldest of them has waited; 0.0 for none."""
        accepted = [delivery.accepted_at for delivery in self._heads()]
        return max(0.0, self._environment.monotonic() - min(accepted)) if accepted else 0.0

    @property
    def trouble(self) -> str:
        """Why the last attempt failed; "" if it did not fail."""
        return self._outage.reason

    @property
    def takes_digests(self) -> bool:
        """Whether the sink can put many alerts in one message."""
        return isinstance(self.sink, TakesDigests)

    def put(self, delivery: Delivery) -> None:
        """Queues a delivery behind those of its alert key and starts it if it can start."""
        if self._off_reason is not None:
            self._send_to_dead_letters(delivery, Ending.DISABLED, self._off_reason)
            return
        queue = self._queues.get(delivery.queue)
        if queue is None:
            queue = self._queues[delivery.queue] = KeyQueue()
            queue.task = asyncio.create_task(self._run(delivery.queue, queue), name=f"queue-{self.sink.name}")
        queue.deliveries[delivery] = None
        if delivery.digest is not None:
            self._digests.update((alert.alert_key, delivery) for alert in delivery.alerts)
        self._waiting[delivery] = None
        self._turns.arrived()
        if len(self._waiting) > self._limits.queue_limit:
            reason = f"more than {self._limits.queue_limit} alerts waited for this sink"
            self._send_to_dead_letters(next(iter(self._waiting)), Ending.OVERFLOWED, reason)

    def forget(self, delivery: Delivery) -> None:
        """Drops a delivery that is another worker's now. A request in flight ends, but nothing more follows from it."""
        was_waiting, delivery.state = delivery.state is DeliveryState.WAITING, DeliveryState.FORGOTTEN
        if was_waiting:
            self._take_out(delivery)

    def _heads(self) -> list[Delivery]:
        return [next(iter(queue.deliveries)) for queue in self._queues.values() if queue.deliveries]

    def _wake(self, key: str) -> None:
        if key in self._queues:
            self._queues[key].wake.set()

    def _wake_all(self) -> None:
        for queue in self._queues.values():
            queue.wake.set()

    async def aclose(self) -> None:
        """Ends requests on their way within `close_seconds`; what still waits stays unfinished."""
        self._closing = True
        tasks = [queue.task for queue in self._queues.values() if queue.task is not None]
        self._wake_all()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._limits.close_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for sink in (self.sink, *self._former):
            await sink.aclose()

    async def _run(self, key: str, queue: KeyQueue) -> None:
        while queue.deliveries and not self._closing:
            delivery = next(iter(queue.deliveries))
            try:
                await self._wait_for_digest(queue, delivery)
                await self._deliver_until_done(queue, delivery)
            except Exception:
                _log.exception("a delivery failed unexpectedly; the alert will be read again", sink=self.sink.name)
                self._take_out(delivery)
        if not queue.deliveries:
            del self._queues[key]

    async def _wait_for_digest(self, queue: KeyQueue, delivery: Delivery) -> None:
        """What happened to an alert after it was put into a digest is delivered after that digest."""
        ahead = None if delivery.digest is not None else self._digests.get(delivery.queue)
        while ahead is not None and self._is_open(delivery) and not ahead.finished.is_set():
            await queue.until(ahead.finished.wait())

    async def _deliver_until_done(self, queue: KeyQueue, delivery: Delivery) -> None:
        while self._is_open(delivery):
            async with self._turns.slots:
                if self._turns.left_to_probe(delivery):
                    delay: float | None = 0.0
                else:
                    await self._turns.wait(queue, delivery)
                    if not self._is_open(delivery):
                        return
                    delay = await self._try_once(delivery)
            if delay is None or not self._is_open(delivery):
                continue
            if not self._outage.is_on:
                await self._turns.pause(queue, delay)
            await self._turns.until_probe(queue, delivery)

    def _is_open(self, delivery: Delivery) -> bool:
        return not (delivery.is_over or self._closing)

    async def _try_once(self, delivery: Delivery) -> float | None:
        """One try and what follows from it; the seconds to wait if it is to be repeated."""
        delivery.state = DeliveryState.SENDING
        del self._waiting[delivery]
        if delivery.attempts == 0 and await self._endings.was_delivered(delivery):
            self._finish(delivery)
            return None
        delivery.attempts += 1
        sink, outcome = self.sink, await self._attempt(delivery)
        if sink is not self.sink and not isinstance(outcome, Delivered):
            self._wait_again(delivery)  # the address before says nothing about the one now, which is tried at once
            return None
        match outcome:
            case Delivered():
                self._outage.succeeded()
                await self._endings.delivered(delivery)
                self._finish(delivery)
            case Retry() as retry:
                return self._repeat(delivery, retry)
            case Rejected(reason):
                self._send_to_dead_letters(delivery, Ending.REJECTED, reason)
            case Disabled(reason):
                self._switch_off(reason)
                self._send_to_dead_letters(delivery, Ending.DISABLED, reason)
        return None

    async def _attempt(self, delivery: Delivery) -> Outcome:
        attempt = Attempt(
            delivery.attempts, self._environment.now_ms(), self._environment.check, delivery.message_id,
            delivery.group_key, self._texts,
        )  # fmt: skip
        attempt.check()
        try:
            if delivery.digest is not None and isinstance(self.sink, TakesDigests):
                return await self.sink.deliver_digest(delivery.digest, attempt)
            return await self.sink.deliver(delivery.shown, attempt)
        except Exception as error:
            _log.exception("a sink raised an exception; treated as a failed attempt", sink=self.sink.name)
            return Retry(None, f"the sink raised {type(error).__name__}")

    def _repeat(self, delivery: Delivery, retry: Retry) -> float | None:
        if delivery.is_forgotten:
            self._take_out(delivery)
            return None
        if self._off_reason is not None:
            self._send_to_dead_letters(delivery, Ending.DISABLED, self._off_reason)
            return None
        now, delivery.last_error = self._environment.monotonic(), retry.reason
        delay = delay_seconds(delivery.attempts, retry.after_seconds, self._environment.jitter)
        if retry.holds_sink:
            # Others wait no longer than a minute: a new alert is worth one question to a destination in distress.
            self._turns.hold(min(delay, CAP_SECONDS))
        if now + delay - delivery.accepted_at > self._limits.give_up_seconds:
            spent = round(now - delivery.accepted_at)
            reason = f"gave up after {delivery.attempts} attempts in {spent} s: {retry.reason}"
            self._send_to_dead_letters(delivery, Ending.GIVEN_UP, reason)
            return None
        self.counters["retried"] += 1
        say = _log.warning if delivery.attempts == 1 else _log.debug
        say("alert not delivered; it will be retried", sink=self.sink.name, **delivery.log_fields(),
            reason=retry.reason, wait_seconds=delay)  # fmt: skip
        self._wait_again(delivery)
        self._outage.failed(delivery, retry.reason, delay)
        return delay

    def _wait_again(self, delivery: Delivery) -> None:
        if delivery.is_forgotten:
            self._take_out(delivery)
            return
        delivery.state = DeliveryState.WAITING
        self._waiting[delivery] = None
        self._waiting.move_to_end(delivery, last=False)  # it came before those that have not been tried

    def _switch_off(self, reason: str) -> None:
        if self._off_reason is not None:
            return
        self._off_reason = f"the sink is disabled: {reason}"
        _log.error(
            "a sink is disabled because its destination is gone; correct its address and restart the worker",
            sink=self.sink.name, reason=reason,
        )  # fmt: skip
        for delivery in list(self._waiting):
            self._send_to_dead_letters(delivery, Ending.DISABLED, self._off_reason)

    def _send_to_dead_letters(self, delivery: Delivery, ending: Ending, reason: str) -> None:
        self._take_out(delivery)
        if delivery.is_forgotten:
            return
        self._endings.dead_letter(delivery, ending, reason)

    def _finish(self, delivery: Delivery) -> None:
        self._take_out(delivery)
        delivery.ended()

    def _take_out(self, delivery: Delivery) -> None:
        if not delivery.is_forgotten:
            delivery.state = DeliveryState.ENDED
        self._waiting.pop(delivery, None)
        delivery.finished.set()
        if delivery.digest is not None:
            self._digests = {key: digest for key, digest in self._digests.items() if digest is not delivery}
        queue = self._queues.get(delivery.queue)
        if queue is None or delivery not in queue.deliveries:
            return
        if delivery is next(iter(queue.deliveries)):
            queue.wake.set()
        del queue.deliveries[delivery]
        self._outage.left(delivery)
