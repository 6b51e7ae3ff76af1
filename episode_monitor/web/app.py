"""Puts the HTTP face together. Every part it needs is handed in; it reads no environment and opens no connection."""

from collections.abc import Callable, Sequence

from fastapi import APIRouter
from prometheus_client import CollectorRegistry

from episode_monitor import __version__
from episode_monitor.fleet.errors import Views
from episode_monitor.observe.request_metrics import RequestMetrics
from episode_monitor.repair.automatic import AutomaticRepairs
from episode_monitor.web import problems
from episode_monitor.web.audit import AuditEntry, log_entry
from episode_monitor.web.context import WebContext, wall_clock_ms
from episode_monitor.web.gate import Gate, Outermost
from episode_monitor.web.routes import alerts, integrity, jobs, pages, performance, process
from episode_monitor.web.routes import repairs as repair_routes
from episode_monitor.web.schemas import DocumentedApp
from episode_monitor.web.settings import WebSettings

_ABOUT = (
    "Watches episode numbering: gaps, duplicates, conflict and failure rates. Errors are `application/problem+json` "
    "with a `code`. Reads carry an ETag. While tables recover, views answer 503 with `Retry-After`, never zeros. Reads "
    "are open; changes need an operator's token where API_TOKENS is set, and a program of this machine where it is not."
)


def create_web_app(
    views: Views,
    settings: WebSettings,
    *,
    registry: CollectorRegistry | None = None,
    audit: Callable[[AuditEntry], None] = log_entry,
    extra_routers: Sequence[APIRouter] = (),
    now_ms: Callable[[], int] = wall_clock_ms,
    version: str = __version__,
    repairs: AutomaticRepairs | None = None,
) -> DocumentedApp:
    """Make the app.

    `registry` takes the request metrics (one app a registry). `audit` must not block. `extra_routers` come before our
    own routes; those under `/internal/` must bring `security.internal_guard`, all others are guarded like ours.
    """
    app = DocumentedApp(
        title="Episode monitor",
        description=_ABOUT,
        version=version,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        servers=[{"url": "."}],  # where this document lies, below any path of a proxy
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.web = WebContext(views=views, settings=settings, audit=audit, now_ms=now_ms, repairs=repairs)
    problems.install(app)
    parts = (repair_routes, integrity, performance, alerts, jobs, process, pages)
    for router in (*extra_routers, *(part.router for part in parts)):
        app.include_router(router)
    app.add_middleware(Gate, settings=settings)
    app.add_middleware(Outermost, metrics=RequestMetrics(registry or CollectorRegistry()))
    return app
