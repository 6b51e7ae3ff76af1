"""`./run bench peers`: everybody in one run; JSON, a table and a picture under benchmarks/results/."""

import argparse
import itertools
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import rig
from benchmarks.machine import machine
from benchmarks.peers import plot, ratios
from benchmarks.peers.contender import CannotRun, Contender
from benchmarks.peers.contenders import ALL
from benchmarks.peers.race import Measured, race, say
from benchmarks.peers.shapes import SHAPES


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this measure alone."""
    names = [each.name for each in ALL]
    group = parser.add_argument_group("peers")
    group.add_argument("--shape", nargs="+", choices=[*SHAPES, "all"], default=["1000"], help="default: 1000")
    group.add_argument("--contender", nargs="+", choices=names, default=names, help="default: all")
    group.add_argument("--events", type=int, default=1_000_000, help="operations to take (default 1000000)")
    group.add_argument("--share", type=int, default=30_000, help="operations for the slowest (default 30000)")
    group.add_argument("--partitions", type=int, nargs="+", default=[4], help="of the topic (default 4)")
    group.add_argument("--workers", type=int, nargs="+", default=[1], help="processes a contender (default 1)")
    group.add_argument("--rounds", type=int, default=3, help="times in turns; medians are reported (default 3)")


def run(options: argparse.Namespace, results: Path) -> dict[str, Any]:
    """Every shape with every number of partitions and workers. Contenders that cannot run are named and left out."""
    contenders, missing = _prepare(options.contender)
    shapes = list(SHAPES) if "all" in options.shape else options.shape
    report: dict[str, Any] = {
        "machine": machine(),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "rounds": options.rounds,
        "missing": missing,
        "runs": [],
    }
    alone: dict[tuple[str, int], list[Measured]] = {}  # by one worker
    with rig.kafka() as kafka:
        for name, partitions, workers in itertools.product(shapes, options.partitions, options.workers):
            if workers > partitions:
                say(f"{workers} workers cannot share {partitions} partitions; left out")
                continue
            shape = SHAPES[name]
            measured = race(
                kafka, contenders, shape, options.events, min(options.share, options.events), partitions=partitions,
                workers=workers, rounds=options.rounds,
            )  # fmt: skip
            if workers == 1:
                alone[name, partitions] = measured
            two = ratios.of_two_processes(alone.get((name, partitions), ()), measured) if workers == 2 else []
            report["runs"].append(
                {
                    "shape": name,
                    "about": shape.about,
                    "partitions": partitions,
                    "workers": workers,
                    "contenders": [each.as_dict() for each in measured],
                    "ratios": ratios.ratios(name, measured) + two,
                }
            )
            _write(report, results)  # after each, for a long run may be cut short
    say("\n" + ratios.table(report["runs"]))
    return report


def _prepare(names: Sequence[str]) -> tuple[list[Contender], dict[str, str]]:
    ready: list[Contender] = []
    missing: dict[str, str] = {}
    for kind in ALL:
        if kind.name not in names:
            continue
        contender = kind()
        try:
            contender.prepare()
        except CannotRun as reason:
            missing[kind.name] = str(reason)
            say(f"{kind.title} cannot run here: {reason}")
        else:
            ready.append(contender)
    return ready, missing


def _write(report: dict[str, Any], results: Path) -> None:
    results.mkdir(exist_ok=True)
    (results / "peers.json").write_text(json.dumps(report, indent=2) + "\n")
    (results / "peers.svg").write_text(plot.svg(report["runs"], report["machine"]))
    missing = [f"Could not run here: {name}: {' '.join(why.split())}\n" for name, why in report["missing"].items()]
    words = [f"On {report['machine']}; medians of {report['rounds']} rounds.\n", ratios.table(report["runs"]), *missing]
    (results / "peers.md").write_text("\n".join(words))
