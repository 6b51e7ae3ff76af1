"""All scenarios of infrastructure. `python -m faults.infra_all [NAME …] [--rounds N] [--seed N]` plays them."""

import argparse
import sys

from faults import infra_broker, infra_changelog, infra_clock, infra_database, infra_receivers
from faults.infra import INFRA_SCENARIOS, play_infra, play_named

__all__ = ["INFRA_SCENARIOS", "play_infra", "play_named"]

MODULES = (infra_broker, infra_changelog, infra_clock, infra_database, infra_receivers)


def main() -> None:
    """Play what the command line asks for; exit code 1 on violations."""
    parser = argparse.ArgumentParser(prog="python -m faults.infra_all", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(INFRA_SCENARIOS)} (default: all)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--broker", help="host:port of an Apache Kafka that runs already")
    options = parser.parse_args()
    if unknown := set(options.names) - INFRA_SCENARIOS.keys():
        parser.error(f"there is no scenario {', '.join(sorted(unknown))}")
    names = options.names or list(INFRA_SCENARIOS)
    wrong = play_named(names, options.seed, options.rounds, options.broker, lambda line: print(line, flush=True))
    print(f"{len(names)} scenarios, {options.rounds * len(names)} rounds, {wrong} wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
