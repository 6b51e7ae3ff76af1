"""`oncall`: who is on call, and overrides of shifts, asked of a running worker; or by a file of schedules."""

import sys
import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import typer

from episode_monitor.cli.calling import By, Url, delete, get, name_of, post
from episode_monitor.cli.output import Json, print_json, print_made, print_table
from episode_monitor.cli.times import moment, span
from episode_monitor.dispatch.on_call_bodies import shift_view
from episode_monitor.exits import ExitCode
from episode_monitor.settings.alerting_files import load_on_call
from episode_monitor.settings.settings import load_settings
from models.times import rfc3339

oncall = typer.Typer(no_args_is_help=True, help="Show who is on call, and overrides of shifts.")
override = typer.Typer(no_args_is_help=True, help="Show and handle overrides of a running monitor.")
oncall.add_typer(override, name="override")
At = Annotated[str | None, typer.Option(help="RFC 3339 with offset; default: now.")]


@oncall.command("show")
def show_on_call(
    file: Annotated[
        Path | None, typer.Option(help="A file of schedules, without overrides; default: ask a running worker.")
    ] = None,
    at: At = None, url: Url = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Show who has the shift of each schedule, until when, and who is next. Exit code 1 if one has nobody."""
    if file is None:
        asked = {} if at is None else {"at": rfc3339(moment(at, "--at"))}
        found = get(load_settings(), url, "/oncall", asked)["schedules"]
    else:
        at_ms = time.time_ns() // 1_000_000 if at is None else moment(at, "--at")
        views = [shift_view(schedule, at_ms) for schedule in load_on_call(file, None).schedules]
        found = msgspec.to_builtins(views)
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


@override.command("list")
def list_overrides(url: Url = None, as_json: Json = False) -> None:
    """List overrides, those that begin first at the beginning."""
    found = get(load_settings(), url, "/oncall/overrides")
    if as_json:
        print_json(found)
        return
    rows = [[one["id"], one["schedule"], one["person"], one["since"], one["until"], one["by"], one["comment"]]
            for one in found["overrides"]]  # fmt: skip
    print_table(("Id", "Schedule", "Person", "Since", "Until", "By", "Comment"), rows)


@override.command("add")
def add_override(
    schedule: Annotated[str, typer.Argument(help="A schedule of the on-call file.")],
    person: Annotated[str, typer.Argument(help="Who is on call.")],
    minutes: Annotated[int | None, typer.Option(min=1, max=527_040, help="The duration; default: 60.")] = None,
    until: Annotated[str | None, typer.Option(help="RFC 3339 with offset, in place of --minutes.")] = None,
    since: Annotated[str | None, typer.Option(help="RFC 3339 with offset; default: now.")] = None,
    by: By = None, comment: Annotated[str, typer.Option(help="The reason.")] = "", url: Url = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Put a person on call for a while, whatever the layers say. Prints the override's id."""
    body: dict[str, Any] = {"schedule": schedule, "person": person, "by": name_of(by), "comment": comment}
    body |= span(minutes, until, "until")
    if since is not None:
        body["since"] = rfc3339(moment(since, "--since"))
    print_made(post(load_settings(), url, "/oncall/overrides", body), as_json)


@override.command("remove")
def remove_override(
    override_id: Annotated[str, typer.Argument(metavar="ID", help="As `oncall override list` shows it.")],
    url: Url = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Remove an override: the layers count again."""
    removed = delete(load_settings(), url, f"/oncall/overrides/{quote(override_id, safe='')}")
    if as_json:
        print_json(removed)
    else:
        print(f"{removed['person']} no longer has the shift of {removed['schedule']}.")
