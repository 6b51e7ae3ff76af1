"""A web app on the fake fleet, and clients that come from wherever a test says."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
import pytest_asyncio

from episode_monitor.storage.audit import AuditEntry
from episode_monitor.web.settings import WebSettings
from tests.web.fake_views import STARTS_AT_MS, FakeViews, fake_app

Connect = Callable[..., httpx.AsyncClient]


@pytest.fixture
def views() -> FakeViews:
    return FakeViews()


@pytest.fixture
def audit() -> list[AuditEntry]:
    return []


@pytest_asyncio.fixture
async def connect(views: FakeViews, audit: list[AuditEntry]) -> AsyncIterator[Connect]:
    """`connect(settings, peer=..., host=..., **parts)` makes an app of its own and a client for it."""
    async with AsyncExitStack() as stack:

        def make(
            settings: WebSettings | None = None, *, peer: str = "127.0.0.1", host: str = "127.0.0.1:8002", **parts: Any
        ) -> httpx.AsyncClient:
            parts = {"audit": audit.append, "now_ms": lambda: STARTS_AT_MS, **parts}
            app = fake_app(views, settings or WebSettings(), **parts)
            transport = httpx.ASGITransport(app=app, client=(peer, 50_000))
            client = httpx.AsyncClient(transport=transport, base_url=f"http://{host}")
            stack.push_async_callback(client.aclose)
            return client

        yield make


@pytest.fixture
def client(connect: Connect) -> httpx.AsyncClient:
    """A caller on this machine, with the default settings."""
    return connect()
