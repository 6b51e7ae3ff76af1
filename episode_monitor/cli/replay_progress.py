"""How far a replay is, on standard error: a bar on a terminal; elsewhere, where it is asked for, a line every 10 s."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

from episode_monitor.cli.output import bar
from episode_monitor.replay.run import Progress, ShowProgress

LINE_SECONDS = 10.0


@contextmanager
def shown_progress(is_asked: bool, name: str = "Replay") -> Iterator[ShowProgress]:
    """What a replay calls with its progress. `is_asked`: lines, where standard error is no terminal."""
    columns = (TextColumn(name), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[speed]}"))
    with bar(*columns, TimeRemainingColumn()) as shown:
        task, began = shown.add_task("replay", total=None, speed=""), time.monotonic()
        due = began + LINE_SECONDS

        def show(progress: Progress) -> None:
            nonlocal due
            now = time.monotonic()
            if not shown.disable:
                speed = f"{progress.events / max(now - began, 0.001):,.0f} events/s"
                shown.update(task, completed=progress.done, total=progress.total, speed=speed)
            elif is_asked and now >= due:
                due = now + LINE_SECONDS
                print(line(progress, now - began), file=sys.stderr, flush=True)

        yield show


def line(progress: Progress, seconds: float) -> str:
    """One line after so many seconds: `12000 events, 4000 events/s, 40 %, 5 s left`."""
    words = [f"{progress.events} events", f"{progress.events / max(seconds, 0.001):.0f} events/s"]
    if progress.total:
        words.append(f"{100 * progress.done / progress.total:.0f} %")
        if progress.done:
            words.append(f"{seconds * (progress.total - progress.done) / progress.done:.0f} s left")
    return ", ".join(words)
