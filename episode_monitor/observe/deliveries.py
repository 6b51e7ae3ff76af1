"""How long deliveries take, with the id of a delivery's trace as an exemplar where it is traced."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from alert_sinks.delivery import Ended
from episode_monitor.observe import catalogue


class DeliveryTimes:
    """Registers its metric. `trace` makes the span of a delivery and returns its trace id; None: nothing is traced."""

    def __init__(self, registry: CollectorRegistry, trace: Callable[[Ended], str] | None = None) -> None:
        self._seconds = catalogue.DELIVERY_SECONDS.histogram(registry)
        self._trace = trace

    def ended(self, ended: Ended) -> None:
        """One delivery has ended."""
        self._seconds.observe(ended.seconds, None if self._trace is None else {"trace_id": self._trace(ended)})
