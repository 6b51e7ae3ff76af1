"""An alert from the trouble to its end in one page that is never reloaded; the link of a message; silences."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Open
from tests.browser.parts import DASHBOARD_URL, System, confirm, failed, numbered, send, submit, trouble
from tests.system.running import until, view

pytestmark = pytest.mark.broker


def test_an_alert_fires_is_acknowledged_silenced_repaired_and_resolved_in_a_page_that_is_never_reloaded(
    system: System, open_page: Open
) -> None:
    page = open_page(system.monitor, "#/alerts?q=life", refresh=1)
    expect(page.locator(".state")).to_be_visible()  # nothing yet
    page.evaluate("window.isSamePage = true")
    trouble(system, "life", None, "lose_number", None)
    row = page.locator('tr[data-alert="episode_integrity:life"]')
    expect(row).to_contain_text("Critical")
    expect(row).to_contain_text("firing")
    row.get_by_role("button", name=re.compile("^Acknowledge")).click()
    confirm(page, "Acknowledge", comment="I look at it")
    expect(row).to_contain_text("acknowledged mina")
    row.get_by_role("button", name=re.compile("^Silence")).click()
    confirm(page, "Silence")
    expect(row).to_contain_text("silenced")
    row.get_by_role("link").first.click()
    expect(page.locator(".steps", has_text="I look at it")).to_contain_text("Acknowledged by a person")
    page.locator(".facts").get_by_role("link", name="Inspect and repair").click()
    expect(page.locator(".line .cell-gap")).to_have_text(re.compile("2"))
    repair(page, "life")
    page.get_by_role("link", name="life", exact=True).click()
    expect(page.locator(".page-head")).to_contain_text("healthy")
    page.get_by_role("link", name="History", exact=True).click()
    expect(page.locator("tbody tr").first).to_contain_text("Back to normal")
    page.locator("tbody tr").first.get_by_role("link", name="episode_integrity").click()
    expect(page.locator(".page-head")).to_contain_text("resolved")
    expect(page.locator(".steps", has_text="Back to normal").locator("li")).to_have_count(4)
    assert page.evaluate("window.isSamePage") is True


def repair(page: Page, project: str) -> None:
    """Simulate, apply, and wait until the stream has verified it."""
    page.get_by_role("button", name="Simulate a repair").click()
    confirm(page, "Simulate a repair")
    page.get_by_role("button", name="Apply").click()
    confirm(page, "Apply", typed=project)
    expect(page.locator(".page-head")).to_contain_text("verified by the stream")


@pytest.mark.parametrize("project", ["linked", "<b>&amp;|x> /../ ?#%2F 에피소드"])
def test_the_link_of_a_message_in_slack_opens_exactly_that_alert(system: System, open_page: Open, project: str) -> None:
    send(system, {project: numbered(project, 1, 3), f"{project}2": numbered(f"{project}2", 1, 3)})
    links = until(lambda: system.slack.links(project), "a link in Slack")
    assert links[0].startswith(f"{DASHBOARD_URL}/#/alert?key=")
    page = open_page(system.monitor, links[0].removeprefix(f"{DASHBOARD_URL}/"))
    expect(page.locator(".crumbs code")).to_have_text(f"episode_integrity:{project}")
    expect(page.locator(".page-head")).to_contain_text("firing")
    expect(page.locator(".facts").get_by_role("link", name=project, exact=True)).to_be_visible()
    page.get_by_role("button", name="Acknowledge").click()
    confirm(page, "Acknowledge", comment="from Slack")
    until(lambda: _holder(system, project) == "mina", "the acknowledgement of this alert")
    assert _holder(system, f"{project}2") is None


def _holder(system: System, project: str) -> str | None:
    alerts = (view(system.monitor, "/alerts/active?limit=1000") or {"alerts": []})["alerts"]
    found = [alert["acknowledged_by"] for alert in alerts if alert["alert_key"] == f"episode_integrity:{project}"]
    return found[0] if found else None


def test_an_alert_is_silenced_for_a_chosen_time_and_resolved_by_hand(system: System, open_page: Open) -> None:
    send(system, {"fails": [failed("fails"), *numbered("fails", 1)]})
    key = "episode_failure_rate:fails"
    until(lambda: view(system.monitor, f"/alerts/{key}"), "the alert")
    page = open_page(system.monitor, f"#/alert?key={key}")
    page.get_by_role("button", name="Silence").click()
    page.get_by_role("dialog").get_by_role("button", name="15 min").click()
    confirm(page, "Silence")
    expect(page.locator(".page-head", has_text="silenced")).to_be_visible()
    page.goto(f"{system.monitor.url}/#/alerts")
    row = page.locator(f'tr[data-alert="{key}"]')
    row.get_by_role("button", name=re.compile("^Resolve")).click()
    confirm(page, "Resolve")
    expect(row).to_have_count(0)
    page.goto(f"{system.monitor.url}/#/alerts/history?project=fails")
    expect(page.locator("tbody tr").first).to_contain_text("resolved")
    page.goto(f"{system.monitor.url}/#/jobs/audit")
    expect(page.locator("tbody tr", has_text="Resolved alert").filter(has_text=key)).to_contain_text("mina")


def test_a_silence_by_conditions_shows_first_what_it_would_hide(system: System, open_page: Open) -> None:
    send(system, {"quiet": numbered("quiet", 1, 3)})
    until(lambda: view(system.monitor, "/alerts/episode_integrity:quiet"), "the alert")
    page = open_page(system.monitor, "#/alerts/silences")
    page.get_by_role("button", name="New silence").click()
    page.get_by_role("dialog").get_by_label("Matchers").fill("project_id=quiet")
    expect(page.get_by_role("dialog")).to_contain_text("episode_integrity:quiet")
    confirm(page, "Silence", comment="planned work")
    row = page.locator("tbody tr", has_text="project_id=quiet")
    expect(row).to_contain_text("active")
    row.get_by_role("button", name="Expire").click()
    confirm(page, "Expire")
    expect(row).to_contain_text("expired")


@pytest.mark.page_may_log("net::ERR_FAILED")
def test_a_silence_whose_answer_is_lost_is_made_once_however_often_it_is_sent(system: System, open_page: Open) -> None:
    page = open_page(system.monitor, "#/alerts/silences")
    keys: list[str | None] = []

    def lost(route: Route) -> None:
        """The monitor does it, and the page does not learn that."""
        keys.append(route.request.headers.get("idempotency-key"))
        if len(keys) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route(
        re.compile(r"/monitoring/episodes/silences(\?|$)"),
        lambda route: lost(route) if _posts(route) else route.continue_(),
    )
    page.get_by_role("button", name="New silence").click()
    page.get_by_role("dialog").get_by_label("Matchers").fill("project_id=sent_twice")
    submit(page, "Silence", comment="planned work")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("The monitor does not respond")
    page.get_by_role("dialog").get_by_role("button", name="Silence", exact=True).click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("tbody tr", has_text="project_id=sent_twice")).to_have_count(1)
    assert keys == [keys[0]] * 2
    assert keys[0]


def _posts(route: Route) -> bool:
    return route.request.method == "POST"
