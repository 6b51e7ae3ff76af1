"""The entrance of the command line: the commands, each group in a file of its own, and how a failure ends them."""

import errno
import os
import sys
from typing import Annotated

import typer

from episode_monitor import __version__
from episode_monitor.cli.commands import WITHOUT_SETTINGS, LazyCommands, options_of
from episode_monitor.exits import ExitCode, Failure, end_start, is_interruption

_PROCESS = object()  # the context's object where a command is the whole process, as it is not in tests
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # a disk, a quota, a limit of files

app = typer.Typer(
    cls=LazyCommands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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
    options = {"help": True} if context.resilient_parsing else options_of(context)
    if "help" not in options and context.invoked_subcommand not in WITHOUT_SETTINGS:
        _prepare(is_process=context.obj is _PROCESS, is_seated="seat" in options)
    end_start()


def _prepare(*, is_process: bool, is_seated: bool) -> None:
    """For a command that runs; help waits for nothing of it. Logging is of a whole process."""
    from episode_monitor.observe.logs import configure_quiet
    from episode_monitor.settings.env_file import ENV_FILE, notices
    from episode_monitor.settings.settings import Settings

    if is_process:
        configure_quiet()
    if is_seated:  # one of several processes, whose supervisor has said it
        return
    for sentence in notices(ENV_FILE, os.environ, Settings.model_fields):
        print(f"episode-monitor: {sentence}", file=sys.stderr)


def main() -> None:
    """Run a command; every failure is a sentence on standard error and an exit code."""
    try:
        try:
            app(prog_name="episode-monitor", standalone_mode=True, obj=_PROCESS)
        finally:
            sys.stdout.flush()
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
