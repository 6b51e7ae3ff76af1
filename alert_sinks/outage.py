"""An outage of a destination: two alerts or more failed, and none was taken since. Then one delivery alone probes."""

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
        self.reason = reason
        if self.is_on:
            self._probe_at = self._environment.monotonic() + min(delay, CAP_SECONDS)
            self._choose_prober()

    def succeeded(self) -> None:
        """The destination accepted a delivery: after an outage all waiting deliveries are tried, the oldest first."""
        was_on, self.reason, self._prober = self.is_on, "", None
        self._failing.clear()
        if was_on:
            for delivery in sorted(self._heads(), key=lambda delivery: delivery.accepted_at):
                self._wake(delivery.queue)

    def left(self, delivery: Delivery) -> None:
        """This delivery is no longer in its queue."""
        self._failing.discard(delivery.queue)
        if delivery is self._prober:
            self._choose_prober()

    def _choose_prober(self) -> None:
        """The delivery with the fewest attempts, then the oldest; so one that always fails blocks no other."""
        waiting = [each for each in self._heads() if each.state is DeliveryState.WAITING and each.attempts]
        chosen = min(waiting, key=lambda each: (each.attempts, each.accepted_at), default=None)
        former, self._prober = self._prober, chosen
        for delivery in (former, chosen):
            if delivery is not None:
                self._wake(delivery.queue)
