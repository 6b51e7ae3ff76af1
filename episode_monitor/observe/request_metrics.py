"""How many requests of which kind, and how long they took. Labels are bounded: route templates, never paths."""

from typing import Final

from prometheus_client import CollectorRegistry

from episode_monitor.observe import catalogue
from episode_monitor.observe.described import OTHER

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # others are counted as one
_PROCESS: Final = frozenset({"/livez", "/readyz", "/metrics", "/monitoring/episodes/metrics/export"})
_VIEWS: Final = ("/monitoring/", "/api/")
_PEERS: Final = "/internal/"


class RequestMetrics:
    """Registers its two metrics; one registry takes one web app."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = catalogue.REQUESTS.counter(registry)
        self._seconds = catalogue.REQUEST_SECONDS.histogram(registry)
        self._known: set[tuple[str, str, str]] = set()

    def observe(
        self, method: str, route: str, status: int | None, seconds: float | None, trace_id: str | None = None
    ) -> None:
        """Count one request; `status` is None where the answer never started, `seconds` where it lasts as long as the
        caller stays. `trace_id` is shown as an exemplar."""
        labels = (method if method in _METHODS else "OTHER", route, str(status or "none"))
        if labels not in self._known:
            if len(self._known) >= catalogue.REQUESTS.most_sets - 1:
                labels = (OTHER, OTHER, OTHER)
            self._known.add(labels)
        exemplar = None if trace_id is None else {"trace_id": trace_id}
        self._requests.labels(*labels).inc()
        if seconds is not None:
            self._seconds.labels(_kind(method, route)).observe(seconds, exemplar)


def _kind(method: str, route: str) -> str:
    if route in _PROCESS:
        return "process"
    if route.startswith(_PEERS):
        return "peer"
    if not route.startswith(_VIEWS):
        return "page"
    return "read" if method in ("GET", "HEAD", "OPTIONS") else "change"
