"""What a replay has to do and what came of it, in a form that one process can give to another."""

from collections.abc import Callable, Sequence

import msgspec

from episode_monitor.replay.partition_replay import Outcome, Saved
from episode_monitor.replay.ranges import Bounds
from episode_monitor.replay.run import Replay, ShowProgress, take_all
from episode_monitor.replay.source import Source
from streams.alerting.core import Core


class Work(msgspec.Struct, frozen=True):
    """Records to take, the states to go on from, and how far time goes on at the end.

    `keeps_end` and `keeps_stop`: the states are wanted after the last record, or where the work was stopped.
    """

    bounds: Sequence[Bounds]
    saved: Sequence[Saved] = ()
    until_ms: int | None = None
    keeps_end: bool = False
    keeps_stop: bool = False


class Done(msgspec.Struct, frozen=True):
    """`outcomes` of all partitions where it was finished, and the states where they were wanted."""

    is_finished: bool
    events: int
    outcomes: list[Outcome]
    saved: list[Saved]


async def do(
    core: Core, source: Source, work: Work, progress: ShowProgress | None, is_stopped: Callable[[], bool]
) -> Done:
    """Do it in this process. Raises what the source raises."""
    running = Replay(core, work.bounds, work.saved)
    is_finished = await take_all(running, source, work.bounds, progress=progress, is_stopped=is_stopped)
    saved = running.saved() if (work.keeps_end if is_finished else work.keeps_stop) else []
    if is_finished:
        running.advance(work.until_ms)
    return Done(is_finished, running.events, running.outcomes() if is_finished else [], saved)


def together(parts: Sequence[Done]) -> Done:
    """What several processes did."""
    is_finished = all(part.is_finished for part in parts)
    outcomes = [outcome for part in parts for outcome in part.outcomes] if is_finished else []
    saved = [each for part in parts for each in part.saved]
    return Done(is_finished, sum(part.events for part in parts), outcomes, saved)


def shares(work: Work, processes: int) -> list[Work]:
    """The work for so many processes or fewer: each partition in one, the longest first to the one with the least."""
    mine: list[list[Bounds]] = [[] for _ in range(min(processes, len(work.bounds)) or 1)]
    loads = [0] * len(mine)
    for bounds in sorted(work.bounds, key=lambda one: one.first - (one.end or one.first)):
        least = loads.index(min(loads))
        mine[least].append(bounds)
        loads[least] += (bounds.end or bounds.first) - bounds.first
    found = []
    for share in mine:
        numbers = {bounds.partition for bounds in share}
        saved = [each for each in work.saved if each.tally.partition in numbers]
        found.append(msgspec.structs.replace(work, bounds=sorted(share, key=lambda one: one.partition), saved=saved))
    return found
