"""Every page in a real browser against the running system: languages, themes, axe, hostile names, the keyboard."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.parts import System, confirm, failed, numbered, send, too_wide, violations
from tests.system.running import until, view

pytestmark = pytest.mark.broker

# Its heading in English and Korean.
PAGES = {
    "": ("Overview", "개요"),
    "#/alerts": ("Alerts", "알림"),
    "#/alerts/silences": ("Alerts", "알림"),
    "#/alerts/history": ("Alerts", "알림"),
    "#/alerts/rules": ("Alerts", "알림"),
    "#/alerts/on-call": ("Alerts", "알림"),
    "#/alerts/dead-letters": ("Alerts", "알림"),
    "#/integrity": ("Integrity", "무결성"),
    "#/integrity/repairs": ("Integrity", "무결성"),
    "#/project?id=gappy": ("gappy", "gappy"),
    "#/alert?key=episode_integrity:gappy": ("gaps or duplicates", ""),
    "#/performance": ("Performance", "성능"),
    "#/jobs": ("Jobs", "작업"),
    "#/jobs/replays": ("Jobs", "작업"),
    "#/jobs/audit": ("Jobs", "작업"),
}


@pytest.fixture(scope="module", autouse=True)
def trouble(system: System) -> None:
    """A gap, and a failing project."""
    send(system, {"gappy": numbered("gappy", 1, 2, 4), "failing": [failed("failing"), *numbered("failing", 1)]})
    for key in ("episode_integrity:gappy", "episode_failure_rate:failing"):
        until(lambda key=key: view(system.monitor, f"/alerts/{key}"), f"the alert {key}")  # type: ignore[misc]
    until(lambda: _is_counted(system), "the gap in the figures")


def _is_counted(system: System) -> bool:
    page = view(system.monitor, "/integrity/projects?q=gappy&status=unhealthy")
    return bool(page and page["total"])


def loaded(page: Page) -> None:
    """No part of the page is waiting for its first answer."""
    expect(page.locator(".bone")).to_have_count(0)


def test_the_overview_says_whether_it_is_healthy_what_is_wrong_and_what_to_do(system: System, open_page: Open) -> None:
    page = open_page(system.monitor)
    figures = page.locator(".figure")
    expect(figures).to_have_count(4)
    summary = view(system.monitor, "/integrity/summary")
    expect(figures.nth(2)).to_contain_text(str(summary["total_gaps"] + summary["total_duplicates"]))
    first = page.locator(".need").first
    expect(first).to_contain_text("Critical")
    expect(page).to_have_title(re.compile(r"^\(\d+\) Overview · Episode numbering$"))
    step = page.locator(".need", has_text="gaps or duplicates").first
    project = step.locator(".strong").inner_text()
    step.get_by_role("link", name="Inspect and repair").click()
    expect(page.get_by_role("heading", name=project, exact=True)).to_be_visible()
    expect(page.locator(".line .cell-gap, .line .cell-duplicate").first).to_be_visible()
    page.go_back()
    expect(page.locator(".need").first).to_be_visible()


@pytest.mark.parametrize(
    ("language", "theme", "width"),
    [("en-US", "light", 1440), ("en-US", "dark", 1024), ("ko-KR", "light", 1440), ("ko-KR", "dark", 390)],
)
def test_every_page_is_clean_for_axe_and_as_wide_as_the_window(
    system: System, open_page: Open, language: str, theme: str, width: int
) -> None:
    page = open_page(system.monitor, language=language, theme=theme, width=width)
    for place, word in PAGES.items():
        page.goto(f"{system.monitor.url}/{place}")
        loaded(page)
        expect(page.get_by_role("heading", level=1)).to_contain_text(word[language == "ko-KR"])
        found = violations(page)
        assert not found, f"{place}: {found}"
        assert too_wide(page) == [], place
    assert page.evaluate("document.documentElement.lang") == language[:2]
    assert page.evaluate("document.documentElement.dataset.mantineColorScheme") == theme


@pytest.mark.parametrize("name", ["Settings of this browser", re.compile("^Automatic refresh"), "Export"])
def test_an_open_menu_is_clean_for_axe(system: System, open_page: Open, name: str | re.Pattern[str]) -> None:
    page = open_page(system.monitor, "#/alerts/history")
    loaded(page)
    page.get_by_role("button", name=name).click()
    expect(page.get_by_role("menu").or_(page.get_by_role("dialog"))).to_be_visible()
    assert violations(page) == []


def test_rankings_and_checks_say_of_when_they_are(system: System, open_page: Open) -> None:
    page = open_page(system.monitor, "#/performance")
    for title in ("Slowest projects", "Most conflicts"):
        panel = page.locator("section", has=page.get_by_role("heading", name=title))
        expect(panel.locator(".panel-head")).to_contain_text(re.compile(r"as of \d\d:\d\d:\d\d"))
    page.goto(f"{system.monitor.url}/#/jobs")
    page.get_by_role("button", name="Basic check").click()
    confirm(page, "Run")
    expect(page.locator("tbody tr").first).to_contain_text(re.compile(r"as of \d\d:\d\d:\d\d"))


def test_language_theme_and_zone_are_kept(system: System, open_page: Open) -> None:
    page = open_page(system.monitor)
    page.get_by_role("button", name="Settings of this browser").click()
    page.get_by_role("button", name="한국어").click()
    page.get_by_role("button", name="어둡게").click()
    page.get_by_role("button", name="UTC").click()
    page.reload()
    expect(page.get_by_role("link", name="개요")).to_be_visible()
    expect(page).to_have_title(re.compile(r"^\(\d+\) 개요 · 에피소드 번호 모니터$"))
    assert page.evaluate("document.documentElement.dataset.mantineColorScheme") == "dark"
    assert page.evaluate("document.documentElement.lang") == "ko"


def test_the_keyboard_goes_everywhere_and_types_where_one_types(system: System, open_page: Open) -> None:
    page = open_page(system.monitor)
    loaded(page)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Keyboard shortcuts")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("g")
    page.keyboard.press("i")
    expect(page).to_have_url(re.compile("#/integrity$"))
    search = page.get_by_role("searchbox", name="Find a project")
    expect(search).to_be_visible()
    page.keyboard.press("/")
    expect(search).to_be_focused()
    page.keyboard.type("gap")
    expect(page).to_have_url(re.compile("q=gap"))
    expect(page.locator("tbody tr")).to_have_count(1)


def test_an_old_link_to_a_project_opens_it(system: System, open_page: Open) -> None:
    page = open_page(system.monitor, "#project=gappy")
    expect(page.get_by_role("heading", name="gappy")).to_be_visible()


def test_an_export_of_a_list_is_the_monitors_own_file(system: System, open_page: Open) -> None:
    page = open_page(system.monitor, "#/integrity?q=gappy&status=unhealthy")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="CSV of this list").click()
    assert download.value.suggested_filename.startswith("projects-")
    head, *rows = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert head.startswith("project_id,is_healthy,")
    assert [row.split(",")[0] for row in rows] == ["gappy"]


def test_an_alert_says_what_to_do_first_and_a_replay_what_it_found(system: System, open_page: Open) -> None:
    page = open_page(system.monitor, "#/alert?key=episode_integrity:gappy")
    steps = page.locator(".panel", has=page.get_by_role("heading", name="First steps"))
    expect(steps).to_contain_text("which numbers are missing or held twice")
    expect(steps.get_by_role("link", name="Open project")).to_be_visible()
    page.goto(f"{system.monitor.url}/#/jobs/replays")
    page.get_by_role("button", name="Start a replay").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("From").fill("")
    confirm(page, "Start a replay")
    page.get_by_role("link", name="Replay: result").click()
    expect(page.locator("main")).to_contain_text("Digest of the state")
    expect(page.locator("tbody tr", has_text="gappy")).to_contain_text("Gap 3")
    expect(page.get_by_role("heading", name="Unusable records")).to_be_visible()


def test_what_is_filtered_is_what_is_exported(system: System, open_page: Open) -> None:
    page = open_page(system.monitor, "#/alerts?q=gappy+has")
    expect(page.locator("tbody tr[data-alert]")).to_have_count(1)
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="CSV of this list").click()
    text = download.value.path().read_text(encoding="utf-8")
    assert text.startswith("\ufeffalert_key,")
    assert len(text.strip().splitlines()) == 2
