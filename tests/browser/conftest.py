"""A running system (broker, database, sample service, worker) and Chromium. Without a browser all is skipped."""

import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, expect, sync_playwright

from episode_monitor.demo.embedded import EmbeddedPostgres
from episode_monitor.demo.programs import Program
from tests.browser.parts import DASHBOARD_URL, Slack, System
from tests.system.running import ready, until, worker
from tests.system.test_repair import service

NAMES = ("chromium", "chromium-browser", "google-chrome")
Open = Callable[..., Page]
Start = Callable[..., Program]
PATIENCE_MS = int(os.environ.get("PATIENCE_MS") or 60_000)
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Headless; for this folder alone, because no event loop of another test can run beside Playwright's."""
    path = os.environ.get("CHROMIUM") or next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs a browser: apt-get install chromium.")
        pytest.skip("no browser: install chromium, or set CHROMIUM to its path")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def system(browser: Browser, broker: str, postgres: EmbeddedPostgres) -> Iterator[System]:
    """Shared by all files, so a test has projects of its own, and counts no others. `browser` comes first, so that
    nothing is started where there is none."""
    prefix = f"browser-{uuid.uuid4().hex[:8]}-"
    names = [f"{prefix.strip('-').replace('-', '_')}_{part}" for part in ("service", "monitor")]
    theirs, ours = (postgres.create_database(name) for name in names)
    with ExitStack() as running:
        for name in names:
            running.callback(postgres.drop_database, name)
        slack = running.enter_context(Slack())
        made = running.enter_context(service(broker, prefix, theirs))
        monitor = worker(
            broker, prefix, DATABASE_URL=theirs, MONITOR_DATABASE_URL=ours, EPISODES_VERSION_COLUMN="version",
            AUTO_FIX_ENABLED="true", GAP_SETTLE_SECONDS="1", REPAIR_APPROVAL_ABOVE="2", SLACK_WEBHOOK_URL=slack.url,
            DASHBOARD_URL=DASHBOARD_URL,
        )  # fmt: skip
        running.enter_context(monitor)
        until(lambda: ready(monitor), "a ready worker")
        yield System(broker, prefix, made, monitor, slack, theirs)


@pytest.fixture
def started() -> Iterator[Start]:
    """`started(broker, prefix, **settings)`: a ready worker of this test alone. It outlives the pages that show it."""
    with ExitStack() as running:

        def start(broker: str, prefix: str, *, module: str = "episode_monitor", **settings: str) -> Program:
            made = running.enter_context(worker(broker, prefix, module=module, **settings))
            until(lambda: ready(made), "a ready worker")
            return made

        yield start


@pytest.fixture
def open_page(browser: Browser, started: Start, request: pytest.FixtureRequest) -> Iterator[Open]:
    """`open_page(program, "#/alerts", language="ko-KR", theme="dark", width=390, refresh=1, before=prepare)`: `before`
    gets the page first, and nothing of it is waited for then. At the end of the test the page must have logged no
    error, asked no other origin, and violated no policy."""
    faults: list[str] = []
    with ExitStack() as closing:

        def opened(program: Program | str, place: str = "", **given: Any) -> Page:
            url = program if isinstance(program, str) else program.url
            context = browser.new_context(
                locale=given.get("language", "en-US"), color_scheme=given.get("theme", "light"),
                viewport={"width": given.get("width", 1440), "height": 900}, timezone_id="Asia/Seoul",
                permissions=["clipboard-read", "clipboard-write"],
            )  # fmt: skip
            closing.callback(context.close)
            if "refresh" in given:  # seconds; a person chooses at least five
                kept = json.dumps({"intervalSeconds": given["refresh"]})
                context.add_init_script(f"localStorage.setItem('episode-monitor', JSON.stringify({kept}))")
            page = context.new_page()
            page.set_default_timeout(PATIENCE_MS)
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("console", lambda message: _note(message, faults))
            page.on("dialog", lambda dialog: _dismiss(dialog, faults))
            page.on("request", lambda asked: _note_address(asked.url, url, faults))
            given.get("before", lambda page: None)(page)
            page.goto(f"{url}/{place}", wait_until="commit" if "before" in given else "load")
            if "before" not in given:  # the first view looks like the page and cannot be used like it
                expect(page.locator(".tools button").first).to_be_visible()
            return page

        yield opened
    allowed = request.node.get_closest_marker("page_may_log")
    assert not [fault for fault in faults if not (allowed and any(text in fault for text in allowed.args))]


def _note_address(asked: str, url: str, faults: list[str]) -> None:
    if not asked.startswith((url, "data:", "blob:")):
        faults.append(f"outside: {asked}")


def _dismiss(dialog: Dialog, faults: list[str]) -> None:
    """The page has no dialogs of the browser; a text that has become a script may open one."""
    faults.append(f"dialog: {dialog.message}")
    dialog.dismiss()


def _note(message: ConsoleMessage, faults: list[str]) -> None:
    if message.type in ("error", "warning"):
        faults.append(f"{message.type}: {message.text}")
