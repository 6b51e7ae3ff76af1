"""What watches the way of alerts through one worker: how long deliveries take, and, with an endpoint, spans."""

import asyncio
import uuid

from prometheus_client import CollectorRegistry

from agents.tracing import TracePoints
from episode_monitor import __version__
from episode_monitor.access import secret, topic_names
from episode_monitor.observe.deliveries import DeliveryTimes
from episode_monitor.observe.tracing import NotInstalled, Traces, TracingConfig
from episode_monitor.settings.settings import Settings, SettingsError


class WorkerTraces:
    """Registers its metric. Raises SettingsError where an endpoint is set and OpenTelemetry is not installed."""

    def __init__(self, settings: Settings, registry: CollectorRegistry) -> None:
        self._traces = _traces(settings)
        times = DeliveryTimes(registry, None if self._traces is None else self._traces.delivered)
        self.points = TracePoints(ended=times.ended)
        if self._traces is not None:
            self.points = TracePoints(
                is_on=True, emitted=self._traces.emitted, notified=self._traces.notified, ended=times.ended
            )

    async def aclose(self) -> None:
        """Send what waits, in bounded time."""
        if self._traces is not None:
            await asyncio.to_thread(self._traces.close)


def _traces(settings: Settings) -> Traces | None:
    if settings.otel_exporter_otlp_endpoint is None:
        return None
    topics = topic_names(settings)
    config = TracingConfig(
        endpoint=settings.otel_exporter_otlp_endpoint,
        headers=secret(settings.otel_exporter_otlp_headers) or "",
        service=settings.otel_service_name,
        version=__version__,
        instance=uuid.uuid4().hex[:12],
        alerts_topic=topics.alerts,
        notifications_topic=topics.notifications,
        monitor_id=settings.monitor_id,
    )
    try:
        return Traces(config)
    except NotInstalled as error:
        raise SettingsError(str(error)) from None
