"""The dashboard at size: 100 000 projects and 1 000 active alerts in a real worker, looked at with Chromium.

What is measured: interactions until the next paint, the first view with a processor that is four times slower, what the
page holds after many refreshes, and the worker's CPU time for each of them. The broker is the embedded one, since the
page has nothing to do with it.
"""

import argparse
import asyncio
import json
import os
import shutil
import sys
import time
import urllib.request
from collections.abc import Iterator
from statistics import median
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from benchmarks import dashboard_page, rig
from episode_monitor.demo.embedded import EmbeddedBroker
from episode_monitor.demo.guarded import ServerError
from episode_monitor.demo.programs import Program

TOPIC = "episode-events"
QUICK = {"GAP_SETTLE_SECONDS": "1"}
MOST_MS, FIRST_VIEW_MS = 100, 800  # what is wanted
GROWTH_PERCENT = 5  # between the first quarter and the end
REFRESH_SECONDS = 30
PAGES = ("", "#/alerts", "#/integrity", "#/performance")


def add_options(parser: argparse.ArgumentParser) -> None:
    """How long to look; sizes are those of the measure `page`."""
    parser.add_argument("--page-rounds", type=int, default=5, help="dashboard: times each interaction (default 5)")
    parser.add_argument("--page-refreshes", type=int, default=200, help="dashboard: refreshes of a page (default 200)")
    parser.add_argument("--page-minutes", type=int, default=0, help="dashboard: a page every 30 s for so long as well")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Prints a table on standard error. Raises ServerError where there is no browser."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise ServerError("no browser: install chromium, or set CHROMIUM to its path")
    with EmbeddedBroker() as broker, rig.worker(broker.bootstrap_servers, "dashboard", **QUICK) as worker:
        rig.until(lambda: rig.is_ready(worker.url), 60, "readiness")
        _fill(broker.bootstrap_servers, worker, options.page_projects, options.page_alerts)
        with sync_playwright() as playwright:
            words = ["--no-sandbox", "--disable-dev-shm-usage"]
            browser = playwright.chromium.launch(executable_path=path, args=words)
            figures = _measured(browser, worker, options)
            browser.close()
    print(_table(figures), file=sys.stderr)
    return figures


def _fill(servers: str, worker: Program, projects: int, alerts: int) -> None:
    began = time.monotonic()
    sent = asyncio.run(rig.feed(servers, TOPIC, _events(projects, alerts)))
    rig.until(lambda: rig.left(worker.url) == 0, 900, "the end of all events")
    rig.until(lambda: _total(worker, "/alerts/active?limit=1") == alerts, 600, "all alerts", every=1.0)
    rig.until(lambda: _total(worker, "/integrity/projects?limit=1") == projects, 60, "all projects", every=1.0)
    print(f"dashboard: {sent} events and {alerts} alerts in {time.monotonic() - began:.0f} s", file=sys.stderr)


def _events(projects: int, alerts: int) -> Iterator[tuple[bytes, bytes]]:
    """Two episodes a project; as many projects as alerts have a gap."""
    start_ms = time.time_ns() // 1_000_000 - 60_000
    for number in range(projects * 2):
        place, project = divmod(number, projects)
        name = f"proj_{project:06}"
        wire = {
            "event_id": f"ev-{number}",
            "type": "episode.created",
            "project_id": name,
            "occurred_at": start_ms + number * 50_000 // (projects * 2),
            "episode_id": f"ep-{number}",
            "episode_number": 3 if place and _has_gap(project, projects, alerts) else place + 1,
            "duration_seconds": 0.2 + number % 97 / 100,
        }
        yield name.encode(), json.dumps(wire).encode()


def _has_gap(project: int, projects: int, alerts: int) -> bool:
    """Of so many, spread evenly."""
    return project * alerts // projects != (project + 1) * alerts // projects


def _total(worker: Program, path: str) -> int:
    try:
        with urllib.request.urlopen(f"{worker.url}/monitoring/episodes{path}", timeout=30) as answer:
            return int(json.load(answer)["total"])
    except OSError:
        return -1


def _measured(browser: Browser, worker: Program, options: argparse.Namespace) -> dict[str, Any]:
    url, rounds, refreshes = f"{worker.url}/", options.page_rounds, options.page_refreshes
    projects, alerts = options.page_projects, options.page_alerts
    gap = next(number for number in range(projects) if _has_gap(number, projects, alerts))
    figures: dict[str, Any] = {
        "first_view_ms": dashboard_page.first_views(browser, url, rounds),
        "first_view_main_thread_ms": dashboard_page.first_view_work(browser, url, rounds),
        "interactions": dashboard_page.interactions(browser, url, rounds, f"proj_{gap:06}"),
        "pages": {page: _refreshed(browser, worker, url + page, refreshes) for page in PAGES} if refreshes else {},
    }
    if options.page_minutes:
        held = dashboard_page.memory_for(browser, f"{url}#/alerts", options.page_minutes)
        figures["pages"]["#/alerts, by the clock"] = _flat(held)
    return figures


def _refreshed(browser: Browser, worker: Program, url: str, refreshes: int) -> dict[str, Any]:
    before = rig.cpu_seconds(worker.pid or 0)
    held = dashboard_page.memory(browser, url, refreshes)
    used = (rig.cpu_seconds(worker.pid or 0) - before) / (refreshes + 2)
    return _flat(held) | {
        "worker_cpu_ms_a_refresh": round(used * 1000, 1),
        "worker_core_percent": round(used / REFRESH_SECONDS * 100, 2),
    }


def _flat(held: list[dict[str, float]]) -> dict[str, Any]:
    """Growth from the first quarter on: before that, caches fill."""
    early, late = held[len(held) // 4], held[-1]
    growth = {name: round((late[name] / early[name] - 1) * 100, 1) for name in dashboard_page.HELD}
    return {"at_last": late, "growth_percent": growth}


def _table(figures: dict[str, Any]) -> str:
    """For people: what, how much, and what is wanted."""
    work = f", main thread {figures['first_view_main_thread_ms']:g} ms"
    first = [median(figures["first_view_ms"]), max(figures["first_view_ms"])]
    lines = [_line("first view, processor 4 times slower", first, FIRST_VIEW_MS, "ms") + work]
    for name, times in figures["interactions"].items():
        cpu = f", main thread {times['main_thread_ms']:g} ms until all is done"
        lines.append(_line(name, [times["median_ms"], times["worst_ms"]], MOST_MS, "ms") + cpu)
    for name, page in figures["pages"].items():
        held, grown = page["at_last"], max(page["growth_percent"].values())
        what = f"{name or '#/'}: growth; {held['heap_mebibytes']} MiB, {held['nodes']:.0f} nodes"
        lines.append(_line(what, [grown], GROWTH_PERCENT, "%"))
        if "worker_core_percent" in page:
            lines.append(_line(f"{name or '#/'}: of a core of the worker", [page["worker_core_percent"]], 1, "%"))
    return "\n".join([f"{'':52}{'median':>9}{'worst':>9}   wanted", *lines])


def _line(what: str, found: list[float], wanted: float, unit: str) -> str:
    shown = "".join(f"{value:9g}" for value in found) + " " * 9 * (2 - len(found))
    return f"{what:52}{shown}   {wanted} {unit}{'  MISSED' if found[-1] > wanted else ''}"
