"""What every route needs, made once by `create_web_app` and found through the request."""

import secrets
import time
from collections.abc import Callable
from typing import cast

import msgspec
from fastapi import Request

from episode_monitor.fleet.errors import Views
from episode_monitor.repair.automatic import AutomaticRepairs
from episode_monitor.web.audit import AuditEntry
from episode_monitor.web.settings import WebSettings


def wall_clock_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class WebContext(msgspec.Struct, frozen=True, kw_only=True):
    """The parts a route may use. `audit` must not block: it is called inside the request."""

    views: Views
    settings: WebSettings
    audit: Callable[[AuditEntry], None]
    now_ms: Callable[[], int] = wall_clock_ms
    repairs: AutomaticRepairs | None = None  # None: DATABASE_URL is not set
    salt: bytes = msgspec.field(default_factory=lambda: secrets.token_bytes(16))


def context_of(request: Request) -> WebContext:
    """The context of the app that serves this request."""
    return cast(WebContext, request.app.state.web)
