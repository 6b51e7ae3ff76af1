"""`./run bench`: measures, prints, and writes benchmarks/results/latest.json. Needs Java 17 and Maven for Kafka."""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import alert_latency, rig, state_size, throughput

RESULTS = Path(__file__).parent / "results"
MEASURES = ("state", "throughput", "latency")


def main() -> int:
    """Run what was asked for, one after the other: two at once would measure each other."""
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("measures", nargs="*", choices=[*MEASURES, []], help="default: all")
    parser.add_argument("--operations", type=int, default=1_000_000, help="creations to drain (default 1000000)")
    parser.add_argument("--projects", type=int, default=1000, help="projects they belong to (default 1000)")
    parser.add_argument("--bursts", type=int, default=200, help="alerts to time (default 200)")
    parser.add_argument("--rate", type=int, default=1000, help="events a second beside the bursts (default 1000)")
    options = parser.parse_args()
    wanted = options.measures or MEASURES
    results: dict[str, Any] = {"machine": _machine(), "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    if "state" in wanted:
        results["state_bytes_of_a_project_of_100_episodes"] = _show("state", state_size.run())
    if set(wanted) & {"throughput", "latency"}:
        with rig.kafka() as kafka:
            if "throughput" in wanted:
                figures = throughput.run(kafka, options.operations, options.projects)
                results["throughput"] = _show("throughput", figures)
            if "latency" in wanted:
                results["alert_latency"] = _show("latency", alert_latency.run(kafka, options.bursts, options.rate))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.json").write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))
    return 0


def _show(name: str, figures: Any) -> Any:
    print(f"{name}: {json.dumps(figures)}", file=sys.stderr)
    return figures


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
