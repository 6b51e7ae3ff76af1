"""Faults of the receivers of alerts: each must get every transition in the end, under the same webhook-id."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from episode_monitor.demo.ports import LOOPBACK
from faults.infra import Ground, InfraStage, scenario
from testbed.toxiproxy import Toxiproxy

WAY = "receiver"
HARM_SECONDS = 4.0


@asynccontextmanager
async def impatient(folder: Path, broker: str) -> AsyncIterator[Ground]:
    """Workers with a sink timeout of one second."""
    yield Ground(bootstrap_servers=broker, environment={"SINK_TIMEOUT_SECONDS": "1"})


async def _behaves(stage: InfraStage, step: dict[str, Any]) -> None:
    """The receiver behaves so from the start and recovers after a while; a worker dies meanwhile."""
    await stage.behave({"sink": "webhook", "times": None, **step})
    await stage.start("a")
    await stage.live("a")
    await asyncio.sleep(HARM_SECONDS / 2)
    await stage.kill("a")
    await stage.start("a")
    await stage.live("a")
    await asyncio.sleep(HARM_SECONDS / 2)
    await stage.behave(None)


def _was_harmed(stage: InfraStage, status: int) -> None:
    async def harmed() -> list[str]:
        count = sum(one.status == status for one in stage.evidence.received)
        stage.figures[f"answered_{status}"] = count
        return [] if count else [f"No delivery was answered {status}: the round proves nothing."]

    stage.afterwards.append(harmed)


@scenario("receiver-500", impatient)
async def receiver_500(stage: InfraStage) -> None:
    """The receiver answers 500 to everything for a while."""
    _was_harmed(stage, 500)
    await _behaves(stage, {"status": 500})


@scenario("receiver-429", impatient)
async def receiver_429(stage: InfraStage) -> None:
    """The receiver answers 429 with `Retry-After: 1` to every delivery."""
    _was_harmed(stage, 429)
    await _behaves(stage, {"status": 429, "retry_after": 1})


@scenario("receiver-hangs", impatient)
async def receiver_hangs(stage: InfraStage) -> None:
    """The receiver accepts each request and does not answer: a delivery in its journal must not count as delivered."""
    await _behaves(stage, {"status": 503, "delay_seconds": 30.0})
    _was_harmed(stage, 503)


@scenario("receiver-closes-half-way", impatient)
async def receiver_closes_half_way(stage: InfraStage) -> None:
    """The receiver closes the connection in the middle of its answer, a 500."""
    _was_harmed(stage, 0)
    await _behaves(stage, {"status": 500, "close_midway": True})


@asynccontextmanager
async def behind_proxy(folder: Path, broker: str) -> AsyncIterator[Ground]:
    """The receiver is behind a proxy."""
    async with Toxiproxy() as proxy:
        yield Ground(bootstrap_servers=broker, parts=proxy)


@scenario("receiver-refuses", behind_proxy)
async def receiver_refuses(stage: InfraStage) -> None:
    """Connections to the receiver are refused from the start, then accepted, then broken."""
    proxy: Toxiproxy = stage.ground.parts
    port = await asyncio.to_thread(proxy.way, WAY, urlsplit(stage.receiver_url).port or 0)
    stage._environment["MONITORING_WEBHOOK_URL"] = f"http://{LOOPBACK}:{port}/webhook"
    await asyncio.to_thread(proxy.cut, WAY)
    await stage.start("a")
    await stage.live("a")
    await asyncio.sleep(HARM_SECONDS / 2)
    await asyncio.to_thread(proxy.mend, WAY)
    await asyncio.sleep(HARM_SECONDS / 4)
    await asyncio.to_thread(proxy.cut, WAY)
    await asyncio.sleep(HARM_SECONDS / 4)
    await asyncio.to_thread(proxy.mend, WAY)
