"""`./run bench`: measures, prints, and writes benchmarks/results/. Needs Java 17 and Maven for Apache Kafka."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import (
    alert_latency,
    audit,
    capacity_model,
    check,
    client_events,
    dashboard,
    hostile,
    idle,
    open_page,
    query_latency,
    rig,
    size,
    start_up,
    state_size,
    throughput,
)
from benchmarks.machine import machine
from benchmarks.peers import command as peers
from episode_monitor.demo.guarded import ServerError
from episode_monitor.exits import ExitCode
from testbed.apache_kafka import ApacheKafka

RESULTS = Path(__file__).parent / "results"
QUICK = ("state", "client", "throughput", "latency")
MEASURES = (
    *QUICK, "peers", "queries", "capacity", "check", "hostile", "idle", "audit", "page", "dashboard", "start", "size",
)  # fmt: skip


def main() -> int:
    """Run what was asked for, one after the other: two at once would measure each other."""
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("measures", nargs="*", metavar="MEASURE", help=f"of {', '.join(MEASURES)} (default: {QUICK})")
    _add_options(parser)
    peers.add_options(parser)
    capacity_model.add_options(parser)
    dashboard.add_options(parser)
    size.add_options(parser)
    options = parser.parse_args()
    os.environ["no_proxy"] = "*"  # all that is measured is on this machine
    unknown = set(options.measures) - set(MEASURES)
    if unknown:
        parser.error(f"there is no measure {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
    if "queries" in options.measures and options.capacity is None:
        parser.error("queries needs --capacity, the events a second that `throughput` measured here")
    try:
        results = _measure(options, options.measures or list(QUICK))
    except ServerError as error:
        print(f"bench: {error}", file=sys.stderr)
        return int(ExitCode.UNREACHABLE)
    if len(results) > 2:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "latest.json").write_text(json.dumps(results, indent=2) + "\n")
        print(json.dumps(results, indent=2))
    return 0


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--operations", type=int, default=1_000_000, help="throughput: creations (default 1000000)")
    parser.add_argument("--projects", type=int, default=1000, help="throughput: projects (default 1000)")
    parser.add_argument("--bursts", type=int, default=200, help="latency: alerts to time, each load (default 200)")
    parser.add_argument("--rate", type=int, default=1000, help="latency: events a second beside them (default 1000)")
    parser.add_argument(
        "--capacity", type=int, default=None,
        help="events a second that one worker takes here: latency is then measured at 10, 50 and 90 %% of it, beside "
        "Prometheus and Alertmanager, and queries at 80 %%",
    )  # fmt: skip
    parser.add_argument("--seconds", type=int, default=60, help="queries: for how long (default 60)")
    parser.add_argument("--requests", type=int, default=200, help="queries: requests a second (default 200)")
    parser.add_argument("--hostile-projects", type=int, default=1_000_000, help="hostile: once each (default 1000000)")
    parser.add_argument("--greedy-numbers", type=int, default=200_000, help="hostile: of one project (default 200000)")
    parser.add_argument("--page-projects", type=int, default=100_000, help="page: projects (default 100000)")
    parser.add_argument("--page-alerts", type=int, default=1000, help="page: active alerts (default 1000)")
    parser.add_argument("--check-projects", type=int, default=100_000, help="check: projects (default 100000)")
    parser.add_argument("--check-episodes", type=int, default=100, help="check: episodes of each (default 100)")


def _measure(options: argparse.Namespace, wanted: list[str]) -> dict[str, Any]:
    """What goes into latest.json; peers and capacity write files of their own."""
    results: dict[str, Any] = {"machine": machine(), "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    if "state" in wanted:
        results["state_bytes_of_a_project_of_100_episodes"] = _show("state", state_size.run())
    if "client" in wanted:
        results["client_event_microseconds"] = _show("client", client_events.run())
    if "check" in wanted:
        results["deep_check"] = _show("check", check.run(options.check_projects, options.check_episodes))
    if "size" in wanted:
        results["size"] = _show("size", size.run(options))
    if "start" in wanted:
        results["start"] = _show("start", start_up.run(options.rounds))
    if "dashboard" in wanted:
        results["dashboard"] = _show("dashboard", dashboard.run(options))
    on_kafka: dict[str, tuple[str, Callable[[ApacheKafka], Any]]] = {
        "throughput": ("throughput", lambda kafka: throughput.run(kafka, options.operations, options.projects)),
        "latency": ("alert_latency", lambda kafka: alert_latency.run(kafka, options)),
        "queries": ("queries", lambda kafka: query_latency.run(kafka, options)),
        "idle": ("idle_milliseconds_a_second", idle.run),
        "audit": ("audit_checkpoints", lambda kafka: audit.run(kafka, options.operations, options.projects)),
        "page": ("open_page", lambda kafka: open_page.run(kafka, options.page_projects, options.page_alerts)),
        "hostile": ("hostile", lambda kafka: hostile.run(kafka, options.hostile_projects, options.greedy_numbers)),
    }
    if set(wanted) & on_kafka.keys():
        with rig.kafka() as kafka:
            for measure, (name, work) in on_kafka.items():
                if measure in wanted:
                    results[name] = _show(measure, work(kafka))
    if "peers" in wanted:
        peers.run(options, RESULTS)
    if "capacity" in wanted:
        capacity_model.run(options, RESULTS)
    return results


def _show(name: str, figures: Any) -> Any:
    print(f"{name}: {json.dumps(figures)}", file=sys.stderr)
    return figures


if __name__ == "__main__":
    sys.exit(main())
