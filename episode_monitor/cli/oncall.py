"""`oncall`: who is on call by a file of schedules."""

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from episode_monitor.cli.output import Json, print_json, print_table
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.replay.ranges import BadRange, moment_ms
from episode_monitor.settings.alerting_files import load_on_call
from models.times import rfc3339
from streams.routing.schedule import Schedule
from streams.routing.shifts import Shift, following, who

oncall = typer.Typer(no_args_is_help=True, help="Show who is on call by a file. Workers do not read such a file yet.")


@oncall.callback()
def _group() -> None:
    """Keeps `show` a command of its own name while it is the only one."""


@oncall.command("show")
def show_on_call(
    file: Annotated[Path, typer.Option(help="A file of schedules, such as oncall.yaml.")],
    at: Annotated[str | None, typer.Option(help="RFC 3339 with offset; default: now.")] = None,
    as_json: Json = False,
) -> None:
    """Show who has the shift of each schedule, until when, and who is next. Exit code 1 if one has nobody."""
    try:
        at_ms = time.time_ns() // 1_000_000 if at is None else moment_ms(at, "--at")
    except BadRange as error:
        raise Failure(str(error), ExitCode.USAGE) from None
    found = [_shown(schedule, who(schedule, at_ms)) for schedule in load_on_call(file, None).schedules]
    if as_json:
        print_json({"schedules": found})
    else:
        rows = [
            [one["schedule"], one["person"] or "NOBODY", one["source"], one["receiver"], one["since"] or "",
             one["until"] or "", (one["next"] or {}).get("person") or ""]
            for one in found
        ]  # fmt: skip
        print_table(("Schedule", "Person", "By", "Receiver", "Since", "Until", "Next"), rows)
    empty = [one for one in found if one["person"] is None]
    for one in empty:
        reasons = " ".join(one["empty_layers"])
        print(f"{one['schedule']}: nobody is on call. {reasons} Pages go to {one['receiver']}.", file=sys.stderr)
    if empty:
        raise typer.Exit(ExitCode.ISSUES_FOUND)


def _shown(schedule: Schedule, shift: Shift) -> dict[str, Any]:
    after = following(schedule, shift)
    return {
        "schedule": shift.schedule,
        "person": shift.person,
        "since": _moment(shift.since_ms),
        "until": _moment(shift.until_ms),
        "next": after and {"person": after.person, "since": _moment(after.since_ms), "until": _moment(after.until_ms)},
        "source": shift.source,
        "receiver": schedule.receiver_of(shift.person),
        "empty_layers": list(shift.empty_layers),
    }


def _moment(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)
