"""Repair in the page to the end and back, with a second person, and refused; checks as quick actions, one cancelled."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open, Start
from tests.browser.parts import System, confirm, numbered, send, submit, trouble
from tests.system.running import until, view
from tests.system.test_repair import inject, settled

pytestmark = pytest.mark.broker


def simulate(system: System, page: Page, project: str) -> None:
    """From the project's page to that of a new plan, once the stream knows the gap."""
    until(lambda: (view(system.monitor, f"/integrity/project/{project}") or {}).get("gaps"), "the settled gap")
    page.goto(f"{system.monitor.url}/#/project?id={project}")
    page.get_by_role("button", name="Simulate a repair").click()
    confirm(page, "Simulate a repair")
    expect(page.get_by_role("heading", name=re.compile("Repair of"))).to_be_visible()


def test_a_project_is_repaired_and_rolled_back(system: System, open_page: Open) -> None:
    inject(system.service)
    until(lambda: settled(system.monitor), "settled gap and duplicate")
    page = open_page(system.monitor, "#/project?id=p")
    expect(page.locator(".line .cell-gap")).to_have_text(re.compile("3"))
    expect(page.locator(".line .cell-duplicate")).to_have_attribute("title", re.compile("held by"))
    simulate(system, page, "p")
    expect(page.locator("tbody").first.locator("tr")).to_have_count(2)
    page.get_by_role("button", name="Apply").click()
    send_button = page.get_by_role("dialog").get_by_role("button", name="Apply", exact=True)
    expect(send_button).to_be_disabled()  # until the project's id is typed
    confirm(page, "Apply", typed="p")
    expect(page.locator(".page-head")).to_contain_text("verified by the stream")
    page.get_by_role("link", name="p", exact=True).click()
    expect(page.locator(".page-head")).to_contain_text("healthy")
    page.get_by_role("link", name=re.compile(r"^\d+ changes?$")).click()
    page.get_by_role("button", name="Roll back").click()
    confirm(page, "Roll back", typed="p")
    expect(page.locator(".page-head")).to_contain_text("rolled back")
    page.get_by_role("link", name="p", exact=True).click()
    expect(page.locator(".line .cell-gap")).to_have_text(re.compile("3"))
    expect(page.locator(".line .cell-duplicate")).to_have_text(re.compile("5"))


@pytest.mark.page_may_log("403")
def test_a_large_repair_waits_for_a_second_person_who_is_another_one(system: System, open_page: Open) -> None:
    trouble(system, "large", None, "lose_number", None, None, None)
    page = open_page(system.monitor)
    simulate(system, page, "large")
    expect(page.locator("main")).to_contain_text("A second person has to approve this plan")
    expect(page.get_by_role("button", name="Apply", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Approve", exact=True).click()
    submit(page, "Approve", typed="large")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("A second person has to approve")
    confirm(page, "Approve", by="jun", typed="large")
    expect(page.locator("main")).to_contain_text("Approved by jun")
    page.get_by_role("button", name="Apply", exact=True).click()
    confirm(page, "Apply", typed="large")
    expect(page.locator(".page-head")).to_contain_text("verified by the stream")
    expect(page.locator(".steps")).to_contain_text("approved")


@pytest.mark.page_may_log("409")
def test_a_repair_is_refused_where_the_data_moved_and_says_what_moved(system: System, open_page: Open) -> None:
    trouble(system, "moved", None, "lose_number")
    page = open_page(system.monitor)
    simulate(system, page, "moved")
    trouble(system, "moved", None)
    until(lambda: view(system.monitor, "/integrity/project/moved")["total_episodes"] == 3, "the newer episode")
    page.get_by_role("button", name="Refresh", exact=True).click()
    page.get_by_role("button", name="Apply", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("1 episode was created since this plan was made.")
    expect(page.get_by_role("dialog").get_by_role("button", name="Simulate again")).to_be_visible()
    submit(page, "Apply", typed="moved")
    refusal = page.get_by_role("dialog").get_by_role("alert")
    expect(refusal).to_contain_text("The data has changed since the plan was made")
    expect(refusal).to_contain_text(re.compile(r"created|new|1 "))
    page.get_by_role("dialog").get_by_label(re.compile("Also renumber")).check()
    confirm(page, "Apply", typed="moved")
    expect(page.locator(".page-head")).to_contain_text("verified by the stream")
    expect(page.locator(".steps")).to_contain_text("1 number changed, and 1 newer episode")
    expect(page.locator("main")).to_contain_text("2 episodes change, 66.7 % of the project")


def test_a_deep_check_is_a_quick_action(system: System, open_page: Open) -> None:
    page = open_page(system.monitor, "#/jobs")
    page.get_by_role("button", name="Deep check").click()
    confirm(page, "Run", by="quick")
    row = page.locator("tbody tr", has_text="quick")
    expect(row).to_contain_text("Deep check")
    expect(row).to_contain_text("completed")


def test_a_check_under_way_is_cancelled(system: System, started: Start, open_page: Open) -> None:
    send(system, {"drifts": numbered("drifts", 1)})  # the service's database has no such project
    slow = started(
        system.broker, f"{system.prefix}slow-", DATABASE_URL=system.database_url, EVENTS_TOPIC=f"{system.prefix}events",
        GAP_SETTLE_SECONDS="3600",  # so long is a check under way that has found something
    )  # fmt: skip
    page = open_page(slow, "#/jobs", refresh=1)
    page.get_by_role("button", name="Deep check").click()
    submit(page, "Run", by="hurried")
    row = page.locator("tbody tr", has_text="hurried")
    expect(row).to_contain_text("running")
    expect(page.get_by_role("dialog")).to_have_count(0)
    row.get_by_role("button", name="Cancel the job").click()
    confirm(page, "Cancel the job", by="hasty")
    expect(row).to_contain_text("cancelled")
