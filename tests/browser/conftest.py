"""A running system (broker, database, sample service, worker) and Chromium. Without a browser all is skipped."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from episode_monitor.demo.embedded import EmbeddedPostgres
from episode_monitor.demo.programs import Program
from tests.browser.parts import System
from tests.system.running import ready, until, worker
from tests.system.test_repair import service

NAMES = ("chromium", "chromium-browser", "google-chrome")
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless; one a file, because no event loop of another test can run beside Playwright's."""
    path = os.environ.get("CHROMIUM") or next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs a browser: apt-get install chromium.")
        pytest.skip("no browser: install chromium, or set CHROMIUM to its path")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def system(browser: Browser, broker: str, postgres: EmbeddedPostgres) -> Iterator[System]:
    """`browser` comes first, so that nothing is started where there is none."""
    prefix = f"browser-{uuid.uuid4().hex[:8]}-"
    names = [f"{prefix.strip('-').replace('-', '_')}_{part}" for part in ("service", "monitor")]
    theirs, ours = (postgres.create_database(name) for name in names)
    with ExitStack() as running:
        for name in names:
            running.callback(postgres.drop_database, name)
        made = running.enter_context(service(broker, prefix, theirs))
        monitor = worker(
            broker, prefix, DATABASE_URL=theirs, MONITOR_DATABASE_URL=ours, EPISODES_VERSION_COLUMN="version",
            AUTO_FIX_ENABLED="true", GAP_SETTLE_SECONDS="1",
        )  # fmt: skip
        running.enter_context(monitor)
        until(lambda: ready(monitor), "a ready worker")
        yield System(broker, prefix, made, monitor)


@pytest.fixture
def open_page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Open]:
    """`open_page(program, "#/alerts", language="ko-KR", theme="dark", width=390)`. At the end of the test the page must
    have logged no error, asked no other origin, and violated no policy."""
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
            page = context.new_page()
            page.set_default_timeout(20_000)
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("console", lambda message: _note(message, faults))
            page.on("request", lambda asked: _note_address(asked.url, url, faults))
            page.goto(f"{url}/{place}")
            return page

        yield opened
    allowed = request.node.get_closest_marker("page_may_log")
    assert not [fault for fault in faults if not (allowed and any(text in fault for text in allowed.args))]


def _note_address(asked: str, url: str, faults: list[str]) -> None:
    if not asked.startswith((url, "data:", "blob:")):
        faults.append(f"outside: {asked}")


def _note(message: ConsoleMessage, faults: list[str]) -> None:
    if message.type in ("error", "warning"):
        faults.append(f"{message.type}: {message.text}")
