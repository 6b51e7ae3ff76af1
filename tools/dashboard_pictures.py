"""Pictures of every page of a running monitor: `python -m tools.dashboard_pictures URL FOLDER [PAGE...]`."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, sync_playwright

PAGES: Final = {
    "overview": "", "alerts": "#/alerts", "silences": "#/alerts/silences", "history": "#/alerts/history",
    "rules": "#/alerts/rules", "on-call": "#/alerts/on-call", "dead-letters": "#/alerts/dead-letters",
    "alert": "#/alert?key=episode_conflict_rate:proj_conflicts", "integrity": "#/integrity",
    "project": "#/project?id=proj_used_twice", "repairs": "#/integrity/repairs", "performance": "#/performance?hours=1",
    "jobs": "#/jobs", "audit": "#/jobs/audit",
}  # fmt: skip
LANGUAGES: Final = {"en": "en-US", "ko": "ko-KR"}
WIDTHS: Final = (1440, 1024, 390)
SETTLE_MS: Final = 1500  # charts are loaded after the page


def take(browser: Browser, url: str, folder: Path, pages: list[str]) -> None:
    """One picture for each page, language, theme and width."""
    themes: tuple[Any, ...] = ("light", "dark")
    for theme in themes:
        for language, locale in LANGUAGES.items():
            for width in WIDTHS:
                viewport: Any = {"width": width, "height": 900}
                context = browser.new_context(
                    viewport=viewport, color_scheme=theme, locale=locale, timezone_id="Asia/Seoul"
                )
                page = context.new_page()
                for name in pages:
                    page.goto(f"{url.rstrip('/')}/{PAGES[name]}")
                    page.wait_for_load_state("networkidle")
                    page.wait_for_timeout(SETTLE_MS)
                    page.screenshot(path=folder / f"{name}-{language}-{theme}-{width}.png")
                context.close()


def main(words: list[str]) -> None:
    """Pages default to all."""
    url, folder, *pages = words
    Path(folder).mkdir(parents=True, exist_ok=True)
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        take(browser, url, Path(folder), pages or list(PAGES))
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
