"""`replay`: events processed once more, from the topic or a file; nothing is written or delivered."""

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import Annotated

import msgspec
import typer

from agents.engine.gc_tuning import spare_the_state
from episode_monitor.cli.interrupts import Interrupts
from episode_monitor.cli.output import Json, print_json
from episode_monitor.cli.replay_against import AgainstWhat, Compared, MonitorUrl, Token, check_options, compare
from episode_monitor.cli.replay_options import (
    From,
    FromOffset,
    Lines,
    PartitionNumber,
    ShowsProgress,
    To,
    ToOffset,
    Until,
    Wanted,
    run,
    wanted,
)
from episode_monitor.cli.replay_progress import shown_progress
from episode_monitor.cli.replay_report import print_report
from episode_monitor.cli.replay_states import Plan, ResumeFile, SaveFile, SnapshotFile, States, forget, keep, plan
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.replay.processes import do_in_processes
from episode_monitor.replay.report import Report, merged
from episode_monitor.replay.work import Done, do
from episode_monitor.settings.rules_file import core_from
from episode_monitor.settings.settings import Settings, load_settings
from streams.alerting.core import Core

Processes = Annotated[
    int, typer.Option("--processes", help="Share the partitions among this many processes.", min=1, max=256)
]
Projects = Annotated[
    bool, typer.Option("--projects", help="List the digest of every project, also where there are more than 100.")
]


def replay(
    jsonl: Lines = None, partition: PartitionNumber = None, begin: From = None, end: To = None,
    from_offset: FromOffset = None, to_offset: ToOffset = None, until: Until = None, snapshot: SnapshotFile = None,
    save_snapshot: SaveFile = None, resume: ResumeFile = None, processes: Processes = 1, projects: Projects = False,
    progress: ShowsProgress = False, against: AgainstWhat = None, monitor_url: MonitorUrl = None, token: Token = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Process events again and report the result. Exit code 1: gaps, duplicates, dead letters, or differences."""
    compared = None if against is None else Compared(against, partition, monitor_url, token, progress)
    others = {"--jsonl": jsonl, "--from": begin, "--to": end, "--from-offset": from_offset, "--to-offset": to_offset,
              "--until": until, "--snapshot": snapshot, "--save-snapshot": save_snapshot, "--resume": resume,
              "--processes": processes > 1, "--projects": projects}  # fmt: skip
    check_options(compared, others, only_live={"--monitor-url": monitor_url, "--token": token})
    if compared is not None:
        compare(load_settings(), compared, as_json)
        return
    asked = wanted(jsonl, partition, begin, end, from_offset, to_offset, until)
    settings = load_settings()
    core = core_from(settings)
    states = States(snapshot, save_snapshot, resume)
    interrupts = Interrupts(reads_file=jsonl is not None)
    with interrupts.watched():
        try:
            done, unkept, of_source = _done(settings, core, asked, states, processes, progress, interrupts)
            report = merged(core, done.outcomes, all_projects=projects, of_source=of_source)
        except KeyboardInterrupt:
            raise Failure("Interrupted; nothing was kept.", ExitCode.INTERRUPTED) from None
    _tell(report, "standard input" if str(jsonl) == "-" else str(jsonl or settings.events_topic))
    if as_json:
        print_json(msgspec.to_builtins(report))
    else:
        print_report(report)
    if unkept is not None:
        raise unkept
    forget(states)
    if report.has_issues:
        raise typer.Exit(ExitCode.ISSUES_FOUND)


def _done(
    settings: Settings, core: Core, asked: Wanted, states: States, processes: int, is_asked: bool,
    interrupts: Interrupts,
) -> tuple[Done, Failure | None, Sequence[str]]:  # fmt: skip
    """Plan, do, and write what is to be kept; why that failed; the source's warnings. Raises Failure where it was
    interrupted."""
    planned = run(partial(plan, states, asked, core, settings), settings, asked.jsonl)
    if planned.says:
        print(planned.says, file=sys.stderr)
    processes = _used(processes, planned)
    spare_the_state()
    gentle = nullcontext() if states.when_stopped is None else interrupts.gentle()
    with gentle, shown_progress(is_asked) as progress:
        if processes > 1:
            topic = settings.events_topic
            done = do_in_processes(settings, topic, planned.work, processes, progress, lambda: interrupts.is_pressed)
        else:
            work = partial(do, core, planned.source, planned.work, progress, lambda: interrupts.is_pressed)
            done = run(work, settings, asked.jsonl)
    try:
        kept = keep(states, planned, done)
    except Failure as failure:
        if done.is_finished:  # the report may have cost an hour
            return done, failure, planned.source.warnings
        raise
    if not done.is_finished:
        raise Failure(
            f"Interrupted after {done.events} events; replay --resume {kept} continues.", ExitCode.INTERRUPTED
        )
    return done, None, planned.source.warnings


def _used(processes: int, planned: Plan) -> int:
    """How many processes the work can use."""
    most = len(planned.work.bounds)
    if processes > most:
        what = "A file has one partition" if not planned.source.is_topic else f"There are {most} partitions"
        print(f"{what}, so {most} of {processes} processes are used.", file=sys.stderr)
    return min(processes, most)


def _tell(report: Report, name: str) -> None:
    """What the report must not be read without."""
    if not report.events:
        print(f"{name} holds no records in this range.", file=sys.stderr)
    for warning in report.warnings:
        print(warning, file=sys.stderr)
