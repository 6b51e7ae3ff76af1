"""Pictures of the dashboard.

python -m tools.dashboard_pictures docs/pictures            those of the documents, of a demo that it starts
python -m tools.dashboard_pictures FOLDER --url URL [PAGE…]  every page, language, theme and width of a running monitor
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, expect, sync_playwright

PAGES: Final = {
    "overview": "", "alerts": "#/alerts", "silences": "#/alerts/silences", "history": "#/alerts/history",
    "rules": "#/alerts/rules", "on-call": "#/alerts/on-call", "dead-letters": "#/alerts/dead-letters",
    "alert": "#/alert?key=episode_conflict_rate:proj_conflicts", "integrity": "#/integrity",
    "project": "#/project?id=proj_used_twice", "repairs": "#/integrity/repairs", "performance": "#/performance?hours=1",
    "jobs": "#/jobs", "audit": "#/jobs/audit",
}  # fmt: skip
IN_BOTH_THEMES: Final = ("overview", "project")
IN_ONE_THEME: Final = ("alerts", "alert", "integrity", "performance", "jobs")
LANGUAGES: Final = {"en": "en-US", "ko": "ko-KR"}
THEMES: Final = ("light", "dark")
WIDTHS: Final = (1440, 1024, 390)
HEIGHT: Final = 900
DEMO_SECONDS: Final = 1200
PATIENCE_SECONDS: Final = 300
SEEN_SECONDS: Final = 270  # the alerts are that old: a chart has a point for each full minute
AWAITED: Final = {"episode_integrity:proj_used_twice", "episode_conflict_rate:proj_conflicts"}

Picture = tuple[str, str, str, int]  # page, language, theme, width


def take(browser: Browser, url: str, folder: Path, pictures: Iterable[Picture]) -> None:
    """One file each; at the usual width its name has none."""
    for name, language, theme, width in pictures:
        viewport: Any = {"width": width, "height": HEIGHT}
        scheme: Any = theme
        context = browser.new_context(
            viewport=viewport, color_scheme=scheme, locale=LANGUAGES[language], timezone_id="Asia/Seoul"
        )
        page = context.new_page()
        page.goto(f"{url.rstrip('/')}/{PAGES[name]}")
        _settled(page)
        end = "" if width == WIDTHS[0] else f"-{width}"
        page.screenshot(path=folder / f"dashboard-{name}-{language}-{theme}{end}.png")
        context.close()


def _of_documents() -> Iterator[Picture]:
    yield from product(IN_BOTH_THEMES, LANGUAGES, THEMES, WIDTHS[:1])
    for page in IN_ONE_THEME:
        yield from ((page, language, theme, WIDTHS[0]) for language, theme in zip(LANGUAGES, THEMES, strict=True))


def _settled(page: Page) -> None:
    """What was asked for is there, and charts are drawn."""
    page.wait_for_load_state("networkidle")
    expect(page.locator(".bone")).to_have_count(0, timeout=PATIENCE_SECONDS * 1000)
    expect(page.locator(".chart:not(:has(canvas))")).to_have_count(0, timeout=PATIENCE_SECONDS * 1000)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


@contextmanager
def demo() -> Iterator[str]:
    """The address of the monitor of a demo in which the awaited alerts have been active for some minutes."""
    with tempfile.TemporaryDirectory(prefix="episode-monitor-pictures-") as folder:
        said = Path(folder) / "said"
        command = [sys.executable, "-P", "-m", "episode_monitor", "demo", "--seconds", str(DEMO_SECONDS)]
        with said.open("w") as file:
            process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
        try:
            url = _until(lambda: _address(said.read_text()), "the demo's address", said)
            _until(lambda: _active(url) >= AWAITED, "its alerts", said)
            time.sleep(SEEN_SECONDS)
            yield url
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
            process.wait(60)


def _address(said: str) -> str | None:
    lines = (line.split() for line in said.splitlines())
    return next((words[-1] for words in lines if len(words) == 2 and words[0] == "Monitor"), None)


def _active(url: str) -> set[str]:
    try:
        address = f"{url.rstrip('/')}/monitoring/episodes/alerts/active"
        with urllib.request.urlopen(address, timeout=10) as answer:  # of the caller  # nosec B310
            return {alert["alert_key"] for alert in json.load(answer)["alerts"]}
    except OSError:
        return set()


def _until(look: Any, what: str, said: Path) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        if time.monotonic() > deadline:
            raise SystemExit(f"pictures: {what} did not come within {PATIENCE_SECONDS} s:\n{said.read_text()[-2000:]}")
        time.sleep(0.5)
    return found


def main() -> None:
    """Fails where a page does not load."""
    parser = argparse.ArgumentParser(prog="python -m tools.dashboard_pictures", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("pages", nargs="*", metavar="PAGE", help=f"with --url: of {', '.join(PAGES)}")
    parser.add_argument("--url", help="of a running monitor; without it a demo is started")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        if options.url:
            pages = options.pages or list(PAGES)
            take(browser, options.url, options.folder, product(pages, LANGUAGES, THEMES, WIDTHS))
        else:
            with demo() as url:
                take(browser, url, options.folder, _of_documents())
        browser.close()


if __name__ == "__main__":
    main()
