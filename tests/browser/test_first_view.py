"""What is painted before the page itself is there, and that nothing moves when the page takes over."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Open
from tests.browser.parts import System, numbered, send, too_wide
from tests.system.running import until, view

pytestmark = pytest.mark.broker

PLACES = """() => [...document.querySelectorAll('.figure, .need, .tab, .brand, #attention')].map((each) => {
  const {x, y, width, height} = each.getBoundingClientRect();
  return [each.textContent.replace(/\\d+ (s|min) ago|\\d+[초분] 전|now|지금/, ''), x, y, width, height];
})"""
# At the very moment at which the page takes over: a little later there may be news.
WATCH = f"""() => new MutationObserver((_, self) => {{
  if (!document.querySelector('.tools button')) return;
  self.disconnect();
  window.takenOver = ({PLACES})();
}}).observe(document.body, {{childList: true, subtree: true}})"""


@pytest.fixture(scope="module", autouse=True)
def trouble(system: System) -> None:
    send(system, {"first-view": numbered("first-view", 1, 3)})
    until(lambda: view(system.monitor, "/alerts/episode_integrity:first-view"), "the alert of the gap")


class Held:
    """Holds the page's own script back until it may go on, and notes what is asked for. The page's clock stands still
    and it hears no news: however long that takes, answers are neither too old to be taken over nor known to be."""

    def __init__(self) -> None:
        self._routes: list[Route] = []
        self._news: list[Route] = []  # never answered
        self.asked: list[str] = []

    def __call__(self, page: Page) -> None:
        page.clock.set_fixed_time(datetime.now(UTC))
        page.route("**/monitoring/episodes/stream*", lambda route: self._news.append(route))
        page.route("**/static/page-*.js", lambda route: self._routes.append(route))
        page.on("request", lambda request: self.asked.append(request.url))

    def go_on(self) -> None:
        for route in self._routes:
            route.continue_()


@pytest.mark.parametrize(
    ("language", "theme", "width"),
    [("en-US", "light", 1440), ("en-US", "dark", 390), ("ko-KR", "dark", 1440), ("ko-KR", "light", 390)],
)
def test_the_overview_is_there_before_the_page_and_stays_in_its_place(
    system: System, open_page: Open, language: str, theme: str, width: int
) -> None:
    script = Held()
    page = open_page(system.monitor, language=language, theme=theme, width=width, before=script)
    summary = view(system.monitor, "/integrity/summary")
    problems = page.locator(".figure-value").nth(2)
    expect(problems).to_have_text(str(summary["total_gaps"] + summary["total_duplicates"]))
    expect(page.locator(".need", has_text="first-view").first).to_be_visible()
    expect(page.locator(".tools button")).to_have_count(0)
    assert page.evaluate("document.documentElement.dataset.mantineColorScheme") == theme
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    first = page.evaluate(PLACES)
    page.evaluate(WATCH)
    script.go_on()
    expect(page.locator(".tools button").first).to_be_visible()
    assert page.evaluate("window.takenOver") == first
    twice = [url for url, times in Counter(script.asked).items() if times > 1 and "/monitoring/" in url]
    assert twice == []


def test_a_link_of_the_first_view_is_followed_before_the_page_is_there(system: System, open_page: Open) -> None:
    script = Held()
    page = open_page(system.monitor, before=script)
    page.locator(".need", has_text="first-view · Episode numbers").get_by_role("link").click()
    expect(page.locator(".need")).to_have_count(0)
    script.go_on()
    expect(page.get_by_role("heading", name="first-view", exact=True)).to_be_visible()


def test_another_page_has_its_frame_at_once(system: System, open_page: Open) -> None:
    script = Held()
    page = open_page(system.monitor, "#/jobs", before=script)
    expect(page.locator('.tab[aria-current="page"]')).to_have_text("Jobs & auditJobs")
    script.go_on()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Jobs")


PLACES_WITH_ACTS = {
    "": "Inspect and repair",
    "#/alerts": "Acknowledge",
    "#/alert?key=episode_integrity:first-view": "Acknowledge",
    "#/alerts/silences": "New silence",
    "#/alerts/rules": "Reload",
    "#/integrity": "first-view",
    "#/project?id=first-view": "Simulate",
    "#/performance": "",
    "#/jobs": "Deep check",
    "#/jobs/audit": "Export",
}


@pytest.mark.parametrize("place", PLACES_WITH_ACTS)
def test_on_a_telephone_nothing_overflows_sideways_and_what_can_be_done_is_in_reach(
    system: System, open_page: Open, place: str
) -> None:
    page = open_page(system.monitor, place, width=390)
    assert too_wide(page) == []
    tabs = page.locator(".tab").all()
    assert len(tabs) == 5
    for reached in [*tabs, *page.locator(".tools button").all()]:
        assert is_within(reached.bounding_box())
    if word := PLACES_WITH_ACTS[place]:
        act = page.locator("main button, main a").filter(has_text=word).first
        act.scroll_into_view_if_needed()
        assert is_within(act.bounding_box())
        act.click(trial=True)


def is_within(box: Any) -> bool:
    return bool(box) and box["x"] >= 0 and box["x"] + box["width"] <= 390
