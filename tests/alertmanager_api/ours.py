"""The API over a dispatcher in this process: its core, and a desk whose acts are decided at once."""

import asyncio
from types import SimpleNamespace
from typing import cast

import httpx

from agents.dispatching import Dispatching
from episode_monitor.alertmanager_api.routes import Monitor, alertmanager_router
from episode_monitor.dispatch.desk import DispatchDesk
from episode_monitor.storage.audit import AuditEntry
from episode_monitor.web.settings import WebSettings
from streams.dispatch.config import DispatchConfig
from streams.dispatch.decide import decide
from streams.dispatch.inputs import Act, AnyInput
from streams.dispatch.state import State
from streams.dispatch.table import Refusal
from tests.agents.support import now_ms
from tests.web.fake_views import FakeViews, fake_app


class Dispatcher:
    """The core with the wall clock."""

    def __init__(self, config: DispatchConfig) -> None:
        self.config = config
        self.kept = State()

    def give(self, given: AnyInput) -> Refusal | None:
        """Decide one input now."""
        return decide(self.config, self.kept, given, now_ms()).refusal

    def state(self) -> State:
        """As the read model gives it."""
        return self.kept

    async def perform(self, act: Act) -> Refusal | None:
        """As the desk for acts does it."""
        return self.give(act)


def client_of(dispatcher: Dispatcher, audit: list[AuditEntry]) -> httpx.AsyncClient:
    """A caller on this machine; the base is the API v2."""
    caught_up = asyncio.Event()
    caught_up.set()
    parts = SimpleNamespace(
        model=dispatcher, follower=SimpleNamespace(caught_up=caught_up, status="ok"), act_desk=dispatcher
    )
    return client_of_parts(cast(Dispatching, parts), audit)


def client_of_parts(dispatching: Dispatching, audit: list[AuditEntry]) -> httpx.AsyncClient:
    """The same over the parts of a worker."""
    desk = DispatchDesk(dispatching, now_ms)
    router = alertmanager_router(desk, Monitor("episode-monitor", now_ms(), lambda: {"w1": "http://127.0.0.1:8002"}))
    app = fake_app(FakeViews(), WebSettings(), audit=audit.append, extra_routers=[router])
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 50_000))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8002/api/v2")
