"""`dead-letters`: records that were refused and alerts that were not delivered, listed and handled."""

from typing import Annotated, Any, Literal

import typer

from episode_monitor.cli.calling import By, Url, every, name_of, post
from episode_monitor.cli.output import Json, print_json, print_table
from episode_monitor.exits import ExitCode
from episode_monitor.settings.settings import load_settings

dead_letters = typer.Typer(no_args_is_help=True, help="Show and handle the dead letters of a running monitor.")

Ids = Annotated[list[str], typer.Argument(help="Ids, as `dead-letters list` shows them.")]
Comment = Annotated[str, typer.Option(help="The reason; stored with the letter.")]


@dead_letters.command("list")
def list_dead_letters(
    kind: Annotated[Literal["event", "alert", "all"], typer.Option(help="event, alert or all.")] = "all",
    url: Url = None, as_json: Json = False,
) -> None:  # fmt: skip
    """List dead letters that nobody has handled, newest first. Exit code 1 if there are any."""
    found = every(load_settings(), url, "/dead-letters", "dead_letters", {} if kind == "all" else {"kind": kind})
    if as_json:
        print_json({"dead_letters": found, "total": len(found)})
    else:
        told = ("key", "reason", "detail")
        rows = [[one["id"], one["at"], _origin(one["origin"]), *(one[name] for name in told)] for one in found]
        print_table(("Id", "At", "From", "Key", "Reason", "Detail"), rows)
    if found:
        raise typer.Exit(ExitCode.ISSUES_FOUND)


@dead_letters.command("retry")
def retry(ids: Ids, by: By = None, comment: Comment = "", url: Url = None, as_json: Json = False) -> None:
    """Send events to their topic again, alerts to their sink. Exit code 1 if one was not taken."""
    _handle("retry", ids, by, comment, url, as_json)


@dead_letters.command("discard")
def discard(ids: Ids, by: By = None, comment: Comment = "", url: Url = None, as_json: Json = False) -> None:
    """Take dead letters from the list; their records stay in the topic."""
    _handle("discard", ids, by, comment, url, as_json)


def _handle(verb: str, ids: list[str], by: str | None, comment: str, url: str | None, as_json: bool) -> None:
    settings, body = load_settings(), {"by": name_of(by), "comment": comment}
    found = [post(settings, url, f"/dead-letters/{each}/{verb}", body) for each in ids]
    if as_json:
        print_json({"dead_letters": found})
    else:
        print_table(("Id", "Outcome", "Why"), [[one["id"], one["outcome"], one["reason"]] for one in found])
    if any(one["outcome"] == "failed" for one in found):
        raise typer.Exit(ExitCode.ISSUES_FOUND)


def _origin(origin: dict[str, Any]) -> str:
    return origin["sink"] or f"{origin['topic']}/{origin['partition']}@{origin['offset']}"
