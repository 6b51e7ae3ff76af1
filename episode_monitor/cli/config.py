"""`episode-monitor config`."""

import os

import typer

from episode_monitor.cli.output import Json, print_json, print_table, shown
from episode_monitor.settings.env_file import ENV_FILE, source_of
from episode_monitor.settings.settings import load_settings

config = typer.Typer(no_args_is_help=True, help="Show the settings.")


@config.command("show")
def config_show(as_json: Json = False) -> None:
    """Show every setting with its value and its source; secrets are never shown."""
    values = load_settings().public()
    if as_json:
        print_json(values)
        return
    rows = [
        [name, "not set" if value is None else shown(value), source_of(name, ENV_FILE, os.environ)]
        for name, value in values.items()
    ]
    print_table(("Setting", "Value", "From"), rows)
