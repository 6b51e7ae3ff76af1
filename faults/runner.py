"""Plays rounds of scenarios, chosen by a seed, on one Apache Kafka, and has the oracle check each.

python -m faults --rounds 300 --seed 1 --report faults.json
python -m faults --only zombie --rounds 5
"""

import argparse
import asyncio
import contextlib
import json
import logging
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import structlog
from aiokafka.errors import KafkaError

from faults.dispatch_plan import Dispatch
from faults.evidence import READ_PATIENCE_SECONDS
from faults.kept_round import judged_again, keep
from faults.plan import Plan
from faults.scenarios import SCENARIOS, Scenario
from faults.sending import CODECS, Style
from faults.stage import Stage
from testbed.apache_kafka import ApacheKafka

Write = Callable[[str], None]
ROUND_SECONDS = 240.0
UNREAD = f"The broker did not return within {READ_PATIENCE_SECONDS:.0f} s what a log holds."
DISPATCHES = (  # by seed, where the scenario has no plan of its own
    Dispatch(),
    Dispatch(group_by=("alertname",), group_wait_ms=500, group_interval_ms=1_000),
    Dispatch(waits_for_past=True),
    Dispatch(escalate_ms=2_000),
)


class RoundReport(msgspec.Struct):
    """One round: faults, counts, violations."""

    scenario: str
    seed: int
    seconds: float = 0.0
    deaths: dict[str, int] = {}
    counts: dict[str, int] = {}
    figures: dict[str, float] = {}
    wrong: list[str] = []
    logs: str = ""

    def __str__(self) -> str:
        deaths = ", ".join(f"{count} {why}" for why, count in sorted(self.deaths.items()))
        shown = ("acknowledged", "transitions", "emitted again", "delivered again", "answers 503", "decisions",
                 "notifications", "sent again", "acts 201", "escalations", "audit checkpoints", "audit sent again",
                 "audit state digests")  # fmt: skip
        counts = ", ".join(f"{self.counts.get(name, 0)} {name}" for name in shown)
        figures = "".join(f", {name.replace('_', ' ')} {value:.2f}" for name, value in self.figures.items())
        verdict = "no violation" if not self.wrong else f"WRONG, {len(self.wrong)} violations"
        return f"{self.scenario} (seed {self.seed}, {self.seconds:.1f} s): {deaths}; {counts}{figures}; {verdict}"


async def play_round(scenario: Scenario, plan: Plan, folder: Path) -> RoundReport:
    """One round: faults, their end, verdict."""
    began, report = time.monotonic(), RoundReport(scenario.name, plan.seed)
    stage = Stage(plan, folder)
    try:
        async with asyncio.timeout(ROUND_SECONDS) as bound, stage.entered():
            await scenario.play(stage)
            await stage.settle()
            await stage.end()
        oracle = stage.judge(await stage.collect())
        report.wrong = [*stage.wrong, *stage.zombies(), *await asyncio.to_thread(oracle.verdict)]
        report.counts = dict(oracle.counts)
    except TimeoutError:
        why = f"The round did not end within {ROUND_SECONDS:.0f} s." if bound.expired() else UNREAD
        report.wrong = [*stage.wrong, why]
    except KafkaError as error:
        report.wrong = [*stage.wrong, f"The broker did not serve the round itself: {error!r}."]
    report.deaths = {why: count for why, count in stage.deaths.items() if count}
    report.figures = stage.figures
    report.seconds = time.monotonic() - began
    if report.wrong:
        keep(stage, report.wrong)
        return report
    with contextlib.suppress(Exception):
        await stage.remove()
    return report


def chosen(seed: int) -> Scenario:
    """The scenario that a seed picks."""
    weighty = [each for each in SCENARIOS.values() if each.weight]
    return random.Random(seed).choices(weighty, [each.weight for each in weighty])[0]


async def play_rounds(
    bootstrap_servers: str, seeds: Sequence[int], *, picked: Sequence[str] = (), at_once: int = 1, write: Write = print
) -> list[RoundReport]:
    """Rounds with these seeds, `at_once` at the same time. `picked` names the scenario of each, else the seed picks it.

    The workers' logs are kept where there are violations.
    """
    reports: list[RoundReport] = []
    places = asyncio.Semaphore(at_once)

    async def play(seed: int, scenario: Scenario) -> None:
        async with places:
            folder = Path(tempfile.mkdtemp(prefix="episode-monitor-faults-"))
            report = await play_round(scenario, _plan(bootstrap_servers, seed, scenario), folder)
            reports.append(report)
            write(f"{len(reports)}/{len(seeds)} {report}")
            if not report.wrong:
                shutil.rmtree(folder, ignore_errors=True)
                return
            report.logs = str(folder)
            for sentence in report.wrong:
                write(f"    {sentence}")
            write(f"    Repeat it: ./run faults --only {scenario.name} --seed {seed} --rounds 1")
            write(f"    The workers' logs and the evidence (--judge): {folder}")

    scenarios = [SCENARIOS[name] for name in picked] or [chosen(seed) for seed in seeds]
    await asyncio.gather(*(play(seed, scenario) for seed, scenario in zip(seeds, scenarios, strict=True)))
    return reports


def _plan(bootstrap_servers: str, seed: int, scenario: Scenario) -> Plan:
    """The seed picks codec, transactions and dispatcher where the scenario has none of its own."""
    prefix = f"faults-{seed}-{time.time_ns() // 1_000_000}-"
    styles = (Style(CODECS[seed % len(CODECS)], seed % 2 == 0),)
    chosen_by_seed: dict[str, Any] = {"styles": styles, "dispatch": DISPATCHES[seed % len(DISPATCHES)]}
    return Plan(bootstrap_servers=bootstrap_servers, prefix=prefix, seed=seed, **(chosen_by_seed | scenario.plan))


def summary(reports: Sequence[RoundReport], seconds: float) -> dict[str, object]:
    """All rounds in one."""
    deaths: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    scenarios: dict[str, Counter[str]] = {}
    for report in reports:
        deaths.update(report.deaths)
        counts.update(report.counts)
        row = scenarios.setdefault(report.scenario, Counter())
        row.update(rounds=1, deaths=sum(report.deaths.values()), violations=len(report.wrong))
    figures: dict[str, list[float]] = {}
    for report in reports:
        for name, value in report.figures.items():
            figures.setdefault(name, []).append(value)
    return {
        "rounds": len(reports),
        "seconds": round(seconds, 1),
        "kills": sum(deaths.values()),
        "events": counts["acknowledged"],
        "violations": sum(len(report.wrong) for report in reports),
        "figures": {name: {"median": median(values), "max": max(values)} for name, values in figures.items()},
        "deaths": dict(deaths),
        "counts": dict(counts),
        "scenarios": {name: dict(row) for name, row in sorted(scenarios.items())},
        "each": [msgspec.to_builtins(report) for report in reports],
    }


def main() -> None:
    """Play what the command line asks for; exit code 1 on violations."""
    from faults.infra_all import INFRA_SCENARIOS, play_named  # they use the reports of this module

    does = {name: scenario.play.__doc__ or "" for name, scenario in SCENARIOS.items()}
    options = _parser(does | {name: scenario.does for name, scenario in INFRA_SCENARIOS.items()}).parse_args()
    if options.judge is not None:
        found = judged_again(options.judge)
        _print("\n".join(found) or "no violation")
        sys.exit(1 if found else 0)
    first = int(time.time()) if options.seed is None else options.seed
    if options.only in INFRA_SCENARIOS:
        sys.exit(1 if play_named([options.only], first, options.rounds, options.broker, _print) else 0)
    began = time.monotonic()
    # The receiver's warnings about workers that died while they posted to it.
    logging.getLogger("uvicorn.error").addHandler(logging.NullHandler())
    logging.getLogger("uvicorn.error").propagate = False
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    _print(f"{options.rounds} rounds from seed {first} on")
    with contextlib.ExitStack() as stack:
        servers = options.broker or stack.enter_context(ApacheKafka()).bootstrap_servers
        seeds = range(first, first + options.rounds)
        picked = [options.only] * len(seeds) if options.only else []
        playing = play_rounds(servers, seeds, picked=picked, at_once=options.at_once, write=_print)
        reports = asyncio.run(playing)
    whole = summary(reports, time.monotonic() - began)
    if options.report is not None:
        options.report.write_text(json.dumps(whole, indent=1) + "\n")
    _print(" · ".join(f"{name} {whole[name]}" for name in ("rounds", "kills", "events", "violations", "figures")))
    sys.exit(1 if whole["violations"] else 0)


def _print(line: str) -> None:
    print(line, flush=True)


def _parser(does: Mapping[str, str]) -> argparse.ArgumentParser:
    """`does`: the scenarios and what each does, in sentences of which the first is shown."""
    listed = (f"  {name:26} {' '.join(text.split()).split('. ')[0].rstrip('.')}" for name, text in does.items())
    parser = argparse.ArgumentParser(
        prog="python -m faults",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=(
            "Kills, freezes or cuts off workers of a monitor while events flow through Apache Kafka (Java 17).\n"
            "Then an oracle compares state, alerts, deliveries and views with what the events give.\n"
            "Exit code: 0 no violation, 1 violations, 2 wrong usage."
        ),
        epilog="scenarios:\n" + "\n".join(listed),
    )
    parser.add_argument("--rounds", type=int, default=10, metavar="N", help="how many rounds (default: 10)")
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the first round, +1 each (default: the time)")
    parser.add_argument(
        "--only", choices=sorted(does), metavar="NAME", help="play this scenario alone (default: one for each seed)"
    )
    parser.add_argument("--at-once", type=int, default=1, metavar="N", help="rounds played at the same time")
    parser.add_argument("--broker", metavar="HOST:PORT", help="use this Apache Kafka (default: start one)")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write a summary as JSON")
    parser.add_argument("--judge", type=Path, metavar="FOLDER", help="judge a kept round again; nothing is played")
    return parser
