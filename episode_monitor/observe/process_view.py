"""What machines ask of this process: whether it is ready, and its metrics."""

import asyncio
from typing import Any, Protocol

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric

from agents.engine.stored_values import StoredValuesAreLost
from agents.fleet_topic.fleet_view import FleetView
from episode_monitor.fleet.errors import Recovering
from episode_monitor.fleet.local_state import lists_of, parts_of_fleet, totals_of
from episode_monitor.observe.metrics import FleetCollector
from episode_monitor.observe.monotonic_counters import RisingFleet
from episode_monitor.observe.worker_state import WorkerState
from models.process_views import Readiness
from streams.partition import drift_alerts
from streams.views.fleet_metrics import fleet_metrics

log = structlog.get_logger(__name__)


class Process(Protocol):
    """What the web asks of the process; `ProcessView` is one."""

    async def readiness(self) -> Readiness:
        """Never raises: not being ready is an answer."""

    async def metrics(self, accept: str = "") -> tuple[bytes, str]:
        """The samples and their content type: OpenMetrics if the header `accept` asks for it, else text."""

    async def metrics_json(self) -> dict[str, Any]:
        """The same samples: a name, and a list of labels and value."""


class ProcessView:
    """`registry` takes the fleet's metrics."""

    def __init__(
        self, view: FleetView, worker: WorkerState, registry: CollectorRegistry, max_projects: int = 100
    ) -> None:
        rules = view.engine.core.rules.by_id.values()
        self._view = view
        self._worker = worker
        self._registry = registry
        self._max_projects = max_projects
        self._rising = RisingFleet()
        self._collector = FleetCollector(
            [(rule.severity.value, rule.measure.name) for rule in rules]
            + [(drift_alerts.RULE.severity.value, drift_alerts.RULE.measure.name)]
        )
        self._measuring = asyncio.Lock()
        registry.register(self._collector)

    async def readiness(self) -> Readiness:
        """See `Process`."""
        return self._worker.readiness()

    async def metrics(self, accept: str = "") -> tuple[bytes, str]:
        """See `Process`."""
        encode, content_type = choose_encoder(accept)
        async with self._measuring:
            await self._measure()
            return encode(self._registry), content_type

    async def metrics_json(self) -> dict[str, Any]:
        """See `Process`."""
        async with self._measuring:
            await self._measure()
            samples: dict[str, list[dict[str, Any]]] = {}
            for family in self._registry.collect():
                for sample in family.samples:
                    samples.setdefault(sample.name, []).append({"labels": sample.labels, "value": sample.value})
            return samples

    async def collected(self) -> list[Metric]:
        """The same samples as objects."""
        async with self._measuring:
            await self._measure()
            return list(self._registry.collect())

    async def _measure(self) -> None:
        self._collector.worker = self._worker.metrics()
        self._collector.fleet = None
        try:
            parts = parts_of_fleet(self._view)
            lists, totals = [], []
            for part in parts:
                lists.append(await lists_of(part, self._max_projects))
                totals.append(totals_of(part))
                await asyncio.sleep(0)
        except Recovering:
            return
        except StoredValuesAreLost as error:  # a scrape says all the rest, just now
            log.error("projects cannot be measured", error=str(error))
            return
        counts = [part.counts for part in parts]
        self._collector.fleet = self._rising.risen(fleet_metrics(counts, lists, totals, self._max_projects))
