"""What a browser says of the page: how long interactions take until they are painted, when a page first means
something, and what it holds after many refreshes."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any, Final

from playwright.sync_api import Browser, CDPSession, Page, expect

PATIENCE_MS: Final = 60_000
THROTTLED: Final = 4  # times slower
FAST_MS: Final = 16  # the least that a browser reports of an interaction
COLLECT_EVERY: Final = 20  # refreshes
HELD: Final = {"heap_mebibytes": "JSHeapUsedSize", "nodes": "Nodes", "listeners": "JSEventListeners"}

# Each interaction's time from the input to the next paint, as Interaction to Next Paint counts it.
OBSERVER: Final = """
window.slowest = 0;
new PerformanceObserver((list) => {
  const times = list.getEntries().filter((each) => each.interactionId).map((each) => each.duration);
  window.slowest = Math.max(window.slowest, ...times);
}).observe({type: 'event', durationThreshold: 16, buffered: true});
"""
# The first moment at which all four figures and the list of what needs a person are painted; what they say is
# kept, since it has to be what the whole page says.
SHOWN: Final = """
window.shown = () => [...document.querySelectorAll('.figure-value, .figure-note, #attention, .need-text')]
  .map((each) => each.textContent);
"""
FIRST_VIEW: Final = (
    SHOWN
    + """
new MutationObserver((_, self) => {
  const figures = [...document.querySelectorAll('.figure-value')];
  if (figures.length < 4 || figures.some((each) => !/[0-9]/.test(each.textContent))) return;
  if (!document.querySelector('.attention .need, .attention .state')) return;
  self.disconnect();
  window.shownFirst = window.shown();
  // The task behind the frame; a timer would wait for that which starts the page itself.
  requestAnimationFrame(() => scheduler.postTask(
    () => { document.documentElement.dataset.firstView = performance.now(); }, {priority: 'user-blocking'}));
}).observe(document, {childList: true, subtree: true, characterData: true});
"""
)
PAINTED: Final = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))"

Step = tuple[str, Callable[[Page], None]]


@contextmanager
def opened(browser: Browser, url: str, script: str, interval_seconds: float = 0) -> Iterator[Page]:
    """A page of 1440 x 900 with nothing cached; without automatic refresh but where an interval is given."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
    context.set_default_timeout(PATIENCE_MS)
    kept = f"{{intervalSeconds: {interval_seconds}}}"
    context.add_init_script(f"localStorage.setItem('episode-monitor', JSON.stringify({kept})); {script}")
    page = context.new_page()
    page.goto(url)
    yield page
    context.close()


def interactions(browser: Browser, url: str, rounds: int, project: str) -> dict[str, dict[str, float]]:
    """Median and worst of each until the next paint, and the processor time of the page's main thread until all that
    follows is painted as well; milliseconds. Other work on the machine disturbs the last one less."""
    taken: dict[str, list[float]] = {}
    used: dict[str, list[float]] = {}
    for _ in range(rounds):
        with opened(browser, url, OBSERVER) as page:
            held = Held(page)
            for name, act in _steps(project):
                _settled(page)
                page.evaluate("window.slowest = 0")
                before = held.busy_ms()
                act(page)
                _settled(page)
                used.setdefault(name, []).append(held.busy_ms() - before)
                taken.setdefault(name, []).append(max(FAST_MS, float(page.evaluate("window.slowest"))))
    return {
        name: {"median_ms": median(times), "worst_ms": max(times), "main_thread_ms": round(median(used[name]), 1)}
        for name, times in taken.items()
    }


def _settled(page: Page) -> None:
    """No request is under way, and what came is painted."""
    expect(page.locator(".bone")).to_have_count(0, timeout=PATIENCE_MS)
    expect(page.locator('.tools [aria-busy="true"]')).to_have_count(0, timeout=PATIENCE_MS)
    page.evaluate(PAINTED)


def _steps(project: str) -> list[Step]:
    """What a person does on each tab; the names are those of the table."""
    return [*_on_alerts(project), *_on_integrity(project), *_elsewhere()]


def _on_alerts(project: str) -> list[Step]:
    row = f'tr[data-alert="episode_integrity:{project}"]'
    return [
        ("open alerts", lambda page: _tab(page, "Alerts")),
        ("alerts: choose a severity", lambda page: _press(page, re.compile("^Critical"))),
        ("alerts: group by project", lambda page: _choose(page, "Group by", "p")),
        ("alerts: group by rule", lambda page: _choose(page, "Group by", "r")),
        ("alerts: select all", lambda page: page.get_by_label("Select all").click()),
        ("alerts: clear the selection", lambda page: _press(page, "Clear")),
        ("alerts: type a search", lambda page: _type(page, project)),
        ("alerts: open a dialog", lambda page: page.locator(row).get_by_role("button").first.click()),
        ("alerts: type into it", lambda page: page.get_by_label("Your name").press_sequentially("mina", delay=40)),
        ("alerts: close it", lambda page: page.keyboard.press("Escape")),
        ("open an alert", lambda page: page.locator(row).get_by_role("link").first.click()),
    ]


def _on_integrity(project: str) -> list[Step]:
    return [
        ("open integrity", lambda page: _tab(page, "Integrity")),
        ("integrity: choose a state", lambda page: _press(page, re.compile("^With problems"))),
        ("integrity: sort", lambda page: _press(page, "Episodes")),
        ("integrity: next page", _next_page),
        ("integrity: type a search", lambda page: _type(page, project)),
        ("open a project", lambda page: page.get_by_role("link", name=project, exact=True).click()),
    ]


def _elsewhere() -> list[Step]:
    return [
        ("open performance", lambda page: _tab(page, "Performance")),
        ("open jobs", lambda page: _tab(page, "Jobs & audit")),
        ("open the overview", lambda page: _tab(page, "Overview")),
        ("refresh", lambda page: page.keyboard.press("r")),
        ("open the settings", lambda page: _press(page, "Settings of this browser")),
        ("change the theme", lambda page: _press(page, "Dark")),
        ("change the language", lambda page: _press(page, "한국어")),
    ]


def _press(page: Page, name: str | re.Pattern[str]) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def _next_page(page: Page) -> None:
    """Where there is one: few alerts fill one page."""
    if page.get_by_role("button", name="Next", exact=True).count():
        _press(page, "Next")


def _type(page: Page, text: str) -> None:
    page.get_by_role("searchbox").press_sequentially(text, delay=40)


def _tab(page: Page, name: str) -> None:
    page.locator(".tabs").get_by_role("link", name=re.compile(f"^{name}")).click()


def _choose(page: Page, label: str, letter: str) -> None:
    """By the first letter: the list of a select is the system's own window."""
    page.locator("label", has_text=label).locator("select").press(letter)


def first_views(browser: Browser, url: str, rounds: int) -> list[float]:
    """Milliseconds from the request of the page, nothing cached, the processor throttled. Raises ValueError where the
    whole page says something else than its first view did."""
    found = []
    for _ in range(rounds):
        with opened(browser, "about:blank", FIRST_VIEW) as page:
            page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": THROTTLED})
            page.goto(url)
            page.wait_for_selector("html[data-first-view]", state="attached")
            expect(page.locator(".tools button").first).to_be_visible(timeout=PATIENCE_MS)
            first, whole = page.evaluate("[window.shownFirst, window.shown()]")
            if first != whole:
                raise ValueError(f"The first view said {first}, the page says {whole}.")
            found.append(round(float(page.evaluate("document.documentElement.dataset.firstView")), 1))
    return found


def first_view_work(browser: Browser, url: str, rounds: int) -> float:
    """Milliseconds of processor time of the main thread for the first view alone, throttled: the page's own script is
    held back. Other work on the machine disturbs it less than the time that passes."""
    found = []
    for _ in range(rounds):
        with opened(browser, "about:blank", FIRST_VIEW) as page:
            page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": THROTTLED})
            held = Held(page)
            page.route("**/static/page-*.js", lambda route: None)
            page.goto(url, wait_until="commit")
            page.wait_for_selector("html[data-first-view]", state="attached")
            found.append(held.busy_ms())
    return round(median(found), 1)


class Held:
    """What a page holds after a garbage collection, and how long it has worked."""

    def __init__(self, page: Page) -> None:
        self._session: CDPSession = page.context.new_cdp_session(page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy_ms(self) -> float:
        """Processor time of the main thread so far."""
        return self._metrics()["TaskDuration"] * 1000

    def now(self) -> dict[str, float]:
        """MiB of JavaScript's heap, nodes of the document with those that are detached, and listeners."""
        for _ in range(2):  # the first one may leave what has finalizers
            self._session.send("HeapProfiler.collectGarbage")
        metrics = self._metrics()
        values = {name: metrics[metric] for name, metric in HELD.items()}
        return values | {"heap_mebibytes": round(values["heap_mebibytes"] / 2**20, 2)}

    def _metrics(self) -> dict[str, float]:
        found: dict[str, Any] = self._session.send("Performance.getMetrics")
        return {each["name"]: float(each["value"]) for each in found["metrics"]}


def memory(browser: Browser, url: str, refreshes: int) -> list[dict[str, float]]:
    """What the page holds at first, and after every few refreshes that come as soon as the one before has ended."""
    with opened(browser, url, "") as page:
        held = Held(page)
        _settled(page)
        taken = []
        for number in range(refreshes + 1):
            if number % COLLECT_EVERY == 0:
                taken.append({"refreshes": float(number), **held.now()})
            page.keyboard.press("r")
            _settled(page)
        return taken


def memory_for(browser: Browser, url: str, minutes: int) -> list[dict[str, float]]:
    """What it holds each minute, refreshed every 30 s as it is for a person who looks at it."""
    with opened(browser, url, "", interval_seconds=30) as page:
        held = Held(page)
        _settled(page)
        taken = []
        for minute in range(minutes + 1):
            taken.append({"minutes": float(minute), **held.now()})
            page.wait_for_timeout(60_000 if minute < minutes else 0)
        return taken
