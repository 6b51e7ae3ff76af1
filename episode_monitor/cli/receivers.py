"""`receivers`: where alerts go, and whether they arrive there."""

from typing import Annotated
from urllib.parse import quote

import typer

from episode_monitor.cli.calling import By, Url, get, name_of, post
from episode_monitor.cli.output import Json, print_json, print_table
from episode_monitor.exits import ExitCode
from episode_monitor.settings.settings import load_settings

receivers = typer.Typer(no_args_is_help=True, help="Show and try the receivers of a running monitor.")


@receivers.command("list")
def list_receivers(url: Url = None, as_json: Json = False) -> None:
    """List the receivers in force with their sinks. Exit code 1 if a sink is in trouble."""
    found = get(load_settings(), url, "/receivers")
    if as_json:
        print_json(found)
    else:
        rows = [
            [
                each["name"],
                sink["sink"],
                str(sink["waiting"]),
                "switched off" if sink["switched_off"] else sink["trouble"],
            ]
            for each in found["receivers"]
            for sink in each["sinks"] or [{"sink": "", "waiting": 0, "trouble": "no sink", "switched_off": False}]
        ]
        print_table(("Receiver", "Sink", "Waiting", "Trouble"), rows)
    if any(sink["trouble"] or sink["switched_off"] for each in found["receivers"] for sink in each["sinks"]):
        raise typer.Exit(ExitCode.ISSUES_FOUND)


@receivers.command("test")
def send_sample(
    name: Annotated[str, typer.Argument(help="The receiver, as `receivers list` shows it.")],
    by: By = None, url: Url = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Send a sample alert, marked as one, to a receiver. Exit code 1 if one of its sinks does not take it."""
    found = post(load_settings(), url, f"/receivers/{quote(name, safe='')}/test", {"by": name_of(by)})
    if as_json:
        print_json(found)
    else:
        print_table(
            ("Sink", "Outcome", "Why"), [[one["sink"], one["outcome"], one["reason"]] for one in found["sinks"]]
        )
    if found["outcome"] != "delivered":
        raise typer.Exit(ExitCode.ISSUES_FOUND)
