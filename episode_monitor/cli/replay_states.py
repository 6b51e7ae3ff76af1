"""The files of `replay`: a snapshot to start from, one to write at the end, and one that an interruption leaves."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from episode_monitor.cli.replay_options import Wanted
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.replay import snapshot as snapshots
from episode_monitor.replay.partition_replay import Saved
from episode_monitor.replay.ranges import BadRange, Bounds, Moment, Range
from episode_monitor.replay.snapshot import CannotSave, Header, Snapshot, UnusableSnapshot
from episode_monitor.replay.source import Source
from episode_monitor.replay.work import Done, Work
from episode_monitor.settings.settings import Settings
from streams.alerting.core import Core

SnapshotFile = Annotated[
    Path | None, typer.Option("--snapshot", help="Start from the state in this file and add the range to it.")
]
SaveFile = Annotated[
    Path | None, typer.Option("--save-snapshot", help="Write the state at the end to this file; on Ctrl-C, as it is.")
]
ResumeFile = Annotated[
    Path | None,
    typer.Option(
        "--resume",
        help="Continue the interrupted replay in this file, if it exists; Ctrl-C writes it, the end deletes it.",
    ),
]


class States(msgspec.Struct, frozen=True):
    """The options."""

    snapshot: Path | None
    save: Path | None
    resume: Path | None

    @property
    def when_stopped(self) -> Path | None:
        """The file that an interruption writes."""
        return self.resume or self.save


class Plan(msgspec.Struct, frozen=True):
    """What is to be done, resolved, and the header of what it leaves. `says`: where it starts, for people."""

    source: Source
    work: Work
    header: Header
    says: str = ""


def load(states: States, asked: Wanted, core: Core, source: Source) -> Snapshot | None:
    """The snapshot to start from. Raises Failure."""
    path = states.resume if states.resume is not None and states.resume.exists() else states.snapshot
    if states.resume is not None and states.snapshot is not None:
        raise Failure("Use either --snapshot or --resume.", ExitCode.USAGE)
    if path is None:
        return None
    if path is states.snapshot and (asked.range.first is not None or asked.range.partition is not None):
        raise Failure(
            "A snapshot has its own beginning and partitions; leave out --from and --partition.", ExitCode.USAGE
        )
    try:
        return snapshots.load(path, core, snapshots.source_of(source.name, source.is_topic))
    except UnusableSnapshot as error:
        raise Failure(str(error), ExitCode.USAGE) from None


async def plan(states: States, asked: Wanted, core: Core, settings: Settings) -> Plan:
    """Resolve the range, on top of a snapshot where there is one. Raises Failure and what the source raises."""
    source = asked.source(settings)
    _check_moments(states, asked)
    check_places(states, asked.jsonl)
    found = await asyncio.to_thread(load, states, asked, core, source)
    if found is None:
        bounds = await source.resolve()
        return _plan(states, core, source, bounds, bounds, asked)
    is_resumed = states.resume is not None
    if is_resumed:
        before = found.header
        _check_same(states, asked, before)
        asked = msgspec.structs.replace(asked, now_ms=before.now_ms, until_ms=before.until_ms, words=before.asked)
    asked = msgspec.structs.replace(asked, range=_after(found, asked.range, is_resumed))
    source = asked.source(settings)
    bounds = await source.resolve()
    if is_resumed:  # partitions that came since are not part of it
        begun = {each.partition for each in found.header.bounds}
        bounds = tuple(each for each in bounds if each.partition in begun)
    _check_reached(found, bounds, source)
    whole = found.header.bounds if is_resumed else bounds
    planned = _plan(states, core, source, bounds, whole, asked, found.partitions)
    return msgspec.structs.replace(planned, says=_says(found, is_resumed))


def _plan(
    states: States, core: Core, source: Source, bounds: Sequence[Bounds], whole: Sequence[Bounds], asked: Wanted,
    saved: Sequence[Saved] = (),
) -> Plan:  # fmt: skip
    work = Work(bounds, saved, asked.until_ms, states.save is not None, states.when_stopped is not None)
    header = Header(
        snapshots.source_of(source.name, source.is_topic), snapshots.settings_of(core), list(whole), asked.until_ms,
        asked.now_ms, asked.range.partition, is_finished=False, asked=asked.words,
    )  # fmt: skip
    return Plan(source, work, header)


def check_places(states: States, read: Path | None) -> None:
    """Raises Failure where what is to be kept could not be written, or would replace the file that is read."""
    try:
        for path in (states.save, states.resume):
            if path is not None:
                snapshots.check_place(path)
                if read is not None and path.exists() and read.exists() and path.samefile(read):
                    raise Failure(f"{path} has the events to be read; name another file for the state.", ExitCode.USAGE)
    except CannotSave as error:
        raise Failure(str(error), ExitCode.USAGE) from None


def _check_moments(states: States, asked: Wanted) -> None:
    """Where a file goes on is known by its lines alone."""
    by_time = isinstance(asked.range.first, Moment) or isinstance(asked.range.end, Moment)
    if asked.jsonl is not None and by_time and states != States(None, None, None):
        raise Failure("A file's range by times has no snapshot; give its range by offsets.", ExitCode.USAGE)


def _check_same(states: States, asked: Wanted, before: Header) -> None:
    """An interrupted replay goes on as it began. Raises Failure where the options ask for another one."""
    if before.is_finished:
        raise Failure(
            f"{states.resume} has the end of a finished replay; add later records to it with --snapshot, or name a new "
            "file to begin anew.", ExitCode.USAGE,
        )  # fmt: skip
    others = [option for option, words in asked.words.items() if before.asked.get(option) != words]
    if others:
        whole = ", ".join(f"{each.partition}:{each.first}" for each in before.bounds)
        ends = ", ".join(f"{each.partition}:{'end' if each.end is None else each.end}" for each in before.bounds)
        given = " ".join(f"{option} {words}" for option, words in before.asked.items())
        raise Failure(
            f"{states.resume} has a replay of another range, from {whole} to {ends}"
            f"{f' ({given})' if given else ''}; leave out {' and '.join(others)} to continue it, or name a new file.",
            ExitCode.USAGE,
        )


def _after(found: Snapshot, wanted: Range, is_resumed: bool) -> Range:
    """The range from where a snapshot ends; of an interrupted replay, to where that was to end."""
    end = wanted.end
    if is_resumed:
        end = {each.partition: each.end for each in found.header.bounds if each.end is not None} or None
    return Range(found.header.only, found.next_offsets, end)


def _check_reached(found: Snapshot, bounds: Sequence[Bounds], source: Source) -> None:
    if not source.is_topic:
        return
    begins = {each.partition: each for each in bounds}
    for number, offset in sorted(found.next_offsets.items()):
        if begins[number].first != offset:
            raise BadRange(
                f"The snapshot ends at offset {offset} of partition {number}, and {source.name} has records up to "
                f"{begins[number].first} only, so it is of another topic of that name; make it anew."
            )


def _says(found: Snapshot, is_resumed: bool) -> str:
    places = ", ".join(f"{number}:{offset}" for number, offset in sorted(found.next_offsets.items()))
    return f"{'Continues an interrupted replay' if is_resumed else 'Starts from the snapshot'} at {places}."


def keep(states: States, planned: Plan, done: Done) -> Path | None:
    """Write what is to be kept; the file. Raises Failure."""
    path = states.save if done.is_finished else states.when_stopped
    if path is None:
        return None
    try:
        snapshots.save(path, msgspec.structs.replace(planned.header, is_finished=done.is_finished), done.saved)
    except CannotSave as error:
        raise Failure(str(error), ExitCode.USAGE) from None
    return path


def forget(states: States) -> None:
    """The replay was finished and reported: the same command begins anew next time. Raises Failure."""
    if states.resume is None or states.resume == states.save:
        return
    try:
        states.resume.unlink(missing_ok=True)
    except OSError as error:
        raise Failure(
            f"{states.resume} cannot be deleted: {error.strerror or error}. Delete it before the next replay.",
            ExitCode.USAGE,
        ) from None
