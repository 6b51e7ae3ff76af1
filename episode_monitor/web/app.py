"""Makes the web app of its parts. It reads no environment and opens no connection."""

from collections.abc import Sequence

from fastapi import APIRouter
from prometheus_client import CollectorRegistry

from episode_monitor import __version__
from episode_monitor.observe.request_metrics import RequestMetrics
from episode_monitor.web import problems
from episode_monitor.web.context import WebContext
from episode_monitor.web.gate import Gate, Outermost
from episode_monitor.web.idempotency import Idempotency
from episode_monitor.web.routes import (
    alerts,
    audit,
    integrity,
    jobs,
    pages,
    performance,
    process,
    rules,
    stream,
    whoami,
)
from episode_monitor.web.routes import repairs as repair_routes
from episode_monitor.web.schemas import DocumentedApp

_ABOUT = (
    "Monitors episode numbering: gaps, duplicates, conflict and failure rates. Errors are `application/problem+json` "
    "with a `code`. Reads carry an ETag. While tables recover, views answer 503 with `Retry-After`, never zeros. Reads "
    "are open; changes need an operator's token where API_TOKENS is set, and a program of this machine where it is not."
)


def create_web_app(
    context: WebContext,
    *,
    registry: CollectorRegistry | None = None,
    extra_routers: Sequence[APIRouter] = (),
    version: str = __version__,
    is_traced: bool = False,
) -> DocumentedApp:
    """Make the app.

    `registry` takes the request metrics (one app a registry). `extra_routers` come before our own, except the page's;
    those under `/internal/` must bring `security.internal_guard`, all others are guarded like ours. `is_traced`: see
    `Outermost`.
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
    app.state.web = context
    problems.install(app, context.kafka_trouble)
    # FastAPI prepares a router when a request comes to it, on its way past those before it: the page waits for none.
    parts = (repair_routes, integrity, performance, alerts, rules, audit, jobs, stream, whoami, process)
    for router in (pages.router, *extra_routers, *(part.router for part in parts)):
        app.include_router(router)
    app.add_middleware(Idempotency, keys=context.idempotency)
    app.add_middleware(Gate, settings=context.settings)
    app.add_middleware(Outermost, metrics=RequestMetrics(registry or CollectorRegistry()), is_traced=is_traced)
    return app
