"""The entrance of the command line: the commands, each group in a file of its own, and how a failure ends them."""

import asyncio
import errno
import os
import sys
from typing import Annotated

import typer
import uvloop

from episode_monitor import __version__
from episode_monitor.cli.commands import LazyCommands
from episode_monitor.cli.output import Json, print_json, print_table, shown
from episode_monitor.exits import ExitCode, Failure, end_start, is_interruption
from episode_monitor.observe.logs import configure, configure_quiet
from episode_monitor.settings.env_file import ENV_FILE, notices, source_of
from episode_monitor.settings.rules_file import core_from
from episode_monitor.settings.settings import Settings, SettingsError, load_settings

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # a disk, a quota, a limit of files

app = typer.Typer(
    cls=LazyCommands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
config = typer.Typer(no_args_is_help=True, help="Show the settings.")
app.add_typer(config, name="config")


def _version(is_asked: bool) -> None:
    if is_asked:
        print(f"episode-monitor {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Monitors episode numbering in real time: gaps, duplicates, conflict and failure rates."""
    if not context.resilient_parsing and not {"--help"} & set(sys.argv):
        for sentence in notices(ENV_FILE, os.environ, Settings.model_fields):
            print(f"episode-monitor: {sentence}", file=sys.stderr)
    end_start()


def main() -> None:
    """Run a command; every failure is a sentence on standard error and an exit code."""
    configure_quiet()
    try:
        try:
            app(prog_name="episode-monitor", standalone_mode=True)
        finally:
            sys.stdout.flush()
    except SettingsError as error:
        _end(str(error), ExitCode.USAGE)
    except Failure as failure:
        _end(str(failure), failure.code)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python tries to write the rest at its end
        _end(f"The output cannot be written: {error.strerror}. Free some space and try again.", ExitCode.USAGE)
    except (KeyboardInterrupt, Exception) as error:
        if not is_interruption(error):
            raise
        _end("Interrupted before the command ended.", ExitCode.INTERRUPTED)


def _end(sentence: str, code: ExitCode) -> None:
    for line in sentence.splitlines():
        print(f"episode-monitor: {line}", file=sys.stderr)
    raise SystemExit(int(code))


def _settings() -> Settings:
    settings = load_settings()
    configure(settings.log_level, settings.log_format)
    return settings


@app.command()
def worker() -> None:
    """Read events from Kafka, keep the state, serve HTTP and deliver alerts. Runs until SIGTERM or Ctrl-C."""
    from episode_monitor.worker import run_worker

    settings = _settings()
    core = core_from(settings)
    raise SystemExit(int(uvloop.run(run_worker(settings, core))))


@app.command()
def demo(
    seconds: Annotated[float | None, typer.Option(help="Stop after this many seconds.")] = None,
    rate: Annotated[float, typer.Option(help="Episodes created per second, over all projects.", min=1, max=500)] = 20.0,
) -> None:
    """Run the whole system on this machine: broker, database, project service, load, worker. Ctrl-C stops it."""
    from episode_monitor.demo.stack import run_demo

    raise SystemExit(asyncio.run(run_demo(seconds=seconds, rate=rate)))


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
