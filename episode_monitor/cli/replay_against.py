"""`replay --against live|database`: where the topic and what was made of it disagree, each difference with its name."""

import asyncio
import sys
from collections.abc import Coroutine, Mapping
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

import msgspec
import typer

from agents.engine.gc_tuning import spare_the_state
from episode_monitor.access import episodes_table, kafka_access, secret
from episode_monitor.cli.calling import WorkerClient
from episode_monitor.cli.output import count, print_json, print_table
from episode_monitor.cli.replay_options import run
from episode_monitor.cli.replay_progress import shown_progress
from episode_monitor.cli.service_database import failing_as_a_command
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.replay.against.database_run import AgainstDatabase, ServiceTable
from episode_monitor.replay.against.difference import Comparison
from episode_monitor.replay.against.letters import letters_of
from episode_monitor.replay.against.live import LiveMonitor
from episode_monitor.replay.against.live_run import AgainstLive, Place
from episode_monitor.replay.ranges import Range
from episode_monitor.replay.run import ShowProgress
from episode_monitor.replay.source import Source
from episode_monitor.replay.topic_source import TopicSource
from episode_monitor.service_database.reader import EpisodesReader
from episode_monitor.settings.rules_file import core_from
from episode_monitor.settings.settings import Settings


class Against(StrEnum):
    """What a replay is compared with."""

    LIVE = "live"
    DATABASE = "database"


AgainstWhat = Annotated[
    Against | None,
    typer.Option("--against", help="Compare with the live monitor's states, or with the table in DATABASE_URL."),
]
MonitorUrl = Annotated[
    str | None,
    typer.Option("--monitor-url", help="With --against live: a worker's address; default: the one in the settings."),
]
Token = Annotated[
    str | None, typer.Option("--token", help="With --against live: sent as Bearer token, for a proxy that needs one.")
]

_SHOWN = 200  # differences in the table; --json has more


class Compared(msgspec.Struct, frozen=True):
    """What a command was asked to compare."""

    against: Against
    partition: int | None = None
    monitor_url: str | None = None
    token: str | None = None
    shows_progress: bool = False


def check_options(asked: Compared | None, others: Mapping[str, object], *, only_live: Mapping[str, object]) -> None:
    """Raises Failure for options that do not go together. `others`: those of a replay that is not compared."""
    if asked is None:
        others = {}
    if asked is None or asked.against is not Against.LIVE:
        given = [name for name, value in only_live.items() if value]
        if given:
            raise Failure(f"{given[0]} goes with --against live; leave it out.", ExitCode.USAGE)
    if asked is not None and asked.against is Against.DATABASE and asked.partition is not None:
        raise Failure("The table is compared with all partitions: leave out --partition.", ExitCode.USAGE)
    given = [name for name, value in others.items() if value]
    if given:
        raise Failure(
            f"--against compares all that the topic has, from its beginning: leave out {given[0]}.", ExitCode.USAGE
        )


def compare(settings: Settings, asked: Compared, as_json: bool) -> None:
    """Compare, and print what differs. Raises Failure; exits with 1 where anything does."""
    spare_the_state()
    with shown_progress(asked.shows_progress) as progress:
        try:
            with failing_as_a_command():
                found = run(partial(_found, settings, asked, progress), settings, None)
        except KeyboardInterrupt:
            raise Failure("Interrupted; nothing was kept.", ExitCode.INTERRUPTED) from None
    for note in found.notes:
        print(note, file=sys.stderr)
    if as_json:
        print_json(msgspec.to_builtins(found))
    else:
        _print(found, asked.against.capitalize())
    if not found.equal:
        raise typer.Exit(ExitCode.ISSUES_FOUND)


def _found(settings: Settings, asked: Compared, progress: ShowProgress) -> Coroutine[Any, Any, Comparison]:
    kafka, core = kafka_access(settings), core_from(settings)

    def source(wanted: Range) -> Source:
        return TopicSource(kafka, settings.events_topic, wanted)

    if asked.against is Against.DATABASE:
        return AgainstDatabase(core, source, _table(settings), progress).run()
    monitor_id = settings.monitor_id
    place = Place(
        source=lambda partition: source(Range(partition)),
        letters=lambda topic: letters_of(kafka, settings.dead_letters_topic, topic, monitor_id),
        monitor_id=monitor_id,
        partition=asked.partition,
    )
    client = WorkerClient(settings, asked.monitor_url, token=asked.token, option="--monitor-url")
    return AgainstLive(core, place, LiveMonitor(client.address, client.get), progress).run()


def _table(settings: Settings) -> ServiceTable:
    url = secret(settings.database_url)
    if url is None:
        raise Failure("--against database compares with the project service's table: set DATABASE_URL.", ExitCode.USAGE)

    async def settle() -> None:
        seconds = settings.gap_settle_seconds
        print(f"Some projects differ: they are looked at again in {seconds:g} s.", file=sys.stderr)
        await asyncio.sleep(seconds)

    return ServiceTable(open_reader=lambda: EpisodesReader.open(url, episodes_table(settings)), settle=settle)


# --- for people


def _print(found: Comparison, other: str) -> None:
    partitions = count(len(found.partitions), "partition")
    if found.equal:
        print(f"{count(found.projects, 'project')} of {partitions} compared: all equal.")
        return
    counts = ", ".join(f"{what} {number}" for what, number in found.counts.items())
    print(f"{count(found.projects, 'project')} of {partitions} compared; differences: {counts}.")
    rows = [
        [one.project_id or "-", "" if one.partition is None else str(one.partition), one.what, _short(one.replayed),
         _short(one.other), one.explanation]
        for one in found.differences[:_SHOWN]
    ]  # fmt: skip
    print_table(("Project", "Partition", "What", "Replayed", other, "Explanation"), rows)
    if found.truncated or len(found.differences) > _SHOWN:
        print(f"The first {min(len(found.differences), _SHOWN)} are listed; --json lists more.", file=sys.stderr)


def _short(side: object) -> str:
    if side is None:
        return "-"
    if isinstance(side, dict):
        return ", ".join(f"{name} {value}" for name, value in side.items())
    return str(side)
