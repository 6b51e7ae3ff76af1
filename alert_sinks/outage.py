"""An outage of a destination: two alerts or more failed, and none was taken since. Then one delivery alone probes."""

import heapq
from collections.abc import Callable

from alert_sinks.backoff import CAP_SECONDS
from alert_sinks.delivery import Delivery, DeliveryState
from alert_sinks.environment import Environment


class Outage:
    """The state of one sink. `heads` returns the first delivery of each queue, `wake` makes a queue check again."""

    def __init__(
        self, environment: Environment, heads: Callable[[], list[Delivery]], wake: Callable[[str], None]
    ) -> None:
        self.reason = ""  # why the last try failed; "" after one that did not
        self._environment = environment
        self._heads = heads
        self._wake = wake
        self._failing: set[str] = set()  # queues that failed since the last success
        self._tried: list[tuple[int, float, int, Delivery]] = []  # heap: attempts, accepted at, number; some are over
        self._number = 0
        self._prober: Delivery | None = None  # the only one that tries again
        self._probe_at = 0.0  # monotonic

    @property
    def is_on(self) -> bool:
        """Whether the destination is considered down."""
        return len(self._failing) > 1

    def seconds_to_probe(self, delivery: Delivery) -> float | None:
        """How long this delivery waits before it probes; None if another one probes."""
        return self._probe_at - self._environment.monotonic() if self._prober is delivery else None

    def failed(self, delivery: Delivery, reason: str, delay: float) -> None:
        """An attempt failed; the next is due after `delay` seconds."""
        self._failing.add(delivery.queue)
        self._number += 1
        heapq.heappush(self._tried, (delivery.attempts, delivery.accepted_at, self._number, delivery))
        self._first_tried()  # drops those that are over
        self.reason = reason
        if self.is_on:
            self._probe_at = self._environment.monotonic() + min(delay, CAP_SECONDS)
            self._choose_prober()

    def succeeded(self) -> None:
        """The destination accepted a delivery: after an outage all waiting deliveries are tried, the oldest first."""
        was_on, self.reason, self._prober = self.is_on, "", None
        self._failing.clear()
        if was_on:
            self._wake_all()

    def left(self, delivery: Delivery) -> None:
        """This delivery is no longer in its queue."""
        was_on = self.is_on
        self._failing.discard(delivery.queue)
        if delivery is self._prober:
            self._choose_prober()
        if was_on and not self.is_on:
            self._wake_all()

    def ask_now(self) -> None:
        """A new alert is worth one question to a destination in distress: the probe is due at once."""
        if self._prober is not None:
            self._probe_at = self._environment.monotonic()
            self._wake(self._prober.queue)

    def _wake_all(self) -> None:
        for delivery in sorted(self._heads(), key=lambda delivery: delivery.accepted_at):
            self._wake(delivery.queue)

    def _choose_prober(self) -> None:
        """The delivery with the fewest attempts, then the oldest; so one that always fails blocks no other."""
        former, self._prober = self._prober, self._first_tried()
        for delivery in (former, self._prober):
            if delivery is not None:
                self._wake(delivery.queue)

    def _first_tried(self) -> Delivery | None:
        while self._tried:
            attempts, _, _, delivery = self._tried[0]
            if delivery.state is DeliveryState.WAITING and delivery.attempts == attempts:
                return delivery
            heapq.heappop(self._tried)
        return None
