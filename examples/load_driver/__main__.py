"""`python -m examples.load_driver`: traffic with trouble. Progress on stderr, the report as JSON on stdout.

Exit codes: 0 done, 2 usage, 3 the project service is not there.
"""

import argparse
import asyncio
import json
import signal
import sys

from .driver import ServiceAway, drive
from .plan import Plan, make_plan


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line; prints its own help."""
    parser = argparse.ArgumentParser(prog="python -m examples.load_driver", description=__doc__)
    parser.add_argument("--service", default="http://127.0.0.1:8001", help="address of the project service")
    parser.add_argument("--wait", type=float, default=60.0, help="how long to wait for the service (default 60)")
    parser.add_argument("--seconds", type=float, default=None, help="how long (default: until Ctrl-C)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same choices (default 1)")
    parser.add_argument("--projects", type=int, default=40, help="how many projects (default 40)")
    parser.add_argument("--rate", type=float, default=20.0, help="creations a second over all projects (default 20)")
    parser.add_argument("--no-trouble", action="store_true", help="only healthy traffic")
    parser.add_argument("--first-trouble", type=float, default=3.0, help="second of the first trouble (default 3)")
    parser.add_argument(
        "--trouble-seconds", type=float, default=None, help="how long trouble lasts (default: to the end)"
    )
    parser.add_argument(
        "--slow-delay", type=float, default=5.5, help="delay of the slow project, seconds (default 5.5)"
    )
    parser.add_argument("--failure-probability", type=float, default=0.3, help="of the failing project (default 0.3)")
    parser.add_argument("--burst-callers", type=int, default=6, help="callers at once where it conflicts (default 6)")
    return parser.parse_args(arguments)


def plan_of(options: argparse.Namespace) -> Plan:
    """The plan that the command line asks for; ValueError as make_plan."""
    return make_plan(
        projects=options.projects,
        rate_per_second=options.rate,
        trouble=not options.no_trouble,
        first_trouble_seconds=options.first_trouble,
        trouble_seconds=options.trouble_seconds,
        slow_delay_seconds=options.slow_delay,
        failure_probability=options.failure_probability,
        burst_callers=options.burst_callers,
    )


async def run(options: argparse.Namespace, plan: Plan) -> None:
    """Drives until the time is over or a signal comes, and prints the report."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    report = await drive(
        options.service, plan, seed=options.seed, seconds=options.seconds, stop=stop, wait_seconds=options.wait
    )
    print(json.dumps(report.as_dict(), indent=2))


def main() -> int:
    """Parses, drives, reports."""
    options = parse(sys.argv[1:])
    try:
        plan = plan_of(options)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        asyncio.run(run(options, plan))
    except ServiceAway as error:
        print(error, file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
