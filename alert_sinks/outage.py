"""An outage of a destination: two alerts or more failed, and none was taken since. Then one delivery alone probes."""

from collections.abc import Callable

from alert_sinks.backoff import CAP_SECONDS
from alert_sinks.delivery import Delivery, DeliveryState
from alert_sinks.environment import Environment


class Outage:
    """Of one sink. `heads` answers the first delivery of each queue, `wake` lets a queue look again."""

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
        """Whether the destination is taken to be down."""
        return len(self._failing) > 1

    def seconds_to_probe(self, delivery: Delivery) -> float | None:
        """How long this one waits before it probes; None where another one does."""
        return self._probe_at - self._environment.monotonic() if self._prober is delivery else None

    def failed(self, delivery: Delivery, reason: str, delay: float) -> None:
        """A try failed, to be repeated after so many seconds."""
        self._failing.add(delivery.queue)
        self.reason = reason
        if self.is_on:
            self._probe_at = self._environment.monotonic() + min(delay, CAP_SECONDS)
            self._choose_prober()

    def succeeded(self) -> None:
        """The destination took something: after an outage all that waits is tried, the oldest first."""
        was_on, self.reason, self._prober = self.is_on, "", None
        self._failing.clear()
        if was_on:
            for delivery in sorted(self._heads(), key=lambda delivery: delivery.accepted_at):
                self._wake(delivery.queue)

    def left(self, delivery: Delivery) -> None:
        """This one is no longer in its queue."""
        self._failing.discard(delivery.queue)
        if delivery is self._prober:
            self._choose_prober()

    def _choose_prober(self) -> None:
        """The one that was tried least, and of those the oldest: one that is always refused stops no other."""
        waiting = [each for each in self._heads() if each.state is DeliveryState.WAITING and each.attempts]
        chosen = min(waiting, key=lambda each: (each.attempts, each.accepted_at), default=None)
        former, self._prober = self._prober, chosen
        for delivery in (former, chosen):
            if delivery is not None:
                self._wake(delivery.queue)
