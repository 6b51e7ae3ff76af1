"""`replay`: events processed once more, from the topic or a file; nothing is written or delivered."""

import sys

import msgspec
import typer

from agents.engine.gc_tuning import spare_the_state
from episode_monitor.cli.output import Json, print_json, print_table
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
from episode_monitor.exits import ExitCode
from episode_monitor.replay.run import replay as run_replay
from episode_monitor.settings.rules_file import core_from
from episode_monitor.settings.settings import load_settings


def replay(
    jsonl: Lines = None, partition: PartitionNumber = None, begin: From = None, end: To = None,
    from_offset: FromOffset = None, to_offset: ToOffset = None, until: Until = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Process events again and report the result. Exit code 1: gaps, duplicates, or dead letters."""
    asked = wanted(jsonl, partition, begin, end, from_offset, to_offset, until)
    settings = load_settings()
    core = core_from(settings)
    source = asked.source(settings)
    spare_the_state()
    report = run(run_replay(core, source, asked.until_ms), settings, jsonl)
    if not report.events:
        print(f"{source.name} holds no records in this range.", file=sys.stderr)
    for warning in report.warnings:
        print(warning, file=sys.stderr)
    if as_json:
        print_json(msgspec.to_builtins(report))
    else:
        facts = {name: value for name, value in msgspec.to_builtins(report).items() if name != "alerts"}
        print_table(("What", "Value"), [[name, words(value)] for name, value in facts.items()])
    if report.has_issues:
        raise typer.Exit(ExitCode.ISSUES_FOUND)


def words(value: object) -> str:
    """A value of the report in a cell."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items()) or "none"
    return str(value)
