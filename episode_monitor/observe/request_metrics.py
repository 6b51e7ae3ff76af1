"""How many requests of which kind, and how long they took. Labels are bounded: route templates, never paths."""

from prometheus_client import CollectorRegistry, Counter, Histogram

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # others are counted as one
_BUCKETS_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)


class RequestMetrics:
    """Registers its two metrics; one registry takes one web app."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "episode_monitor_http_requests",
            "HTTP requests answered, by route template and status",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "episode_monitor_http_request_duration_seconds",
            "Time to answer an HTTP request, by route template",
            ["method", "route"],
            buckets=_BUCKETS_SECONDS,
            registry=registry,
        )

    def observe(self, method: str, route: str, status: int | None, seconds: float) -> None:
        """Count one request; `status` is None where the answer never started."""
        method = method if method in _METHODS else "OTHER"
        self._requests.labels(method, route, str(status or "none")).inc()
        self._seconds.labels(method, route).observe(seconds)
