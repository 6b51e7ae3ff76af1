"""`rules backtest`: old and new rules over the same past events; nothing is written or delivered."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from agents.engine.gc_tuning import spare_the_state
from episode_monitor.cli.backtest_tables import print_result, print_transitions
from episode_monitor.cli.output import Json, count, print_json
from episode_monitor.cli.replay_options import (
    From,
    FromOffset,
    Lines,
    PartitionNumber,
    To,
    ToOffset,
    Until,
    run,
    wanted,
)
from episode_monitor.cli.replay_progress import shown_progress
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.replay.backtest import RulesSide
from episode_monitor.replay.backtest import backtest as run_backtest
from episode_monitor.replay.backtest_firings import night_of
from episode_monitor.replay.ranges import BadRange
from episode_monitor.settings.rules_file import core_from, rule_set
from episode_monitor.settings.settings import Settings, load_settings
from models.backtest_views import BacktestResult
from streams.base.night import Night

Old = Annotated[Path | None, typer.Option("--rules", help="The old rules, to compare with; default: those in force.")]
NightHours = Annotated[
    str, typer.Option("--night", help="Hours of MONITORING_TIMEZONE that are night: from, to.", metavar="HH-HH")
]
Transitions = Annotated[bool, typer.Option("--transitions", help="Show every transition of the new rules' alerts.")]


def backtest(
    file: Annotated[Path, typer.Argument(help="The rules file to test.")],
    rules: Old = None, jsonl: Lines = None, partition: PartitionNumber = None, begin: From = None, end: To = None,
    from_offset: FromOffset = None, to_offset: ToOffset = None, until: Until = None, night: NightHours = "22-07",
    transitions: Transitions = False, as_json: Json = False,
) -> None:  # fmt: skip
    """Show how often and how long these rules would have fired over past events, and what they change.

    Exit code 1: with --rules, a firing differs; else any. Dead letters as well.
    """
    asked = wanted(jsonl, partition, begin, end, from_offset, to_offset, until)
    settings = load_settings()
    hours = _night(night, settings)
    new = _side(settings, file, "")
    old = RulesSide("in force", core_from(settings)) if rules is None else _side(settings, rules, "--rules")
    source = asked.source(settings)
    spare_the_state()
    try:
        with shown_progress(is_asked=False, name="Backtest") as progress:
            result = run(partial(run_backtest, old, new, source, hours, asked.until_ms, progress), settings, jsonl)
    except KeyboardInterrupt:
        raise Failure("Interrupted; nothing was kept.", ExitCode.INTERRUPTED) from None
    if not result.events:
        print(f"{source.name} holds no records in this range.", file=sys.stderr)
    for warning in result.warnings:
        print(warning, file=sys.stderr)
    alerts = [alert.to_dict() for alert in new.transitions()] if transitions else []
    if as_json:
        print_json({**msgspec.to_builtins(result), **({"alerts": alerts} if transitions else {})})
    else:
        print_result(result)
        print_transitions(alerts)
    issues = _issues(result, rules is not None)
    if issues:
        print(f"Exit code 1: {', and '.join(issues)}.", file=sys.stderr)
        raise typer.Exit(ExitCode.ISSUES_FOUND)


def _side(settings: Settings, file: Path, named_by: str) -> RulesSide:
    return RulesSide(str(file), core_from(settings, rule_set(file, settings, named_by)))


def _issues(result: BacktestResult, is_compared: bool) -> list[str]:
    """Why the exit code is not 0."""
    found = []
    if result.dead_letters:
        found.append(f"{count(sum(result.dead_letters.values()), 'dead letter')} in this range")
    if is_compared and not result.equal:
        found.append("firings differ")
    if not is_compared and result.new.total.firings:
        found.append(f"the new rules have {count(result.new.total.firings, 'firing')}")
    return found


def _night(text: str, settings: Settings) -> Night:
    try:
        return night_of(text, settings.monitoring_timezone)
    except BadRange as error:
        raise Failure(str(error), ExitCode.USAGE) from None
