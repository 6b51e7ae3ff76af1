"""What the browser tests share: the running parts, events of hostile names, and the axe check."""

import asyncio
import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from playwright.sync_api import Page

from episode_monitor.demo.programs import Program
from tests.agents.support import created, now_ms

AXE = Path(__file__).resolve().parents[2] / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "\u202egnp.exe",
    "x" * 200,
    "\U0001f4a5 emoji \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "../../etc/passwd",
    "a/b?c#d&e=%2F",
    "..",
    "{title}",
    "프로젝트 이름",
)


class System(msgspec.Struct, frozen=True):
    """The parts that run."""

    broker: str
    prefix: str
    service: Program
    monitor: Program


def send(system: System, events: Mapping[str, list[bytes]]) -> None:
    """Events by project; in a thread of its own, since Playwright's event loop has this one."""

    async def sent() -> None:
        async with AIOKafkaProducer(bootstrap_servers=system.broker, acks="all") as producer:
            for project, values in events.items():
                for value in values:
                    await producer.send_and_wait(f"{system.prefix}events", value, project.encode())

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, sent()).result()


def numbered(project: str, *numbers: int) -> list[bytes]:
    """Created episodes with these numbers."""
    short = f"{project[:50]}-{len(project)}"  # ids are shorter than names may be
    return [
        created(project, number, event_id=f"ev-{short}-{number}", episode_id=f"ep-{short}-{number}")
        for number in numbers
    ]


def failed(project: str) -> bytes:
    """A creation that failed."""
    return created(project, 1, type="episode.creation_failed", event_id=f"failed-{now_ms()}-{len(project)}")


def violations(page: Page) -> list[str]:
    """What axe finds on the page as it is now."""
    if not AXE.exists():
        if os.environ.get("CI"):
            pytest.fail("CI needs axe-core: run npm ci in dashboard/.")
        pytest.skip("no axe-core: run npm ci in dashboard/")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {json.dumps([node['target'] for node in one['nodes']][:3])} "
        f"{one['nodes'][0]['failureSummary'][:200]}"
        for one in found["violations"]
    ]
