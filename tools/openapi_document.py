"""Writes the OpenAPI document of a worker, for the dashboard's types, and docs/http.md with the same:
`python -m tools.openapi_document`.

The routers are made without a worker: the document is of routes and shapes, and no handler is called.
"""

from pathlib import Path
from typing import Any, Final, cast

import msgspec

from episode_monitor.alertmanager_api.routes import Monitor, alertmanager_router
from episode_monitor.deliveries.routes import dead_letter_router, receiver_router
from episode_monitor.dispatch.on_call_routes import on_call_router
from episode_monitor.dispatch.reload_routes import reload_router
from episode_monitor.dispatch.routes import silence_router
from episode_monitor.replay_jobs.routes import replay_router
from episode_monitor.web.app import create_web_app
from episode_monitor.web.context import WebContext
from episode_monitor.web.settings import WebSettings
from tools.http_document import PAGE, page

DOCUMENT: Final = Path(__file__).parent.parent / "dashboard" / "openapi.json"


def document() -> bytes:
    """As it is committed: indented, sorted, without the version of the monitor."""
    nothing: Any = cast(Any, None)
    routers = [
        replay_router(nothing, nothing),
        reload_router(nothing, nothing, ""),
        silence_router(nothing),
        on_call_router(nothing, nothing),
        receiver_router(nothing, "", nothing),
        dead_letter_router(nothing),
        alertmanager_router(nothing, Monitor("", 0, dict)),
    ]
    context = WebContext(
        fleet=nothing,
        process=nothing,
        jobs=nothing,
        drift_of=nothing,
        settings=WebSettings(),
        audit=nothing,
        alert_desk=nothing,
    )
    app = create_web_app(context, extra_routers=routers, version="0")
    made = msgspec.json.encode(app.openapi(), order="sorted")
    return msgspec.json.format(made, indent=1) + b"\n"


if __name__ == "__main__":
    DOCUMENT.write_bytes(document())
    PAGE.write_text(page(msgspec.json.decode(document())), encoding="utf-8")
