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
from benchmarks.peers.contenders import CONTENDERS, Work
from benchmarks.peers.equal.shape import EQUAL
from benchmarks.peers.race import Measured, race, say
from benchmarks.peers.shapes import SHAPES
from testbed.apache_kafka import ApacheKafka


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this measure alone."""
    names = list(dict.fromkeys(each.name for all_of_them in CONTENDERS.values() for each in all_of_them))
    group = parser.add_argument_group("peers")
    group.add_argument(
        "--work", nargs="+", type=Work, choices=list(Work), default=[Work.HANDICAP], metavar="WORK",
        help="equal: the others do the monitor's job; handicap: they keep four counts (default: handicap)",
    )  # fmt: skip
    group.add_argument(
        "--shape", nargs="+", choices=[*SHAPES, "all"], default=["1000"], help="of the handicap (default: 1000)"
    )
    group.add_argument("--contender", nargs="+", choices=names, default=names, help="default: all")
    group.add_argument(
        "--events",
        type=int,
        help="operations to take (default 1000000; equal work 3000000, the first third to warm up)",
    )
    group.add_argument("--share", type=int, help="operations for the slowest (default 30000; equal work 200000)")
    group.add_argument("--partitions", type=int, nargs="+", default=[4], help="of the topic (default 4)")
    group.add_argument("--workers", type=int, nargs="+", default=[1], help="processes a contender (default 1)")
    group.add_argument("--rounds", type=int, default=3, help="times in turns; medians are reported (default 3)")


def run(options: argparse.Namespace, results: Path) -> dict[str, Any]:
    """Every shape with every number of partitions and workers. Contenders that cannot run are named and left out."""
    report: dict[str, Any] = {
        "machine": machine(),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "rounds": options.rounds,
        "missing": {},
        "runs": [],
    }
    prepared = {work: _prepare(work, options.contender, report["missing"]) for work in options.work}
    with rig.kafka() as kafka:
        for work, contenders in prepared.items():
            _run_work(kafka, work, contenders, options, report, results)
    say("\n" + ratios.table(report["runs"]))
    return report


def _run_work(
    kafka: ApacheKafka,
    work: Work,
    contenders: Sequence[Contender],
    options: argparse.Namespace,
    report: dict[str, Any],
    results: Path,
) -> None:
    alone: dict[tuple[str, int], list[Measured]] = {}  # by one worker
    shapes = [EQUAL] if work is Work.EQUAL else [SHAPES[name] for name in _shape_names(options.shape)]
    events = options.events or (3_000_000 if work is Work.EQUAL else 1_000_000)
    share = options.share or (200_000 if work is Work.EQUAL else 30_000)
    for shape, partitions, workers in itertools.product(shapes, options.partitions, options.workers):
        if workers > partitions:
            say(f"{workers} workers cannot share {partitions} partitions; left out")
            continue
        measured = race(
            kafka, contenders, shape, events, min(share, events), partitions=partitions, workers=workers,
            rounds=options.rounds, warm_up=events // 3 if work is Work.EQUAL else 0,
        )  # fmt: skip
        if workers == 1:
            alone[shape.name, partitions] = measured
        two = ratios.of_two_processes(alone.get((shape.name, partitions), ()), measured) if workers == 2 else []
        report["runs"].append(
            {
                "work": work,
                "shape": shape.name,
                "about": shape.about,
                "partitions": partitions,
                "workers": workers,
                "contenders": [each.as_dict() for each in measured],
                "ratios": ratios.ratios(shape.name, measured, workers) + two,
            }
        )
        _write(report, results)  # after each, for a long run may be cut short


def _shape_names(names: Sequence[str]) -> Sequence[str]:
    return list(SHAPES) if "all" in names else names


def _prepare(work: Work, names: Sequence[str], missing: dict[str, str]) -> list[Contender]:
    ready: list[Contender] = []
    for contender in CONTENDERS[work]:
        if contender.name not in names:
            continue
        try:
            contender.prepare()
        except CannotRun as reason:
            missing[contender.name] = str(reason)
            say(f"{contender.title} cannot run here: {reason}")
        else:
            ready.append(contender)
    return ready


def _write(report: dict[str, Any], results: Path) -> None:
    results.mkdir(exist_ok=True)
    (results / "peers.json").write_text(json.dumps(report, indent=2) + "\n")
    (results / "peers.svg").write_text(plot.svg(report["runs"], report["machine"]))
    missing = [f"Could not run here: {name}: {' '.join(why.split())}\n" for name, why in report["missing"].items()]
    words = [f"On {report['machine']}; medians of {report['rounds']} rounds.\n", ratios.table(report["runs"]), *missing]
    (results / "peers.md").write_text("\n".join(words))
