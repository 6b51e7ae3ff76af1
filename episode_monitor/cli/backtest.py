"""`rules backtest`: what rules would have raised over past events; nothing is written or delivered."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from agents.engine.gc_tuning import spare_the_state
from episode_monitor.cli.output import Json, count, print_json, print_table
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
from episode_monitor.cli.replay_report import words
from episode_monitor.exits import ExitCode
from episode_monitor.replay.run import replay
from episode_monitor.settings.rules_file import core_from
from episode_monitor.settings.settings import load_settings


def backtest(
    file: Annotated[Path, typer.Argument(help="The rules file to test.")],
    jsonl: Lines = None, partition: PartitionNumber = None, begin: From = None, end: To = None,
    from_offset: FromOffset = None, to_offset: ToOffset = None, until: Until = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Show which alerts these rules would have raised over past events. Exit code 1: any, or dead letters."""
    asked = wanted(jsonl, partition, begin, end, from_offset, to_offset, until)
    settings = load_settings().model_copy(update={"rules_file": file})
    core = core_from(settings)
    source = asked.source(settings)
    spare_the_state()
    report = run(partial(replay, core, source, asked.until_ms), settings, jsonl)
    if not report.events:
        print(f"{source.name} holds no records in this range.", file=sys.stderr)
    if as_json:
        told = {"firings": report.firings, "transitions": report.transitions, "alerts": report.alerts}
        print_json({"events": report.events, "dead_letters": report.dead_letters, **told})
    else:
        rows = [[a["updated_at"], a["alert_key"], a["status"], a["reason"], a["description"]] for a in report.alerts]
        print_table(("When", "Alert", "Status", "Why", "What"), rows)
        print(f"{count(report.events, 'event')}; firings: {words(report.firings)}")
        if report.dead_letters:
            print(f"Dead letters: {words(report.dead_letters)}", file=sys.stderr)
    if any(report.firings.values()) or report.dead_letters:
        raise typer.Exit(ExitCode.ISSUES_FOUND)
