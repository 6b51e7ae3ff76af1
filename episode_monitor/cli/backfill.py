"""`episode-monitor backfill`: words, progress and exit code; the work is in `episode_monitor.backfill`."""

import asyncio
import signal
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from episode_monitor.access import episodes_table, kafka_access, topic_names
from episode_monitor.backfill.position import PositionFile
from episode_monitor.backfill.run import Backfill, Orders
from episode_monitor.backfill.sending import Partitioner
from episode_monitor.cli.output import Json, print_json
from episode_monitor.cli.service_database import failing_as_a_command
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.settings.settings import Settings, load_settings
from episode_monitor.storage.address import Address


def backfill(
    rate: Annotated[
        float | None, typer.Option(help="Maximum number of events per second.", min=0.1, max=1_000_000)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check every row, but send nothing.")] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start from the beginning, not where the last run stopped.")
    ] = False,
    partitioner: Annotated[
        Partitioner, typer.Option(help="The partitioner of the project service's producer; crc32 for librdkafka.")
    ] = Partitioner.MURMUR2,
    as_json: Json = False,
) -> None:
    """Send every episode of the project service's table as an event, so that the monitor knows all existing numbers."""
    from episode_monitor.observe.logs import configure_command

    settings = load_settings()
    configure_command(settings.log_level, settings.log_format)
    summary = asyncio.run(_run(settings, rate, dry_run, restart, partitioner))
    if as_json:
        print_json(summary)
    else:
        _print(summary)
    clean = summary["status"] == "completed" and not summary["unusable"]["total"]
    raise SystemExit(int(ExitCode.CLEAN if clean else ExitCode.ISSUES_FOUND))


async def _run(
    settings: Settings, rate: float | None, dry_run: bool, restart: bool, partitioner: Partitioner
) -> dict[str, Any]:
    if settings.database_url is None:
        raise Failure("DATABASE_URL is not set; set it to the project service's database.", ExitCode.USAGE)
    url, topic = settings.database_url.get_secret_value(), settings.events_topic
    table = episodes_table(settings)
    columns = (table.id_column, table.project_column, table.number_column)
    orders = Orders(url, table, kafka_access(settings), topic, rate, dry_run, partitioner)
    place = Address.parse(url, "DATABASE_URL").place
    position = PositionFile(settings.state_dir, place, table.table, *columns, topic)
    with failing_as_a_command():
        if dry_run:
            return await _with_progress(lambda show: Backfill(orders, position, show))
        with position.hold():
            if restart:
                position.forget()
            await _ensure_topics(settings)
            return await _with_progress(lambda show: Backfill(orders, position, show))


async def _with_progress(make: Any) -> dict[str, Any]:
    words = (TextColumn("Backfill"), BarColumn(), MofNCompleteColumn(), TextColumn("rows"), TimeRemainingColumn())
    with Progress(*words, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("backfill", total=None)
        work = make(lambda done, total: bar.update(task, completed=done, total=total))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, work.stop)
        summary: dict[str, Any] = await work.run()
        return summary


async def _ensure_topics(settings: Settings) -> None:
    from aiokafka.errors import KafkaError

    from agents.kafka.refusals import why
    from agents.kafka.topics import TopicMismatch, ensure_topics

    kafka = kafka_access(settings)
    try:
        await ensure_topics(kafka, topic_names(settings), settings.events_partitions, settings.topic_replication_factor)
    except TopicMismatch as error:
        raise Failure(str(error), ExitCode.USAGE) from None
    except (KafkaError, OSError) as error:
        raise Failure(await why(error, kafka), ExitCode.UNREACHABLE) from None


def _print(summary: dict[str, Any]) -> None:
    unusable = summary["unusable"]
    verb = "would be stated" if summary["dry_run"] else "stated"
    print(f"{summary['stated']} episodes of {summary['projects']} projects {verb} in {summary['topic']}.")
    if summary["status"] == "stopped":
        print("Stopped before the end; run the same command again to continue.")
    if unusable["total"]:
        print(f"{unusable['total']} rows cannot be stated:")
        for sample in unusable["samples"]:
            print(f"  project {sample['project_id']!r}, episode {sample['episode_id']!r}: {sample['why']}")
        if unusable["total"] > len(unusable["samples"]):
            print("  ...", file=sys.stdout)
