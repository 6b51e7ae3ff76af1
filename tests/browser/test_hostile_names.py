"""Names that look like markup, paths or other directions of writing are text in every place that shows them."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.parts import HOSTILE, System, confirm, numbered, send, too_wide
from tests.system.running import until, view

pytestmark = pytest.mark.broker

WIDTH = 390


@pytest.fixture(scope="module", autouse=True)
def hostile(system: System) -> None:
    """A project of each name, with a gap and its alert."""
    send(system, {name: numbered(name, 1, 3) for name in HOSTILE})
    until(lambda: _with_alert(system) >= set(HOSTILE), "an alert of each project")


def _with_alert(system: System) -> set[str]:
    alerts = (view(system.monitor, "/alerts/active?limit=1000") or {"alerts": []})["alerts"]
    return {alert["project_id"] for alert in alerts if alert["rule_id"] == "episode_integrity"}


def fits(page: Page) -> None:
    """Nothing is wider than the window, and no name has become an element."""
    assert too_wide(page) == []
    assert page.locator("main img, main b").count() == 0


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_text_and_its_pages_open(system: System, open_page: Open, name: str) -> None:
    page = open_page(system.monitor, "#/integrity?status=unhealthy", width=WIDTH)
    row = page.locator("tr", has=page.get_by_text(name, exact=True))
    expect(row).to_have_count(1)
    row.get_by_text(name, exact=True).click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    expect(page.locator(".line .cell-gap")).to_have_count(1)
    fits(page)
    page.reload()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    page.get_by_role("link", name="episode_integrity", exact=True).click()
    expect(page.locator(".crumbs code")).to_have_text(f"episode_integrity:{name}")
    expect(page.locator(".facts").get_by_role("link", name=name, exact=True)).to_be_visible()
    fits(page)


def test_lists_of_hostile_names_and_what_people_wrote_are_text(system: System, open_page: Open) -> None:
    name, by, comment = HOSTILE[0], "<b onclick=alert(2)>mina</b>\u202e", "<script>alert(3)</script> \u202egnp"
    page = open_page(system.monitor, f"#/alert?key=episode_integrity:{_encoded(name)}", width=WIDTH)
    page.get_by_role("button", name="Acknowledge").click()
    confirm(page, "Acknowledge", by=by, comment=comment)
    expect(page.locator(".steps", has_text=comment)).to_be_visible()
    fits(page)
    page.goto(f"{system.monitor.url}/#/alerts/silences")
    page.get_by_role("button", name="New silence").click()
    page.get_by_role("dialog").get_by_label("Matchers").fill(f'project_id="{name}"')
    expect(page.get_by_role("dialog")).to_contain_text(f"episode_integrity:{name}")
    confirm(page, "Silence", by=by, comment=comment)
    expect(page.locator("tbody tr", has_text=name)).to_contain_text(comment)
    shown = {"#/integrity?status=unhealthy": name, "#/alerts": name, "#/alerts/history": name, "#/jobs/audit": by}
    for place, text in shown.items():
        page.goto(f"{system.monitor.url}/{place}")
        expect(page.locator("main").get_by_text(re.compile(re.escape(text))).first).to_be_visible()
        fits(page)


def _encoded(name: str) -> str:
    """As `URLSearchParams` writes it."""
    return "".join(f"%{byte:02X}" for byte in name.encode())
