"""An incident from the alert to the repaired project without leaving the page; rights, and a monitor that goes away."""

import re
from contextlib import ExitStack

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.parts import System, failed, numbered, send
from tests.system.running import ready, until, view, worker
from tests.system.test_repair import inject, settled

pytestmark = pytest.mark.broker


def confirm(page: Page, label: str, *, comment: str = "", typed: str = "") -> None:
    """Fill in the open dialog and send it; it closes."""
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Your name").fill("mina")
    if comment:
        dialog.get_by_label(re.compile("Comment|Reason")).fill(comment)
    if typed:
        dialog.get_by_label(re.compile("Type to confirm")).fill(typed)
    dialog.get_by_role("button", name=label, exact=True).click()
    expect(dialog).to_have_count(0)


def test_an_alert_is_acknowledged_silenced_and_resolved(system: System, open_page: Open) -> None:
    send(system, {"fails": [failed("fails"), *numbered("fails", 1)]})
    key = "episode_failure_rate:fails"
    until(lambda: view(system.monitor, f"/alerts/{key}"), "the alert")
    page = open_page(system.monitor, f"#/alert?key={key}")  # where a link in a message leads
    page.get_by_role("button", name="Acknowledge").click()
    confirm(page, "Acknowledge", comment="mine")
    expect(page.get_by_role("button", name="Take back")).to_be_visible()
    expect(page.locator(".steps", has_text="mine")).to_be_visible()
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
    expect(page.locator("tbody tr", has_text="Resolved alert")).to_contain_text("mina")


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


def test_a_project_is_repaired_and_rolled_back(system: System, open_page: Open) -> None:
    inject(system.service)
    until(lambda: settled(system.monitor), "settled gap and duplicate")
    page = open_page(system.monitor, "#/project?id=p")
    expect(page.locator(".line .cell-gap")).to_have_text(re.compile("3"))
    expect(page.locator(".line .cell-duplicate")).to_have_attribute("title", re.compile("held by"))
    page.get_by_role("button", name="Simulate a repair").click()
    confirm(page, "Simulate a repair")
    expect(page.get_by_role("heading", name=re.compile("Repair of"))).to_be_visible()
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


def test_a_deep_check_is_a_quick_action(system: System, open_page: Open) -> None:
    page = open_page(system.monitor, "#/jobs")
    page.get_by_role("button", name="Deep check").click()
    confirm(page, "Run")
    row = page.locator("tbody tr").first
    expect(row).to_contain_text("Deep check")
    expect(row).to_contain_text("completed")


@pytest.mark.page_may_log("401", "403")
def test_without_rights_the_page_reads_and_says_why_it_cannot_change(system: System, open_page: Open) -> None:
    prefix = f"{system.prefix}rights-"
    with worker(
        system.broker, prefix, API_TOKENS="operator:right,viewer:look", EVENTS_TOPIC=f"{system.prefix}events"
    ) as guarded:
        until(lambda: ready(guarded), "a ready worker")
        page = open_page(guarded, "#/jobs")
        page.get_by_role("button", name="Basic check").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Your name").fill("mina")
        dialog.get_by_role("button", name="Run").click()
        expect(dialog.get_by_role("alert")).to_contain_text("operator's token")
        dialog.get_by_label("Operator token").fill("look")
        dialog.get_by_role("button", name="Run").click()
        expect(dialog.get_by_role("alert")).to_contain_text("Read-only")
        dialog.get_by_label("Operator token").fill("right")
        dialog.get_by_role("button", name="Run").click()
        expect(dialog).to_have_count(0)
        expect(page.locator("tbody tr").first).to_contain_text("mina")
        assert page.evaluate("localStorage.getItem('episode-monitor').includes('right')") is False


@pytest.mark.page_may_log("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "503")
def test_a_monitor_that_goes_away_and_comes_back_is_said_and_old_numbers_stay(system: System, open_page: Open) -> None:
    monitor = worker(system.broker, f"{system.prefix}away-", EVENTS_TOPIC=f"{system.prefix}events")
    with ExitStack() as running:
        running.enter_context(monitor)
        until(lambda: ready(monitor), "a ready worker")
        page = open_page(monitor)
        expect(page.locator(".figure-value").first).to_contain_text("%")
        monitor.kill9()
        page.get_by_role("button", name="Refresh", exact=True).click()
        expect(page.locator(".banner")).to_contain_text("does not respond")
        expect(page.locator(".figure-value").first).to_contain_text("%")
        monitor.start()
        until(lambda: ready(monitor), "the worker again")
        page.get_by_role("button", name="Refresh", exact=True).click()
        expect(page.locator(".banner")).to_have_count(0)
