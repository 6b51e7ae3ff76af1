"""What the browser tests share: the running parts, events of hostile names, and the axe check."""

import asyncio
import html
import json
import os
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from playwright.sync_api import Page, expect

from episode_monitor.demo.programs import Program
from tests.agents.support import created, now_ms
from tests.system.running import post

AXE = Path(__file__).resolve().parents[2] / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "\u202egnp.exe",
    "x" * 200,
    "\U0001f4a5 emoji \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "../../etc/passwd",
    "../x",
    "a/b?c#d&e=%2F",
    "..",
    "{title}",
    "프로젝트 이름",
)


DASHBOARD_URL = "http://127.0.0.1:9/episodes"  # in links of messages; tests put the worker's own address there


class Slack:
    """An incoming webhook as Slack has it; a context manager. `bodies` are what came."""

    def __init__(self) -> None:
        bodies: list[dict[str, Any]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, format: str, *words: object) -> None:
                """Says nothing."""

        self.bodies = bodies
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/services/T/B/x"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def links(self, project: str) -> list[str]:
        """Addresses of the dashboard in the messages about a project."""
        messages = [list(_texts(body)) for body in self.bodies]
        about = [texts for texts in messages if project in texts]
        return [link for texts in about for text in texts for link in re.findall(rf"{DASHBOARD_URL}[^|>\s]*", text)]


def _texts(body: Any) -> Iterator[str]:
    """Every text in a message."""
    if isinstance(body, str):
        yield html.unescape(body)
    for part in body.values() if isinstance(body, dict) else body if isinstance(body, list) else ():
        yield from _texts(part)


class System(msgspec.Struct, frozen=True):
    """The parts that run; `database_url` is the project service's."""

    broker: str
    prefix: str
    service: Program
    monitor: Program
    slack: Slack
    database_url: str


def send(system: System, events: Mapping[str, list[bytes]], prefix: str = "") -> None:
    """Events by project, to the shared worker or to that of `prefix`; in a thread of its own, since Playwright's event
    loop has this one."""

    async def sent() -> None:
        async with AIOKafkaProducer(bootstrap_servers=system.broker, acks="all") as producer:
            for project, values in events.items():
                for value in values:
                    await producer.send_and_wait(f"{prefix or system.prefix}events", value, project.encode())

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


def trouble(system: System, project: str, *kinds: str | None) -> None:
    """Creates an episode a kind in the project service: `lose_number`, `use_twice`, or None for a good one."""
    for kind in kinds:
        if kind:
            assert post(system.service, "/admin/trouble", {"project_id": project, "kind": kind})[0] == 200
        assert post(system.service, f"/projects/{project}/episodes", {"title": "t"})[0] == 201


def confirm(page: Page, label: str, *, by: str = "mina", comment: str = "", typed: str = "") -> None:
    """Fill in the open dialog and send it; it closes."""
    submit(page, label, by=by, comment=comment, typed=typed)
    expect(page.get_by_role("dialog")).to_have_count(0)


def submit(page: Page, label: str, *, by: str = "mina", comment: str = "", typed: str = "") -> None:
    """Fill in the open dialog and send it."""
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Your name").fill(by)
    if comment:
        dialog.get_by_label(re.compile("Comment|Reason")).fill(comment)
    if typed:
        dialog.get_by_label(re.compile("Type to confirm")).fill(typed)
    dialog.get_by_role("button", name=label, exact=True).click()


def too_wide(page: Page) -> list[str]:
    """Elements that keep the page wider than its window, once nothing is loaded any more."""
    expect(page.locator(".bone")).to_have_count(0)
    found: list[str] = []
    for _ in range(40):
        found = _wide(page)
        if not found:
            break
        page.wait_for_timeout(250)
    return found


def _wide(page: Page) -> list[str]:
    found: list[str] = page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll('body *')]
        .filter((each) => each.getBoundingClientRect().right > innerWidth && !each.closest('.table-wrap'))
        .map((each) => `${each.tagName} ${each.className} ${each.textContent.slice(0, 40)}`).slice(0, 8)"""
    )
    return found


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
