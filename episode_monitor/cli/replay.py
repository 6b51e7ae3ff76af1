"""`replay` and `rules backtest`: events taken once more, from the topic or a file; nothing is written or delivered."""

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from agents.engine.gc_tuning import spare_the_state
from agents.kafka.access import KafkaAccess
from episode_monitor.cli.output import Json, count, print_json, print_table
from episode_monitor.composition import kafka_access
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.replay.lines import UnreadableFile
from episode_monitor.replay.run import Report
from episode_monitor.replay.run import replay as run_replay
from episode_monitor.replay.source import NoSuchPartition, Range, ReplayBatch, from_file, from_topic
from episode_monitor.settings.rules_file import core_from
from episode_monitor.settings.settings import Settings, load_settings
from models.times import epoch_ms

Lines = Annotated[
    Path | None,
    typer.Option("--jsonl", help="Read a file with one event per line, or - for standard input, instead of the topic."),
]
PartitionNumber = Annotated[int | None, typer.Option("--partition", help="Only this partition of the topic.", min=0)]
First = Annotated[int | None, typer.Option("--from-offset", help="Start at this offset.", min=0)]
End = Annotated[int | None, typer.Option("--to-offset", help="Stop before this offset.", min=0)]
Until = Annotated[
    str | None,
    typer.Option("--until", help="RFC 3339 with offset: advance the clock to this time after the last event."),
]


def replay(
    jsonl: Lines = None, partition: PartitionNumber = None, first: First = None, end: End = None, until: Until = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Process events again and report the result. Exit code 1: gaps, duplicates, or dead letters."""
    settings = load_settings()
    report = _run(settings, jsonl, Range(partition, first, end), until)
    if as_json:
        print_json(msgspec.to_builtins(report))
    else:
        facts = {name: value for name, value in msgspec.structs.asdict(report).items() if name != "alerts"}
        print_table(("What", "Value"), [[name, _words(value)] for name, value in facts.items()])
    if report.gaps or report.duplicates or report.dead_letters or report.split_projects:
        raise typer.Exit(ExitCode.ISSUES_FOUND)


def backtest(
    file: Annotated[Path, typer.Argument(help="The rules file to test.")],
    jsonl: Lines = None, partition: PartitionNumber = None, first: First = None, end: End = None, until: Until = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Show which alerts these rules would have raised over past events. Exit code 1: any, or dead letters."""
    settings = load_settings().model_copy(update={"rules_file": file})
    report = _run(settings, jsonl, Range(partition, first, end), until)
    if as_json:
        told = {"firings": report.firings, "transitions": report.transitions, "alerts": report.alerts}
        print_json({"records": report.records, "dead_letters": report.dead_letters, **told})
    else:
        rows = [[a["updated_at"], a["alert_key"], a["status"], a["reason"], a["description"]] for a in report.alerts]
        print_table(("When", "Alert", "Status", "Why", "What"), rows)
        print(f"{count(report.records, 'record')}; firings: {_words(report.firings)}")
        if report.dead_letters:
            print(f"Dead letters: {_words(report.dead_letters)}", file=sys.stderr)
    if any(report.firings.values()) or report.dead_letters:
        raise typer.Exit(ExitCode.ISSUES_FOUND)


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items()) or "none"
    return str(value)


def _run(settings: Settings, jsonl: Path | None, wanted: Range, until: str | None) -> Report:
    core, until_ms = core_from(settings), _moment(until)
    kafka = kafka_access(settings)
    if jsonl is not None and wanted != Range():
        raise Failure("A file has no partitions and offsets: leave those out with --jsonl.", ExitCode.USAGE)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    batches: AsyncIterator[ReplayBatch] = (
        from_topic(kafka, settings.events_topic, wanted) if jsonl is None
        else from_file(jsonl, time.time_ns() // 1_000_000)
    )  # fmt: skip
    spare_the_state()
    try:
        report = asyncio.run(_replayed(run_replay(core, batches, until_ms), kafka))
    except (NoSuchPartition, UnreadableFile) as error:
        raise Failure(str(error), ExitCode.USAGE) from None
    except OSError as error:
        raise Failure(f"{jsonl or kafka} cannot be read: {error.strerror or error}.", ExitCode.USAGE) from None
    if not report.records:
        print(f"{jsonl or settings.events_topic} holds no records in this range.", file=sys.stderr)
    return report


async def _replayed(replaying: Coroutine[Any, Any, Report], kafka: KafkaAccess) -> Report:
    from aiokafka.errors import KafkaError

    from agents.kafka.refusals import why

    try:
        return await replaying
    except KafkaError as error:
        raise Failure(await why(error, kafka), ExitCode.UNREACHABLE) from None


def _moment(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError
    except ValueError:
        raise Failure(
            f"--until {text} is no RFC 3339 time with an offset, such as 2026-01-31T09:00:00Z.", ExitCode.USAGE
        ) from None
    return epoch_ms(moment)
