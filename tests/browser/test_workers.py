"""Workers that share the work, end and come back while a page is open, and one that lets a viewer only read."""

import re
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect

from episode_monitor.demo.programs import Program
from tests.browser.conftest import Open, Start
from tests.browser.parts import System, confirm, numbered, send, submit
from tests.system.running import ask, ready, until, view

pytestmark = pytest.mark.broker

PARTITIONS = 4
ROOT = Path(__file__).resolve().parents[2]
REFRESH = 3  # seconds; a failed question is asked again after one
CUT = "net::ERR_"  # a browser has half a dozen names for what becomes of its connections when a worker is killed
SESSION = {"KAFKA_SESSION_TIMEOUT_SECONDS": "10"}  # so long is a killed worker still taken for the owner


def partitions(program: Program) -> int:
    """Those that it has."""
    _, body = ask(program, "/readyz")
    return int(body["recovery"]["partitions_live"]) if body else 0


def _of(projects: int) -> re.Pattern[str]:
    return re.compile(rf"of {projects} projects?$")


def summed(page: Page, projects: int) -> None:
    """The overview is fresh, and about so many projects."""
    expect(page.locator(".banner")).to_have_count(0)
    expect(page.locator(".panel-old")).to_have_count(0)
    expect(page.locator(".figure-note").first).to_contain_text(_of(projects))


@pytest.mark.page_may_log("501", "503")
def test_a_page_on_one_worker_shows_the_projects_of_both_and_goes_on_when_the_other_is_killed(
    system: System, started: Start, open_page: Open
) -> None:
    prefix = f"{system.prefix}two-"
    one, other = (started(system.broker, prefix, GAP_SETTLE_SECONDS="1", **SESSION) for _ in range(2))
    until(lambda: partitions(one) and partitions(other) and partitions(one) + partitions(other) == PARTITIONS, "shares")
    names = [f"shared-{number}" for number in range(24)]
    send(system, {name: numbered(name, 1, 3) for name in names}, prefix)
    until(lambda: (view(one, "/integrity/summary") or {}).get("total_gaps") == len(names), "all gaps")
    page = open_page(one, refresh=REFRESH)
    page.evaluate("window.isSamePage = true")
    summed(page, len(names))
    page.goto(f"{one.url}/#/alerts")
    expect(page.locator("tr[data-alert]")).to_have_count(len(names))
    lost = next(name for name in names if _partition(one, name) in _owned(other))
    page.goto(f"{one.url}/#/project?id={lost}")
    expect(page.locator(".line .cell-gap")).to_have_count(1)
    beside = open_page(one, refresh=REFRESH)
    summed(beside, len(names))
    other.kill9()
    expect(beside.locator(".figure.panel-old").first).to_contain_text("not up to date")
    expect(page.locator("main > .notice", has_text="What is shown is from")).to_be_visible()
    expect(page.locator(".line .cell-gap")).to_have_count(1)  # what was known stays
    send(system, {lost: numbered(lost, 2)}, prefix)
    expect(page.locator(".page-head")).to_contain_text("healthy")
    expect(page.locator(".panel-old")).to_have_count(0)
    page.goto(f"{one.url}/#/")
    summed(page, len(names))
    expect(page.locator(".figure-note").first).to_have_text(f"1 of {len(names)} projects")
    assert page.evaluate("window.isSamePage") is True


def _partition(program: Program, project: str) -> str:
    return str(view(program, f"/integrity/project/{project}")["applied"]["partition"])


def _owned(program: Program) -> set[str]:
    """The partitions of whose lag it speaks."""
    with urlopen(f"{program.url}/metrics", timeout=10) as answer:
        return set(
            re.findall(r'^episode_monitor_lag_events\{.*partition="(\d+)"', answer.read().decode(), re.MULTILINE)
        )


@pytest.mark.page_may_log(CUT, "503")
def test_a_worker_is_killed_and_recovers_while_the_page_is_open(
    system: System, started: Start, open_page: Open, tmp_path: Path
) -> None:
    may_recover = tmp_path / "may-recover"
    may_recover.touch()
    prefix = f"{system.prefix}killed-"
    monitor = started(
        system.broker, prefix, module="tests.browser.held_recovery", GAP_SETTLE_SECONDS="1", PYTHONPATH=str(ROOT),
        RECOVER_WHEN=str(may_recover), **SESSION,
    )  # fmt: skip
    send(system, {"kept": numbered("kept", 1, 3)}, prefix)
    until(lambda: (view(monitor, "/alerts/active") or {}).get("total") == 1, "the alert of the gap")
    page = open_page(monitor, refresh=REFRESH)
    page.evaluate("window.isSamePage = true")
    summed(page, 1)
    monitor.kill9()
    expect(page.locator(".banner")).to_contain_text("does not respond")
    expect(page.locator(".banner")).to_contain_text("What is shown is from")
    expect(page.locator(".figure.panel-old").first).to_contain_text(_of(1))
    may_recover.unlink()
    monitor.start()
    expect(page.locator(".banner")).to_contain_text("recovering")
    expect(page.locator("#monitor")).to_contain_text(f"0 of {PARTITIONS} live")
    expect(page.locator("#monitor progress")).to_be_visible()
    expect(page.locator(".figure.panel-old").first).to_contain_text(_of(1))
    beside = open_page(monitor, "#/alerts", refresh=REFRESH)
    expect(beside.locator(".notice", has_text="values are those of each alert's last change")).to_be_visible()
    expect(beside.locator("tr[data-alert]")).to_have_count(1)
    may_recover.touch()
    until(lambda: ready(monitor), "the worker again")
    expect(beside.locator(".notice")).to_have_count(0)
    send(system, {"new": numbered("new", 1, 2)}, prefix)
    summed(page, 2)
    assert page.evaluate("window.isSamePage") is True


@pytest.mark.page_may_log(CUT, "503")
def test_an_outage_is_marked_without_a_click_and_all_is_asked_for_again_when_it_is_over(
    system: System, started: Start, open_page: Open
) -> None:
    own = started(system.broker, f"{system.prefix}gone-", **SESSION)
    page = open_page(own, refresh=3600)  # so that only the lost connection can tell
    summed(page, 0)
    updated = page.get_by_test_id("updated")
    expect(updated).not_to_have_text("–")
    before = updated.text_content() or ""
    own.kill9()
    expect(page.locator(".banner")).to_contain_text("does not respond")
    expect(updated).to_have_text(before)
    own.start()
    expect(page.locator(".banner")).to_have_count(0)
    expect(updated).not_to_have_text(before)


@pytest.mark.page_may_log("401", "403")
def test_without_rights_the_page_reads_and_says_why_it_cannot_change(
    system: System, started: Start, open_page: Open
) -> None:
    guarded = started(
        system.broker, f"{system.prefix}rights-", API_TOKENS="operator:right,viewer:look",
        EVENTS_TOPIC=f"{system.prefix}events",
    )  # fmt: skip
    page = open_page(guarded, "#/jobs")
    page.get_by_role("button", name="Basic check").click()
    dialog = page.get_by_role("dialog")
    submit(page, "Run")
    expect(dialog.get_by_role("alert")).to_contain_text("operator's token")
    dialog.get_by_label("Operator token").fill("look")
    submit(page, "Run")
    expect(dialog.get_by_role("alert")).to_contain_text("Read-only")
    expect(dialog.get_by_role("alert")).to_contain_text("A viewer's token allows reading only")
    jobs = (view(guarded, "/jobs") or {})["jobs"]
    assert [job for job in jobs if job["requested_by"] != "schedule"] == []
    dialog.get_by_label("Operator token").fill("right")
    confirm(page, "Run")
    expect(page.locator("tbody tr").first).to_contain_text("mina")
    assert page.evaluate("localStorage.getItem('episode-monitor').includes('right')") is False
    assert page.evaluate("sessionStorage.length") == 1
